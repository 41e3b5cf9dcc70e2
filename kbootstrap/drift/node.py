"""Compares the API's objects of one node with the inventory."""

from collections.abc import Iterator

from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.difference import Difference, shown
from kbootstrap.model.observed import CONTROL_PLANE_LABEL, Observed, ObservedNode


def of_node(cluster: Cluster, node: Node, api: Observed) -> Iterator[Difference]:
    """Differences of one node; none before it has joined."""
    seen = api.node(node.name)
    if seen is None:
        yield from _renamed(cluster, node, api)
        return
    plane = CONTROL_PLANE_LABEL in dict(seen.labels)
    if plane and not node.is_control_plane:
        yield other_role(node, "control-plane")
    yield from _runtime(cluster, node, seen)
    yield from _address(node, seen)


def other_role(node: Node, live: str) -> Difference:
    """The difference of a node whose role is not the inventory's, and how to change it."""
    name, wanted = node.name, node.role_text
    return Difference(
        key=f"nodes.{name}.role",
        live=f"{name} as {live}",
        wanted=wanted,
        node=name,
        fixed=True,
        remedy=f"to change it, run `kbootstrap replace {name}`, which takes {name} out of the"
        " cluster and joins it in its new role",
    )


def _renamed(cluster: Cluster, node: Node, api: Observed) -> Iterator[Difference]:
    """A node that is in the cluster under a name that is not in the inventory."""
    names = {known.name for known in cluster.nodes}
    for other in api.nodes:
        if other.address == node.advertise_address and other.name not in names:
            yield Difference(
                key=f"nodes.{node.name}.name",
                live=f"the node of {other.address} as {other.name}",
                wanted=node.name,
                node=node.name,
                fixed=True,
                remedy=f"name it {other.name} again; to rename it, run `kbootstrap reset"
                f" {other.name}`, rename it, and run `kbootstrap join {node.name}`",
            )


def _runtime(cluster: Cluster, node: Node, seen: ObservedNode) -> Iterator[Difference]:
    live = seen.runtime.partition("://")[0]
    if live and live != str(cluster.runtime.type):
        yield Difference(
            key="runtime.type",
            live=live,
            wanted=str(cluster.runtime.type),
            node=node.name,
            fixed=True,
            remedy="put the old value back; to change it, run `kbootstrap reset"
            f" {node.name}` with the old value and `kbootstrap join {node.name}` with the new one",
        )


def _address(node: Node, seen: ObservedNode) -> Iterator[Difference]:
    """The kubelet advertises the addresses with which it joined."""
    for key in ("advertise_address", "second_address"):
        if seen.addresses and getattr(node, key) not in {"", *seen.addresses}:
            yield _other_address(node, key, shown(seen.addresses))


def serving(cluster: Cluster, node: Node, address: str, port: int) -> Iterator[Difference]:
    """Compares address and port of the API server's manifest; empty and 0 if unknown."""
    passed = {arg.name for arg in cluster.kubeadm.api_server_args}
    if port not in {0, cluster.api.bind_port} and "secure-port" not in passed:
        yield Difference(
            key="api.bind_port",
            live=str(port),
            wanted=str(cluster.api.bind_port),
            node=node.name,
            fixed=True,
        )
    if address not in {"", node.advertise_address} and "advertise-address" not in passed:
        yield _other_address(node, "advertise_address", address)


def _other_address(node: Node, key: str, live: str) -> Difference:
    return Difference(
        key=f"nodes.{node.name}.{key}",
        live=live,
        wanted=str(getattr(node, key)),
        node=node.name,
        fixed=True,
        remedy=f"put the old value back; to change it, run `kbootstrap replace {node.name}`",
    )
