"""Reports the certificates that have expired, or expire soon, as the probes found them."""

from collections.abc import Iterator

from kbootstrap.errors import KbError
from kbootstrap.run.run import Run
from phases import certificates


def ended(run: Run, below: str = "/") -> Iterator[KbError]:
    """An error for each certificate of a probed node that has expired.

    ``below``: only those whose path begins so.
    """
    for name, result in run.probes.items():
        for error in certificates.ended(certificates.of(result.facts), result.at, below):
            yield error.at(name, certificates.PHASE.id)


def note(run: Run, *, near: bool) -> None:
    """Report those that have expired, in a command that continues all the same.

    ``near``: report those that expire within 30 days instead.
    """
    for name, result in run.probes.items():
        for ending in certificates.endings(certificates.of(result.facts), result.at):
            if ending.valid == near:
                run.bus.note(name, certificates.PHASE.id, ending.text)
