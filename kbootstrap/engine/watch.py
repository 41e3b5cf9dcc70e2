"""Prints what a run waits for, if nothing was printed about it for 15 s.

One thread per run instead of a timer in each wait. It follows the bus for the steps of a plan; work
outside of steps, such as probing a node, is announced with `Watch.during`.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from kbootstrap.engine.events import Bus, Event

FIRST, AGAIN = 15, 30  # seconds without a line: before the first one, and between further ones
NAMED = 3  # nodes that wait for the same are named up to this number, then counted
_UNPLANNED = "waiting for the API server"  # what a step does before its first action
_LONGEST = 160  # characters of a command's last line


@dataclass
class _Work:
    """Work in progress; ``say`` makes the line from the seconds it has taken."""

    node: str
    phase: str
    say: Callable[[int], str]
    since: float
    quiet: float  # since when nothing was printed about it
    told: bool = False
    last: str = ""  # line of a command's output

    def due(self, now: float) -> bool:
        """Whether it is time for a line."""
        return now - self.quiet >= (AGAIN if self.told else FIRST)

    def line(self, now: float) -> str:
        """What to print."""
        last = f" (last line: {self.last[:_LONGEST]})" if self.last else ""
        return self.say(int(now - self.since)) + last


@dataclass
class Watch:
    """Watches a run through its bus; `close` ends it."""

    bus: Bus
    clock: Callable[[], float] = time.monotonic
    _works: dict[object, _Work] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _end: threading.Event = field(default_factory=threading.Event)
    _own: Event | None = None  # a line of the watch itself that passes through the bus

    def start(self) -> None:
        """Follow the bus from now on."""
        self.bus.add(self)
        threading.Thread(target=self._run, daemon=True, name="kb-watch").start()

    def close(self) -> None:
        """Stop printing."""
        self._end.set()
        self.bus.remove(self)

    @contextmanager
    def during(self, node: str, phase: str, say: Callable[[int], str]) -> Iterator[None]:
        """Work outside of steps; ``say`` makes the line from the seconds it has taken."""
        key = object()
        self._begin(key, node, phase, say)
        try:
            yield
        finally:
            with self._lock:
                self._works.pop(key, None)

    def look(self) -> None:
        """Print what is due; the thread does so each second."""
        now = self.clock()
        with self._lock:
            due = [work for work in self._works.values() if work.due(now)]
            for work in due:
                work.told, work.quiet = True, now
            lines = [*_together(due, now)]
        for event in lines:
            self._own = event
            self.bus(event)

    def __call__(self, event: Event) -> None:
        """Follow the steps of each node."""
        if event is self._own:
            return
        key = (event.node, event.phase)
        if event.kind == "step":
            self._step(key, event)
            return
        with self._lock:
            work = self._works.get(key)
            if work is not None:
                _follow(work, event, self.clock())

    def _step(self, key: tuple[str, str], event: Event) -> None:
        if event.state == "running":
            self._begin(key, event.node, event.phase, _not_done(_UNPLANNED))
        elif event.state != "waiting":
            with self._lock:
                self._works.pop(key, None)

    def _begin(self, key: object, node: str, phase: str, say: Callable[[int], str]) -> None:
        now = self.clock()
        with self._lock:
            self._works[key] = _Work(node, phase, say, since=now, quiet=now)

    def _run(self) -> None:
        while not self._end.wait(1):
            self.look()


def _not_done(what: str) -> Callable[[int], str]:
    return lambda seconds: f"{what}: not done after {seconds} s"


def _follow(work: _Work, event: Event, now: float) -> None:
    if event.kind == "output":
        work.last = event.text
    elif event.kind in {"action", "note"}:
        work.say, work.since, work.last = _not_done(event.longest or event.text), now, ""
        if event.kind == "note":  # it was printed
            work.quiet, work.told = now, False


def _together(due: list[_Work], now: float) -> Iterator[Event]:
    """A line for each; one line for many nodes that wait for the same."""
    alike: dict[tuple[str, str], list[_Work]] = defaultdict(list)
    for work in due:
        alike[work.phase, work.line(now)].append(work)
    for (phase, text), works in alike.items():
        if len(works) <= NAMED:
            yield from (Event(kind="note", node=w.node, phase=phase, text=text) for w in works)
        else:
            names = ", ".join(work.node for work in works[:NAMED])
            line = f"{names} and {len(works) - NAMED} more: {phase}: {text}"
            yield Event(kind="note", phase=phase, text=line)
