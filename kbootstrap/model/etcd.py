"""The members of the cluster's own etcd, and rules about them; pure."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from kbootstrap.model.cluster import Cluster, Node


@dataclass(frozen=True, slots=True, kw_only=True)
class EtcdMember:
    """One member.

    Attributes:
        id: a decimal number, as etcd's JSON gateway writes it.
        name: the node's name; empty for a member that was added and has never started.
        client_url: its client URL; empty if it has never started.
        learner: it does not vote yet.
        healthy: it answers, has a leader and raises no alarm.
        version: of etcd; empty if it does not answer.
        db_size: bytes of its database; 0 if it does not answer.

    """

    id: str
    name: str
    peer_url: str
    client_url: str = ""
    learner: bool = False
    healthy: bool = False
    version: str = ""
    db_size: int = 0

    @property
    def label(self) -> str:
        """Its name, or its address before it has one."""
        return self.name or self.peer_url

    @property
    def host(self) -> str:
        """The host of its peer URL; before it has started, nothing else identifies its node."""
        return urlsplit(self.peer_url).hostname or ""

    @property
    def ill(self) -> str:
        """What is wrong with it; empty if it is a healthy voter."""
        if not self.name:
            return "it has never started"
        if not self.healthy:
            return "it is not healthy"
        return "it is still a learner" if self.learner else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What an external etcd holds below the cluster's prefix.

    Attributes:
        keys: how many.
        nodes: the names of some Nodes.

    """

    keys: int
    nodes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """As printed."""
        return f"{self.keys} keys" + (f", Nodes {', '.join(self.nodes)}" if self.nodes else "")


def prefix(cluster: Cluster) -> str:
    """The prefix of kube-apiserver's keys: --etcd-prefix of the inventory, or its default."""
    said = (arg.value for arg in cluster.kubeadm.api_server_args if arg.name == "etcd-prefix")
    return "/" + next(said, "/registry").strip("/")


def node_of(member: EtcdMember, cluster: Cluster) -> Node | None:
    """The node a member runs on: by its name, or else by the address of its peer URL."""
    for node in cluster.nodes:
        if node.name == member.name:
            return node
    return next((n for n in cluster.nodes if _same(n.advertise_address, member.host)), None)


def _same(address: str, host: str) -> bool:
    try:
        return ip_address(address) == ip_address(host)
    except ValueError:
        return address == host


def strays(
    members: Iterable[EtcdMember], cluster: Cluster, joined: Collection[str]
) -> Iterator[tuple[EtcdMember, str]]:
    """Members that do not belong to a node, or are not healthy voters, each with a reason.

    Args:
        members: all of them.
        cluster: as in the inventory.
        joined: names of the existing Node objects.

    """
    for member in members:
        node = node_of(member, cluster)
        if node is None:
            yield member, "it belongs to no node of the inventory"
        elif node.name not in joined:
            reason = f"{node.name} is not in the cluster; {member.ill}".removesuffix("; ")
            yield member, f"{reason}: kbootstrap reset {node.name} --unreachable removes it"
        elif member.ill:
            yield member, f"of {node.name}; {member.ill}"


def unsettled(members: Iterable[EtcdMember]) -> tuple[str, ...]:
    """Members that are not healthy voters, each with the reason."""
    return tuple(
        f"{member.label} ({'still a learner' if member.healthy else 'not healthy'})"
        for member in members
        if member.learner or not member.healthy
    )


def can_leave(members: Iterable[EtcdMember], leaving: str) -> bool:
    """Whether the voters that remain have a quorum now.

    Args:
        members: all of them.
        leaving: the id of the member to remove.

    """
    stay = [member for member in members if member.id != leaving and not member.learner]
    return sum(member.healthy for member in stay) * 2 > len(stay)
