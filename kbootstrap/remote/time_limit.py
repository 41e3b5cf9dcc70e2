"""Ends what takes too long: one thread watches the time limits of all connections of a run.

Paramiko has no limit for the banner of a slow server, for the reply to an exec, or for a write to
a peer that does not read. `TimeLimits.within` closes the connection then, which ends all of them.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kbootstrap import codes
from kbootstrap.errors import KbError, UnreachableError


class Limit:
    """One piece of work that may take so long.

    Attributes:
        deadline: of `time.monotonic`.
        expired: it took too long, and was ended.

    """

    def __init__(self, place: str, what: str, seconds: float, end: Callable[[], None]) -> None:
        self._place = place
        self.end = end
        self.expired = False
        self.begin(what, seconds)

    def begin(self, what: str, seconds: float) -> None:
        """The next stage of the work: what it is, and how long it may take from now."""
        self._what, self._seconds = what, seconds
        self.deadline = time.monotonic() + seconds

    def error(self, kind: type[UnreachableError]) -> KbError:
        """Which stage took too long."""
        text = f"{self._place}: {self._what} took more than {self._seconds:g} s"
        return kind(codes.TOO_SLOW, text)


class TimeLimits:
    """The limits of a run; thread-safe."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._limits: set[Limit] = set()
        self._next = float("inf")  # when the thread looks again
        self._thread: threading.Thread | None = None
        self._closed = False

    @contextmanager
    def within(
        self,
        limit: Limit,
        kind: type[UnreachableError] = UnreachableError,
    ) -> Iterator[Limit]:
        """Work that is ended, by calling ``limit.end`` in another thread, after its deadline.

        Raises:
            UnreachableError: KB216, of this kind, in place of what the end caused.

        """
        self._add(limit)
        try:
            yield limit
        except Exception as error:
            if limit.expired:
                raise limit.error(kind) from error
            raise
        finally:
            with self._changed:
                self._limits.discard(limit)
        if limit.expired:
            raise limit.error(kind)

    def close(self) -> None:
        """End the thread; running work has no limit any more."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _add(self, limit: Limit) -> None:
        with self._changed:
            self._limits.add(limit)
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, daemon=True, name="kb-limits")
                self._thread.start()
            elif limit.deadline < self._next:
                self._changed.notify()

    def _watch(self) -> None:
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                for limit in [limit for limit in self._limits if limit.deadline <= now]:
                    self._limits.discard(limit)
                    limit.expired = True
                    # Closing may itself wait for the peer.
                    threading.Thread(target=limit.end, daemon=True, name="kb-limits").start()
                self._next = min((limit.deadline for limit in self._limits), default=float("inf"))
                wait = self._next - time.monotonic()
                self._changed.wait(None if wait == float("inf") else max(wait, 0.01))
