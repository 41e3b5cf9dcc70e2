"""The same work on several things at once; nobody waits for the slowest who does not want to."""

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def as_they_come(
    items: Iterable[T], work: Callable[[T], R], seconds: float | None = None
) -> Iterator[tuple[T, R | Exception]]:
    """Each item with its result or error, the first to be done first; until the time is over.

    Whoever stops asking leaves the rest behind: their threads do not keep the program alive.
    """
    answers: queue.SimpleQueue[tuple[T, R | Exception]] = queue.SimpleQueue()

    def one(item: T) -> None:
        try:
            answers.put((item, work(item)))
        except Exception as error:  # noqa: BLE001 - handed to whoever asked
            answers.put((item, error))

    chosen = tuple(items)
    for item in chosen:
        threading.Thread(target=one, args=(item,), daemon=True, name="kb-work").start()
    end = None if seconds is None else time.monotonic() + seconds
    for _ in chosen:
        left = None if end is None else max(end - time.monotonic(), 0)
        try:
            yield answers.get(timeout=left)
        except queue.Empty:
            return
