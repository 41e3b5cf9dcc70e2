"""Waits for a node that went away during a step, for example because it reboots."""

from collections.abc import Callable

from kbootstrap.engine.probe import ProbeResult
from kbootstrap.errors import KbError, LostError, UnreachableError
from kbootstrap.wait import until


def once_back(probe: Callable[[], ProbeResult], seconds: float, lost: KbError) -> ProbeResult:
    """The result of its probes once the node answers again.

    Raises:
        KbError: ``lost``, if it does not answer for ``seconds``; another one, if it answers but
            refuses the login.

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
    """Whether the node does not answer, in contrast to a refused login."""
    return type(error) in {UnreachableError, LostError}
