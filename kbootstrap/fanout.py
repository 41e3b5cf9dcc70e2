"""Runs a function on many items in parallel and yields the results as they complete."""

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def as_completed(
    items: Iterable[T], work: Callable[[T], R], seconds: float | None = None
) -> Iterator[tuple[T, R | Exception]]:
    """Yield each item with its result or error, in the order in which they complete.

    Ends after ``seconds``, if given. The threads of items that are not done then are daemons: they
    do not keep the process alive.
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
