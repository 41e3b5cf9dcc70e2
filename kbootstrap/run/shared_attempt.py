"""One attempt at a time: threads that come while it is under way wait for its result."""

import threading
from collections.abc import Callable
from concurrent.futures import Future


class SharedAttempt:
    """Work that many threads need, and that one of them does for all.

    Args:
        work: the function; its error is raised in every thread that waits for it.

    """

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._running: tuple[int, Future[None]] | None = None

    def share(self, version: int) -> None:
        """Do the work, or wait for an attempt on this ``version`` of its input or a later one."""
        while True:
            with self._lock:
                running, mine = self._running, Future[None]()
                if running is None:
                    self._running = (version, mine)
            if running is None:
                return self._do(mine)
            running[1].exception()
            if running[0] >= version:
                return running[1].result()

    def _do(self, mine: "Future[None]") -> None:
        try:
            self._work()
        except BaseException as error:
            self._ended()
            mine.set_exception(error)
            raise
        self._ended()
        mine.set_result(None)

    def _ended(self) -> None:
        with self._lock:
            self._running = None
