"""What a phase leaves on a node, as a value: `reset`, its probe and `identity` read it.

A phase names only what its own files on the node (`PutFile` and the like) do not show:
those are in the node's ledger, and `reset` takes them back from there. What was on the node
before kbootstrap stays: `identity` records it first (node_paths.BEFORE).
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftovers:
    """Things on a node that are there because of a phase, also those that Kubernetes makes.

    Attributes:
        emptied: directories whose files go; they may be mount points. Below them mount points,
            ``lost+found`` and files from before kbootstrap stay.
        directories: directories that go with all that is in them, unless they were there
            before kbootstrap.
        volatile: directories on a tmpfs that go with all that is in them.
        empty: directories that go if nothing is in them.
        mounts: directories below which everything is unmounted.
        units: systemd services that are stopped and disabled.
        slices: systemd slices that are stopped.
        links: network links, as patterns of the shell; those from before kbootstrap stay.
        chains: beginnings of the names of iptables chains, which go with the rules that name them.
        ipsets: beginnings of the names of IP sets.
        nft_tables: tables of nftables, of the families ip and ip6.
        runtime_files: files of the container runtime, which is restarted if one of them changes.

    """

    emptied: tuple[str, ...] = ()
    directories: tuple[str, ...] = ()
    volatile: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()
    mounts: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    slices: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    chains: tuple[str, ...] = ()
    ipsets: tuple[str, ...] = ()
    nft_tables: tuple[str, ...] = ()
    runtime_files: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not all(name for field in fields(self) for name in getattr(self, field.name)):
            raise ValueError("an empty name would stand for everything")

    @property
    def shared(self) -> tuple[str, ...]:
        """Directories that others may use too, those inside before those around them."""
        both = {*self.emptied, *self.directories}
        return tuple(sorted(both, key=lambda path: (-path.count("/"), path)))


def combined(parts: Iterable[Leftovers]) -> Leftovers:
    """All of them as one, each thing once, in the order of the phases."""
    parts = tuple(parts)
    return Leftovers(
        **{
            field.name: tuple(dict.fromkeys(x for part in parts for x in getattr(part, field.name)))
            for field in fields(Leftovers)
        }
    )
