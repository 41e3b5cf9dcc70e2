"""Polls with a deadline, and retries transient errors. The only module that uses tenacity."""

from collections.abc import Callable
from typing import TypeVar

import tenacity

T = TypeVar("T")


def until(probe: Callable[[], T | None], seconds: float) -> T | None:
    """Call ``probe`` until its result is true, for at most ``seconds``.

    The interval grows from 0.1 s to 1.5 s. Returns None after the deadline.
    """
    retrying = tenacity.Retrying(
        stop=tenacity.stop_after_delay(seconds),
        wait=tenacity.wait_exponential(multiplier=0.1, exp_base=1.4, max=1.5),
        retry=tenacity.retry_if_result(lambda value: not value),
        retry_error_callback=lambda _: None,
    )
    return retrying(probe)


def retry(action: Callable[[], T], seconds: float, transient: Callable[[BaseException], bool]) -> T:
    """Call ``action`` again while its error is transient, for at most ``seconds``.

    Raises:
        BaseException: the last error, unchanged.

    """
    retrying = tenacity.Retrying(
        stop=tenacity.stop_after_delay(seconds),
        wait=tenacity.wait_random_exponential(multiplier=0.2, max=3),
        retry=tenacity.retry_if_exception(transient),
        reraise=True,
    )
    return retrying(action)
