"""Checks before any change that pods can run on the node and that it reaches the cluster.

Each problem is refused with its own code. Configurations of other pod networks are moved aside
before the join, through the ledger, because a runtime uses the first one by name.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_interface

from kbootstrap import codes
from kbootstrap.action import Action, Run
from kbootstrap.engine.phase import Phase, View, fact, like
from kbootstrap.errors import Finding, Severity
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.render import render
from phases.cni_bridge import CONFLIST

KUBELET_CONFIG = "/var/lib/kubelet/config.yaml"
MEMBER = "/etc/kubernetes/kubelet.conf"
RESOLVED = "/run/systemd/resolve/resolv.conf"
OTHERS = 0o005  # containers of other users need to read and enter a service's files


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What templates/fitness/probe.sh.j2 prints."""

    lost_resolver: str = ""  # the kubelet's resolv.conf, if the file does not exist
    member: bool = False  # kubelet.conf exists
    network: tuple[str, ...] = ()  # CNI configurations of others; only with cni.type bridge
    range: str = ""  # the pod CIDR in kbootstrap's CNI configuration
    bridge: tuple[str, ...] = fact(ip_interface)  # IPv4 addresses of cni0, such as 10.244.1.1/24
    address: bool = False  # an interface has the advertise_address
    # "HOST PORT reason"; only probed on a node that is no member.
    blocked: tuple[str, ...] = fact(like(r"\S+ \S+ .*"))


def probe(cluster: Cluster, node: Node) -> str:
    """Read-only; up to 5 s on a node that is no member, if a firewall drops packets."""
    return render(
        "fitness/probe.sh.j2",
        resolver=_resolver(cluster, node),
        resolved=RESOLVED,
        kubelet_config=KUBELET_CONFIG,
        member=MEMBER,
        conflist=CONFLIST if _bridges(cluster) else "",
        address=node.advertise_address,
        targets=tuple(_targets(cluster, node)),
    )


def _resolver(cluster: Cluster, node: Node) -> str:
    named = {arg.name: arg.value for arg in node.kubelet_args}.get("resolv-conf")
    return str(named or cluster.kubelet.data.get("resolvConf", "/etc/resolv.conf"))


def _bridges(cluster: Cluster) -> bool:
    return cluster.cni.type == "bridge"


def _targets(cluster: Cluster, node: Node) -> Iterator[tuple[str, int]]:
    """What a join must reach: the endpoint, and for a control plane every etcd member."""
    yield _endpoint(cluster)
    if node.is_control_plane and cluster.etcd.external is None:
        for other in cluster.control_planes:
            if other != node:
                yield from ((other.advertise_address, port) for port in (2379, 2380))


def _endpoint(cluster: Cluster) -> tuple[str, int]:
    host, _, port = cluster.api.endpoint.rpartition(":")
    return host.strip("[]"), int(port)


def plan(view: View[Facts]) -> Iterator[Action]:
    """Move the configurations of other networks aside, unless pods use them."""
    if view.facts.network and not view.facts.member:
        yield Run(
            why="the runtime would use the first configuration by name",
            title=f"move aside, until reset: {', '.join(view.facts.network)}",
            body=render("fitness/aside.sh.j2", paths=view.facts.network),
            effect={"network": ()},
        )


def check(view: View[Facts]) -> Iterator[Finding]:
    """Everything that would prevent pods on the node from running."""
    facts, node = view.facts, view.node
    if facts.lost_resolver:
        yield Finding(codes.NO_RESOLVER, f"{facts.lost_resolver} does not exist")
    if not facts.address:
        yield Finding(
            codes.NO_ADDRESS, f"no interface has the advertise_address {node.advertise_address}"
        )
    if _bridges(view.cluster):
        yield from _other_network(facts)


def _other_network(facts: Facts) -> Iterator[Finding]:
    first = [path for path in facts.network if path < CONFLIST]
    if facts.member and first:
        yield Finding(codes.OTHER_NETWORK, f"the runtime uses {first[0]} instead of {CONFLIST}")
    for address in facts.bridge:
        if str(ip_interface(address).network) != facts.range:
            ours = f"which is not in {facts.range}" if facts.range else "and is not kbootstrap's"
            yield Finding(
                codes.OTHER_NETWORK,
                f"the bridge cni0 has address {address}, {ours}",
                detail="if nothing uses it: ip link delete cni0",
            )


def closes(umask: str) -> bool:
    """Whether files made with this umask (of `systemctl show`) are unreadable for others."""
    return bool(umask) and set(umask) <= set("01234567") and bool(int(umask, 8) & OTHERS)


def compare(views: tuple[View[Facts], ...]) -> Iterator[Finding]:
    """Checks of several nodes: the same host twice, and ports that are dropped."""
    first: dict[str, View[Facts]] = {}  # machine-id -> the first node that has it
    for view in views:
        one = first.setdefault(view.host.machine_id, view)
        if view.host.machine_id and one is not view:
            yield _twins(one, view).at(view.node.name)
    alive = {view.node.advertise_address: view.host.firewall for view in views}
    if any(view.facts.member and view.node.is_control_plane for view in views):
        # before init no host may have that address yet
        alive.setdefault(_endpoint(views[0].cluster)[0], "")
    for view in views:
        for line in view.facts.blocked:
            host, port, why = line.split(" ", 2)
            if host in alive:
                text = f"cannot reach {host}:{port} ({_hint(why, alive[host])})"
                yield Finding(codes.UNREACHED, text).at(view.node.name)


def _twins(one: View[Facts], other: View[Facts]) -> Finding:
    """The error for two nodes with the same machine-id."""
    names = f"{one.node.name} and {other.node.name}"
    if one.host.boot_id == other.host.boot_id != "":
        text = f"{names} are the same host (machine-id and boot-id are equal)"
        return Finding(codes.SAME_MACHINE, text)
    return Finding(codes.CLONED, f"{names} have the same /etc/machine-id", severity=Severity.NOTICE)


def _hint(why: str, firewall: str) -> str:
    """``firewall``: what is active on the node that does not answer."""
    if why != "timed out":
        return why
    return f"{why}; {firewall} is active there" if firewall else f"{why}; firewall?"


PHASE = Phase(
    id="fitness",
    title="Fit for pods",
    facts=Facts,
    probe=probe,
    plan=plan,
    check=check,
    compare=compare,
)
