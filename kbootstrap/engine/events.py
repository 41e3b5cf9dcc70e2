"""What happens during a run, as data; the console, the journal and the log follow it.

Events never hold secrets: `kbootstrap.masking` masks them in the output of commands, and actions
contain only placeholders.
"""

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from kbootstrap.errors import KbError

StepState = Literal["waiting", "running", "changed", "unchanged", "failed", "blocked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event.

    Attributes:
        kind: ``run``, ``surveyed``, ``step``, ``action``, ``output`` or ``note``.
        node: empty if it is about the whole run.
        text: as printed; one line, except for an error's detail.
        longest: of a group of actions, the one that may take longest.

    """

    kind: Literal["run", "surveyed", "step", "action", "output", "note"]
    node: str = ""
    phase: str = ""
    state: StepState | None = None
    text: str = ""
    longest: str = ""
    seconds: float = 0.0
    error: KbError | None = None
    at: float = field(default_factory=time.time)


class Observer(Protocol):
    """Follows the events of a run."""

    def __call__(self, event: Event, /) -> None: ...


class Bus:
    """Passes each event to every observer, one at a time."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers
        self._lock = threading.Lock()

    def add(self, observer: Observer) -> None:
        """Add an observer."""
        with self._lock:
            self._observers = (*self._observers, observer)

    def remove(self, observer: Observer) -> None:
        """Remove an observer."""
        with self._lock:
            self._observers = tuple(one for one in self._observers if one is not observer)

    def __call__(self, event: Event) -> None:
        with self._lock:
            for observer in self._observers:
                observer(event)

    def output(self, node: str, phase: str, lines: Iterable[str]) -> None:
        """Whole lines that a command printed on a node, with its secrets masked."""
        for line in lines:
            if line.strip():
                self(Event(kind="output", node=node, phase=phase, text=line.rstrip()))

    def note(self, node: str, phase: str, text: str) -> None:
        """A line for people."""
        self(Event(kind="note", node=node, phase=phase, text=text))
