"""Names the certificates that the probes found ended, or near their end."""

from collections.abc import Iterator

from kbootstrap.errors import KbError
from kbootstrap.run.run import Run
from phases import certificates


def ended(run: Run, below: str = "/") -> Iterator[KbError]:
    """An error for each certificate, of every node surveyed, that cannot be used.

    ``below``: only those whose path begins so.
    """
    for name, snapshot in run.probes.items():
        for error in certificates.ended(certificates.of(snapshot.facts), snapshot.at, below):
            yield error.at(name, certificates.PHASE.id)


def note(run: Run, *, near: bool) -> None:
    """Report those that have ended, in a command that goes on all the same.

    ``near``: report those that end within 30 days instead.
    """
    for name, snapshot in run.probes.items():
        for ending in certificates.endings(certificates.of(snapshot.facts), snapshot.at):
            if ending.valid == near:
                run.bus.note(name, certificates.PHASE.id, ending.text)
