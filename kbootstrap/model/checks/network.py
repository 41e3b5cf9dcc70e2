"""Address ranges: kubeadm accepts overlaps and mixed families silently."""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from itertools import combinations

from kbootstrap import codes
from kbootstrap.model.checks.base import CheckContext
from kbootstrap.model.cluster import IpNetwork, Role
from kbootstrap.model.problems import Path, Violation
from kbootstrap.model.resolve_node import roles
from kbootstrap.model.validators.net import split_host_port

_NODE_BITS = {4: 24, 6: 64}  # the default range of one node
_MAX_DIFFERENCE = 16  # bits between the pods' range and one node's
_SERVICE_BITS = {4: (12, 28), 6: (108, 124)}  # kubeadm: at most 20 bits, at least 10 addresses
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class _Range:
    """One range, and where it is written."""

    what: str  # "pod range", or "default pod range" if the user wrote none
    path: Path
    network: IpNetwork

    @property
    def family(self) -> str:
        return f"IPv{self.network.version}"

    def overlaps(self, other: "_Range") -> bool:
        if self.network.version != other.network.version:
            return False
        return self.network.overlaps(other.network)


def _ranges(context: CheckContext, what: str) -> list[_Range]:
    key = f"{what}_cidr"
    section = context.inventory.network
    name = f"{'' if key in section.model_fields_set else 'default '}{what} range"
    texts = getattr(section, key)
    return [_Range(name, ("network", key, i), ip_network(text)) for i, text in enumerate(texts)]


def _families(ranges: list[_Range]) -> str:
    return " and ".join(one.family for one in ranges) or "none"


def families(context: CheckContext) -> Iterator[Violation]:
    """One range, or one of each family; the same for pods and services, in the same order."""
    pods, services = _ranges(context, "pod"), _ranges(context, "service")
    for ranges in (pods, services):
        versions = [one.network.version for one in ranges]
        if not versions or len(versions) != len(set(versions)):
            path = ("network", f"{'pod' if ranges is pods else 'service'}_cidr")
            message = f"{len(versions)} ranges: {_families(ranges)}"
            allowed = "one range, or one IPv4 and one IPv6 range"
            yield Violation(code=codes.INV_FAMILY, path=path, message=message, allowed=allowed)
            return
    if [one.family for one in pods] != [one.family for one in services]:
        yield Violation(
            code=codes.INV_FAMILY,
            path=("network", "service_cidr"),
            message=f"services are {_families(services)}, pods are {_families(pods)}",
            allowed=f"{_families(pods)}, in this order",
        )


def node_families(context: CheckContext) -> Iterator[Violation]:
    """Nodes have an address of a family of the pods; API servers one of the first family."""
    pods, services = _ranges(context, "pod"), _ranges(context, "service")
    if not pods or [one.family for one in pods] != [one.family for one in services]:
        return  # `families` reports it; there is nothing to compare
    usable = {one.network.version for one in pods}
    for member in context.members:
        key = "advertise_address" if member.entry.advertise_address else "address"
        text = member.entry.advertise_address or member.entry.address
        version, first = ip_address(text).version, services[0]
        leads = Role.CONTROL_PLANE in roles(member.settings)
        if version not in usable:
            wanted = _families(pods)
        elif leads and version != first.network.version:
            wanted = f"{first.family}, as the first service range is"
        else:
            continue
        yield Violation(
            code=codes.INV_FAMILY,
            path=(*member.path, key),
            message=f"{text} is IPv{version}, pods and services are {_families(services)}",
            allowed=wanted,
        )


def second_addresses(context: CheckContext) -> Iterator[Violation]:
    """Only a dual-stack cluster has second addresses, and they are of the other family."""
    pods = _ranges(context, "pod")
    for member in context.members:
        entry = member.entry
        if entry.second_address is None:
            continue
        version = ip_address(entry.second_address).version
        if len(pods) < 2:  # noqa: PLR2004 - families
            message, allowed = f"the cluster is {_families(pods)} only", "no second address"
        elif version == ip_address(entry.advertise_address or entry.address).version:
            message = f"{entry.second_address} is IPv{version}, as the first address is"
            allowed = f"an IPv{10 - version} address"
        else:
            continue
        path = (*member.path, "second_address")
        yield Violation(code=codes.INV_FAMILY, path=path, message=message, allowed=allowed)


