"""A second connection to a node for what cannot wait: the renewal of the lock.

The run's own connection may not answer in time: a long step uses the only session that sshd
allows (MaxSessions 1), or the connection is dead, which is detected only after 45 seconds.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from kbootstrap.codes import LOST
from kbootstrap.errors import LostError
from kbootstrap.fanout import as_completed
from kbootstrap.remote.protocol import Part, Reply

OWN_SECONDS = 4  # for the run's own connection to answer
SPARE_SECONDS = 6  # for a new connection: login and answer


class Wire(Protocol):
    """Runs parts on one host."""

    def perform(self, parts: Sequence[Part], *, run_id: str) -> Reply: ...


class TwoConnections:
    """Sends a request over the run's own connection; if that does not answer, over a new one.

    The parts may run twice, so they must be idempotent.

    Args:
        own: the run's own connection.
        spare: runs one function with a new connection and closes that.

    """

    def __init__(self, own: Wire, spare: Callable[[Callable[[Wire], Reply]], Reply]) -> None:
        self._own, self._spare = own, spare
        self._waiting = threading.Lock()  # held while an earlier request has no answer

    def perform(self, parts: Sequence[Part], *, run_id: str) -> Reply:
        """The reply of the connection that answered.

        Raises:
            KbError: neither answered; the error of the last one.

        """

        def ask(wire: Wire) -> Reply:
            return wire.perform(parts, run_id=run_id)

        def own() -> Reply:
            if not self._waiting.acquire(blocking=False):
                raise LostError(LOST, "an earlier request has no answer yet")
            try:
                return ask(self._own)
            finally:
                self._waiting.release()

        last: Exception = LostError(LOST, "no answer in time")
        for way, seconds in ((own, OWN_SECONDS), (lambda: self._spare(ask), SPARE_SECONDS)):
            for _, answer in as_completed([way], lambda call: call(), seconds):
                if not isinstance(answer, Exception):
                    return answer
                last = answer
        raise last
