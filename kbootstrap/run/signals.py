"""SIGINT and SIGTERM while a plan is applied: the first releases the nodes, the second exits.

A handler runs in the main thread between any two instructions, perhaps while that thread holds a
lock that the release needs. So the handler only puts the signal into a SimpleQueue, whose ``put``
is reentrant (Python library reference, queue), and a thread does the work.
"""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from types import FrameType

CAUGHT = (signal.SIGINT, signal.SIGTERM)
_JOIN_SECONDS = 5  # for a release that is under way when the run ends


@contextlib.contextmanager
def on_signal(release: Callable[[str], None]) -> Iterator[None]:
    """Call ``release`` with the name of the first signal, in a thread; main thread only.

    Raises:
        KeyboardInterrupt: in the main thread, at a second signal.

    """
    signals: SimpleQueue[int] = SimpleQueue()
    caught: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        del frame
        if caught:
            raise KeyboardInterrupt
        caught.append(number)
        signals.put(number)

    def wait() -> None:
        if number := signals.get():
            release(signal.Signals(number).name)

    thread = threading.Thread(target=wait, daemon=True, name="kb-signal")
    thread.start()
    old = {number: signal.signal(number, stop) for number in CAUGHT}
    try:
        yield
        signals.put(0)
        thread.join(_JOIN_SECONDS)
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
        signals.put(0)
