"""The members of the cluster's own etcd as they say themselves, and what can be concluded."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EtcdMember:
    """One member.

    Attributes:
        id: a decimal number, as etcd's JSON gateway writes it.
        name: the node's name; empty for one that was added and has never started.
        client_url: where it answers clients; empty likewise.
        learner: it has no vote yet.
        healthy: it answers, sees a leader and raises no alarm.
        version: of its program; empty if it does not answer.
        db_size: bytes on its disk; 0 likewise.

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
        """Its name; its address before it has one."""
        return self.name or self.peer_url


def unsettled(members: Iterable[EtcdMember]) -> tuple[str, ...]:
    """Those that are not healthy voters, each with what is wrong."""
    return tuple(
        f"{member.label} ({'a learner still' if member.healthy else 'not healthy'})"
        for member in members
        if member.learner or not member.healthy
    )


def can_leave(members: Iterable[EtcdMember], leaving: str) -> bool:
    """Whether the voters that stay have a quorum now, among themselves.

    Args:
        members: all of them.
        leaving: the id of the one to be removed.

    """
    stay = [member for member in members if member.id != leaving and not member.learner]
    return sum(member.healthy for member in stay) * 2 > len(stay)