def overlaps(context: CheckContext) -> Iterator[Violation]:
    """No range shares an address with another one."""
    everything = [*_ranges(context, "pod"), *_ranges(context, "service")]
    for one, other in combinations(everything, 2):
        if one.overlaps(other):
            yield Violation(
                code=codes.INV_OVERLAP,
                path=other.path,
                message=f"{other.what} {other.network} overlaps {one.what} {one.network}",
            )


def nodes_outside(context: CheckContext) -> Iterator[Violation]:
    """No node's address is inside a range; its traffic would be routed to pods or services."""
    taken = list(_taken(context))
    for one in [*_ranges(context, "pod"), *_ranges(context, "service")]:
        inside = [
            f"{address} ({who})" for who, address in taken if ip_address(address) in one.network
        ]
        if inside:
            more = f" and {len(inside) - _SHOWN} more" if len(inside) > _SHOWN else ""
            message = f"{one.what} {one.network} holds {', '.join(inside[:_SHOWN])}{more}"
            yield Violation(code=codes.INV_OVERLAP, path=one.path, message=message)


def _taken(context: CheckContext) -> Iterator[tuple[str, str]]:
    """Every address outside the ranges that the cluster must reach."""
    for member in context.members:
        entry, ssh = member.entry, member.settings.ssh
        yield entry.name, entry.address
        if entry.advertise_address not in {None, entry.address}:
            yield entry.name, entry.advertise_address or ""
        if entry.second_address:
            yield entry.name, entry.second_address
        if ssh and ssh.host not in {None, entry.address} and _is_ip(ssh.host or ""):
            yield f"ssh.host of {entry.name}", ssh.host or ""
    endpoint = context.inventory.api.endpoint
    if endpoint and _is_ip(split_host_port(endpoint)[0]):
        yield "api.endpoint", split_host_port(endpoint)[0]
    external = context.inventory.etcd.external
    for url in external.endpoints if external else ():
        host = split_host_port(url.removeprefix("https://"))[0]
        if _is_ip(host):
            yield "etcd", host


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def pod_sizes(context: CheckContext) -> Iterator[Violation]:
    """The pods' range holds the nodes' ranges, and not too many of them."""
    args = context.inventory.kubeadm.extra_args.controller_manager
    if args.get("allocate-node-cidrs", ("true",))[-1] == "false":
        return
    for one in _ranges(context, "pod"):
        version, length = one.network.version, one.network.prefixlen
        text = args.get(f"node-cidr-mask-size-ipv{version}", (str(_NODE_BITS[version]),))[-1]
        if not text.isdecimal():
            continue  # `checks.arguments` reports it
        bits = int(text)
        room = 2 ** max(bits - length, 0)
        least = bits - max(len(context.members) - 1, 0).bit_length()
        allowed = f"/{max(bits - _MAX_DIFFERENCE, 0)} to /{least}"
        if length > bits:
            message = f"/{length} is smaller than the range of one node, /{bits}"
        elif bits - length > _MAX_DIFFERENCE:
            message = f"/{length} is more than {_MAX_DIFFERENCE} bits larger than a node's /{bits}"
        elif room < len(context.members):
            message = f"/{length} has room for {room} nodes with /{bits} each"
            message += f", and there are {len(context.members)}"
        else:
            continue
        yield Violation(code=codes.INV_SIZE, path=one.path, message=message, allowed=allowed)


def service_sizes(context: CheckContext) -> Iterator[Violation]:
    """The services' range has the sizes kubeadm accepts."""
    for one in _ranges(context, "service"):
        largest, smallest = _SERVICE_BITS[one.network.version]
        length = one.network.prefixlen
        if not largest <= length <= smallest:
            size = "large" if length < largest else "small"
            yield Violation(
                code=codes.INV_SIZE,
                path=one.path,
                message=f"/{length} is too {size} for services",
                allowed=f"/{largest} to /{smallest}",
            )


def bridge_is_ipv4(context: CheckContext) -> Iterator[Violation]:
    """The built-in pod network relies on proxy ARP, which IPv6 does not have."""
    if context.inventory.cni.type != "bridge":
        return
    for one in _ranges(context, "pod"):
        if one.family != "IPv4":
            message = f"{one.network} is {one.family}, and cni.type bridge is IPv4 only"
            allowed = "one IPv4 range, or cni.type manifest"
            yield Violation(code=codes.INV_FAMILY, path=one.path, message=message, allowed=allowed)


CHECKS = (
    families,
    node_families,
    second_addresses,
    overlaps,
    nodes_outside,
    pod_sizes,
    service_sizes,
    bridge_is_ipv4,
)
