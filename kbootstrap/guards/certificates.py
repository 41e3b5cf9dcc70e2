"""Reports the certificates that have expired, or expire soon, as the probes found them."""

from collections.abc import Iterator

from kbootstrap.console.certificate_table import Entry
from kbootstrap.engine.probe import ProbeResult
from kbootstrap.errors import Finding
from kbootstrap.run.run import Run
from phases import certificates, identity


def ended(run: Run, below: str = "/") -> Iterator[Finding]:
    """An error for each certificate of a probed node that has expired.

    ``below``: only those whose path begins so.
    """
    for name, result in run.probes.items():
        for error in certificates.ended(certificates.of(result.facts), _now(result), below):
            yield error.at(name, certificates.PHASE.id)


def skewed(run: Run) -> Iterator[Finding]:
    """An error for each probed node whose clock is not the workstation's.

    What is made then may be valid too late, or end too early.
    """
    for name, result in run.probes.items():
        for error in identity.skew(result.host, result.at):
            yield error.at(name, identity.PHASE.id)


def note(run: Run, *, near: bool) -> None:
    """Report those that have expired, in a command that continues all the same.

    ``near``: report those that expire within 30 days, and others that stop nothing, instead.
    """
    for name, result in run.probes.items():
        for ending in certificates.endings(certificates.of(result.facts), _now(result)):
            if ending.fatal != near:
                run.bus.note(name, certificates.PHASE.id, ending.text)


def entries(run: Run, within: int) -> Iterator[Entry]:
    """Every certificate of the probed nodes; ``within``: seconds that count as soon."""
    for name, result in run.probes.items():
        now = _now(result)
        for found in certificates.found(certificates.of(result.facts)):
            yield Entry(node=name, found=found, now=now, within=within)


def _now(result: ProbeResult) -> int:
    """The later one of the workstation's clock and the node's.

    To a workstation whose clock is behind, a certificate just made would not be valid yet; that
    the clocks differ (KB307) is what has to be reported.
    """
    return max(result.at, result.host.clock)
