"""Roles, control planes, the API endpoint and taints."""

from collections.abc import Iterator
from ipaddress import ip_address

from kbootstrap import codes
from kbootstrap.model.checks.base import CheckContext
from kbootstrap.model.cluster import Role
from kbootstrap.model.kubernetes_names import TAKEN_PORTS
from kbootstrap.model.merge import MergedNode
from kbootstrap.model.problems import Violation
from kbootstrap.model.resolve_node import roles
from kbootstrap.model.validators.net import split_host_port

_NODES, _ENDPOINT = ("nodes",), ("api", "endpoint")
_CONTROL_PLANE = "node-role.kubernetes.io/control-plane"


def one_way_to_say(context: CheckContext) -> Iterator[Violation]:
    """`role` and `roles` are never written together."""
    for path, layer in context.layers:
        if layer.role is not None and layer.roles is not None:
            message = "role and roles are the same setting"
            yield Violation(
                code=codes.INV_CONTRADICTION,
                path=(*path, "roles"),
                message=message,
                allowed="one of the two",
            )


def every_node_has_one(context: CheckContext) -> Iterator[Violation]:
    """Each node has a role."""
    for member in context.members:
        if not roles(member.settings):
            yield Violation(
                code=codes.INV_ROLES,
                path=(*member.path, "role"),
                message=f"{member.entry.name} has no role",
                allowed="control-plane, worker or both, at the node, in a group or in defaults",
            )


def control_planes(context: CheckContext) -> Iterator[Violation]:
    """There is at least one; several need an endpoint; an odd number is best for quorum."""
    leaders = _leaders(context)
    stacked = context.inventory.etcd.external is None
    if not leaders:
        message = "no node is a control plane" if context.members else "there are no nodes"
        yield Violation(code=codes.INV_ROLES, path=_NODES, message=message)
    if len(leaders) > 1 and context.inventory.api.endpoint is None:
        yield Violation(
            code=codes.INV_ENDPOINT,
            path=_ENDPOINT,
            message=f"is missing: {len(leaders)} control planes need a stable endpoint",
            allowed="host:port of a DNS name, load balancer or virtual address",
        )
    if leaders and len(leaders) % 2 == 0 and stacked:
        message = f"{len(leaders)} control planes with etcd tolerate {len(leaders) // 2 - 1} losses"
        yield Violation(code=codes.INV_W_ETCD_QUORUM, path=_NODES, message=message, warning=True)
    if leaders and not any(Role.WORKER in roles(m.settings) for m in context.members):
        message = "all nodes are control planes only"
        yield Violation(code=codes.INV_W_NO_WORKER, path=_NODES, message=message, warning=True)


def _leaders(context: CheckContext) -> list[MergedNode]:
    return [m for m in context.members if Role.CONTROL_PLANE in roles(m.settings)]


def endpoint(context: CheckContext) -> Iterator[Violation]:
    """Warns of an endpoint on one of several control planes; its port must be served."""
    text = context.inventory.api.endpoint
    if text is None:
        return
    host, port = split_host_port(text)
    leaders = _leaders(context)
    owner = next((m for m in leaders if host in {m.entry.address, m.entry.name}), None)
    if owner is None:
        return
    if len(leaders) > 1:
        message = f"{host} is {owner.entry.name}; without that node the API cannot be reached"
        yield Violation(code=codes.INV_W_ENDPOINT, path=_ENDPOINT, message=message, warning=True)
    elif port != context.inventory.api.bind_port:
        message = f"port {port} of {owner.entry.name} is not the API server's"
        allowed = f"port {context.inventory.api.bind_port}, or api.bind_port: {port}"
        yield Violation(
            code=codes.INV_W_ENDPOINT,
            path=_ENDPOINT,
            message=message,
            allowed=allowed,
            warning=True,
        )


def endpoint_is_usable(context: CheckContext) -> Iterator[Violation]:
    """An endpoint that is an address can be reached by other nodes."""
    text = context.inventory.api.endpoint
    try:
        address = ip_address(split_host_port(text or "none:1")[0])
    except ValueError:
        return
    if address.is_loopback or address.is_unspecified or address.is_multicast:
        message = f"{address} is not an address that other nodes can reach"
        yield Violation(code=codes.INV_ENDPOINT, path=_ENDPOINT, message=message)


def bind_port(context: CheckContext) -> Iterator[Violation]:
    """The API server's port is not used by another process of the node."""
    port = context.inventory.api.bind_port
    if port in TAKEN_PORTS:
        path = ("api", "bind_port")
        message = f"{TAKEN_PORTS[port]} listens on port {port}"
        yield Violation(code=codes.INV_CONTRADICTION, path=path, message=message)


def taints(context: CheckContext) -> Iterator[Violation]:
    """Taints of a control plane replace kubeadm's; no taint is written twice."""
    for path, layer in context.layers:
        seen = set()
        for i, taint in enumerate(layer.taints or ()):
            if (taint.key, taint.effect) in seen:
                message = f"{taint.key} with {taint.effect} is written twice"
                yield Violation(code=codes.INV_TAINT, path=(*path, "taints", i), message=message)
            seen.add((taint.key, taint.effect))
    for member in _leaders(context):
        own = member.settings.taints
        replaced = own and not any(taint.key == _CONTROL_PLANE for taint in own)
        if replaced and Role.WORKER not in roles(member.settings):
            message = f"{member.entry.name} gets these taints only, not the control plane's"
            path = member.origin("taints")
            yield Violation(code=codes.INV_W_TAINTS, path=path, message=message, warning=True)


CHECKS = (
    one_way_to_say,
    every_node_has_one,
    control_planes,
    endpoint,
    endpoint_is_usable,
    bind_port,
    taints,
)
