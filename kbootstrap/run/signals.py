"""SIGINT and SIGTERM while a plan is carried out: the first lets go, the second ends at once.

A handler runs in the main thread between any two of its instructions, perhaps while that thread
holds a lock which letting go needs. So the handler only puts the signal into a SimpleQueue, whose
``put`` is reentrant (Python library reference, queue), and a thread does the work.
"""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from types import FrameType

CAUGHT = (signal.SIGINT, signal.SIGTERM)
_JOIN_SECONDS = 5  # for letting go that is under way when the run ends


@contextlib.contextmanager
def letting_go(let_go: Callable[[str], None]) -> Iterator[None]:
    """Call ``let_go`` with the name of the first signal, in a thread; main thread only.

    Raises:
        KeyboardInterrupt: in the main thread, at a second signal.

    """
    told: SimpleQueue[int] = SimpleQueue()
    caught: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        del frame
        if caught:
            raise KeyboardInterrupt
        caught.append(number)
        told.put(number)

    def wait() -> None:
        if number := told.get():
            let_go(signal.Signals(number).name)

    thread = threading.Thread(target=wait, daemon=True, name="kb-signal")
    thread.start()
    old = {number: signal.signal(number, stop) for number in CAUGHT}
    try:
        yield
        told.put(0)
        thread.join(_JOIN_SECONDS)
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
        told.put(0)
