"""Waits for a node that went away in the middle of a step, as when it reboots."""

from collections.abc import Callable

from kbootstrap.engine.probe import ProbeResult
from kbootstrap.errors import KbError, LostError, UnreachableError
from kbootstrap.wait import until


def once_back(probe: Callable[[], ProbeResult], seconds: float, lost: LostError) -> ProbeResult:
    """What the node's probes say once it answers again.

    Raises:
        LostError: ``lost``, when it does not answer for ``seconds``.
        KbError: it answers, but refuses the run.

    """

    def again() -> ProbeResult | None:
        try:
            return probe()
        except KbError as error:
            if error is lost or not _comes_back(error):
                raise
            return None

    found = until(again, seconds)
    if found is None:
        raise lost
    return found


def _comes_back(error: KbError) -> bool:
    """Away for a moment, as opposed to refusing us."""
    return type(error) in {UnreachableError, LostError}
