"""Counts connections, round trips and bytes; shown with ``-v``, read by the benchmark."""

import threading
from collections import defaultdict
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Usage:
    """The counters of one node.

    Attributes:
        connects: SSH logins.
        trips: requests (execs), each one round trip.
        parts: shell fragments in them.
        sent: payload bytes to the node.
        received: payload bytes from it.

    """

    connects: int = 0
    trips: int = 0
    parts: int = 0
    sent: int = 0
    received: int = 0

    @property
    def text(self) -> str:
        """One line for people."""
        return (
            f"{self.connects} connections, {self.trips} round trips, {self.parts} parts, "
            f"{self.sent} bytes up, {self.received} bytes down"
        )


class Meter:
    """Usage per node; safe to use from all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._nodes: defaultdict[str, Usage] = defaultdict(Usage)

    def add(self, node: str, more: Usage) -> None:
        """Add to a node's usage."""
        with self._lock:
            old = self._nodes[node]
            self._nodes[node] = replace(
                old,
                connects=old.connects + more.connects,
                trips=old.trips + more.trips,
                parts=old.parts + more.parts,
                sent=old.sent + more.sent,
                received=old.received + more.received,
            )

    def snapshot(self) -> dict[str, Usage]:
        """Usage by node name, as it is now."""
        with self._lock:
            return dict(self._nodes)
