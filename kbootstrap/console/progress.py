"""What each node of a run is doing, from the plan and the engine's events; prints nothing."""

import time
from dataclasses import dataclass

from kbootstrap.engine.events import Event
from kbootstrap.engine.plan import Plan

ENDS = frozenset({"changed", "unchanged", "failed", "blocked"})


@dataclass(frozen=True, slots=True)
class Running:
    """A step that runs: since when by the monotonic clock, and the last text about it."""

    phase: str
    since: float
    text: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """A step that failed."""

    phase: str
    text: str


class Progress:
    """The nodes of a run by what they do.

    Attributes:
        running: the nodes with a step at work, longest at work first.
        failed: the nodes with a failed step.
        blocked: the nodes with a step that is not started because another one failed.

    """

    def __init__(self, plan: Plan) -> None:
        self.running: dict[str, Running] = {}
        self.failed: dict[str, Failure] = {}
        self.blocked: set[str] = set()
        self._start = time.monotonic()
        self._left: dict[str, set[str]] = {}
        for step in plan.steps:
            self._left.setdefault(step.node, set()).add(step.phase.id)

    def event(self, event: Event) -> None:
        """Follow the step of a node."""
        at = self.running.get(event.node)
        if event.kind == "step":
            self._step(event)
        elif at and event.kind in {"output", "note", "action"}:
            self.running[event.node] = Running(at.phase, at.since, event.text)

    def _step(self, event: Event) -> None:
        left = self._left.setdefault(event.node, set())
        self.running.pop(event.node, None)
        if event.state == "running":
            self.running[event.node] = Running(event.phase, time.monotonic())
        elif event.state in ENDS:
            left.discard(event.phase)
        else:
            left.add(event.phase)
        if event.state == "failed":
            error = event.error
            text = f"{error.code.id} {error.message}" if error else ""
            self.failed[event.node] = Failure(event.phase, text)
        elif event.state == "blocked" and event.node not in self.failed:
            self.blocked.add(event.node)

    @property
    def nodes(self) -> int:
        """How many nodes the run has."""
        return len(self._left)

    @staticmethod
    def now() -> float:
        """The clock of `Running.since`."""
        return time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the plan was printed."""
        return time.monotonic() - self._start

    def summary(self) -> list[tuple[str, int]]:
        """What the nodes do and how many do it; each node is counted once."""
        ended = self.failed.keys() | self.blocked
        running = self.running.keys() - ended
        done = {node for node, left in self._left.items() if not left} - ended - running
        waiting = self.nodes - len(ended) - len(running) - len(done)
        return [
            ("running", len(running)),
            ("waiting", waiting),
            ("done", len(done)),
            ("failed", len(self.failed)),
            ("not started", len(self.blocked)),
        ]
