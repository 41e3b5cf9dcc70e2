"""The certificates of all nodes as a table that stays short, and as records for scripts."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kbootstrap import pki
from phases.certificates import Found

DAY = 24 * 3600
_NAMED = 3  # nodes that a row of the short table names
_ORDER = ("expired", "not valid yet", "unreadable", "expires soon", "ok")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One certificate on one node.

    Attributes:
        now: the time it is judged at, seconds since 1970.
        within: seconds; one that expires within them is reported.

    """

    node: str
    found: Found
    now: int
    within: int

    @property
    def days(self) -> int:
        """Days until it expires, rounded down; negative if it has expired."""
        return (self.found.certificate.ends - self.now) // DAY

    @property
    def state(self) -> str:
        """One of `_ORDER`."""
        certificate = self.found.certificate
        if not certificate.ends:
            return "unreadable"
        if self.now >= certificate.ends:
            return "expired"
        if self.now < certificate.begins:
            return "not valid yet"
        return "expires soon" if certificate.ends - self.now < self.within else "ok"

    @property
    def record(self) -> dict[str, Any]:
        """The event of the JSON output."""
        certificate = self.found.certificate
        return {
            "event": "certificate",
            "node": self.node,
            "file": self.found.path,
            "subject": certificate.subject,
            "issuer": certificate.issuer,
            "sans": list(certificate.sans),
            "authority": certificate.authority,
            "begins": pki.stamp(certificate.begins),
            "ends": pki.stamp(certificate.ends),
            "days": self.days,
            "state": self.state,
        }


def ordered(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """What expires first comes first."""
    return tuple(sorted(entries, key=lambda e: (e.found.certificate.ends, e.found.path, e.node)))


def summary(cluster: str, entries: Sequence[Entry], within: int) -> str:
    """The line above the table."""
    nodes = len({entry.node for entry in entries})
    counts = {state: sum(entry.state == state for entry in entries) for state in _ORDER}
    parts = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    head = f"cluster {cluster}: {len(entries)} certificates on {nodes} nodes: {parts or 'none'}"
    return f"{head} (soon: within {within // DAY} days)"


def short(entries: Sequence[Entry]) -> list[list[str]]:
    """A row for each file and state, of the certificate that expires first; with its head."""

    def key(entry: Entry) -> tuple[str, str, bool]:
        return entry.state, entry.found.path, entry.found.certificate.authority

    groups: dict[object, list[Entry]] = {}
    for entry in ordered(entries):
        groups.setdefault(key(entry), []).append(entry)
    head = ["days", "expires", "state", "certificate", "issuer", "nodes"]
    return [head, *([*_cells(group), _nodes(group)] for group in groups.values())]


def long(entries: Sequence[Entry]) -> list[list[str]]:
    """A row for each certificate, with its SANs; with its head."""
    head = ["days", "expires", "state", "certificate", "issuer", "node", "subject", "SANs"]
    return [head, *_long(ordered(entries))]


def _long(entries: Sequence[Entry]) -> Iterator[list[str]]:
    for entry in entries:
        certificate = entry.found.certificate
        yield [*_cells([entry]), entry.node, certificate.subject, ", ".join(certificate.sans)]


def _cells(group: Sequence[Entry]) -> list[str]:
    first, issuers = group[0], {entry.found.certificate.issuer for entry in group}
    expires = pki.stamp(first.found.certificate.ends)
    issuer = issuers.pop() if len(issuers) == 1 else f"{len(issuers)} issuers"
    file = first.found.path + (" (CA)" if first.found.certificate.authority else "")
    return [str(first.days), expires, first.state, file, issuer]


def _nodes(group: Sequence[Entry]) -> str:
    names = list(dict.fromkeys(entry.node for entry in group))
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
