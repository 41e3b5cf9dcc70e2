"""Waiting: poll with a deadline, retry only what is known to pass. The only tenacity user."""

from collections.abc import Callable
from typing import TypeVar

import tenacity

T = TypeVar("T")


def until(probe: Callable[[], T | None], seconds: float) -> T | None:
    """Call ``probe`` until it answers something true, at most for ``seconds``.

    Polls after 0.1 s, then slower up to 1.5 s. Returns None when the time is over.
    """
    retrying = tenacity.Retrying(
        stop=tenacity.stop_after_delay(seconds),
        wait=tenacity.wait_exponential(multiplier=0.1, exp_base=1.4, max=1.5),
        retry=tenacity.retry_if_result(lambda value: not value),
        retry_error_callback=lambda _: None,
    )
    return retrying(probe)


def retry(action: Callable[[], T], seconds: float, transient: Callable[[BaseException], bool]) -> T:
    """Call ``action`` again while its error is transient, at most for ``seconds``.

    Raises:
        BaseException: the last error, as it was.

    """
    retrying = tenacity.Retrying(
        stop=tenacity.stop_after_delay(seconds),
        wait=tenacity.wait_random_exponential(multiplier=0.2, max=3),
        retry=tenacity.retry_if_exception(transient),
        reraise=True,
    )
    return retrying(action)
