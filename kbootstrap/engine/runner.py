"""Runs a plan: each node in its own thread, its phases in order, no barrier between nodes.

A step waits only for the steps it needs on other nodes (`Phase.waits`). A failure stops
the steps that depend on it and no others.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from kbootstrap import codes
from kbootstrap.engine.context import RunContext
from kbootstrap.engine.events import Bus, Event, StepState
from kbootstrap.engine.phase import AnyPhase, Wait, Window
from kbootstrap.engine.plan import Plan, Step
from kbootstrap.engine.step import StepRunner
from kbootstrap.errors import InternalError, InterruptedRunError, KbError, PhaseError
from kbootstrap.model.cluster import Cluster, Node

STACK = 512 * 1024  # bytes per thread; a node's thread is shallow


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one phase ended on one node."""

    node: str
    phase: str
    changes: int = 0
    seconds: float = 0.0
    error: KbError | None = None


@dataclass
class StepBoard:
    """Which steps have ended; the threads of the nodes wait here for each other."""

    expected: frozenset[tuple[str, str]]  # (node, phase)
    _ended: dict[tuple[str, str], bool] = field(default_factory=dict)
    _inside: set[tuple[str, str]] = field(default_factory=set)  # holds a place of its window
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def end(self, node: str, phase: str, *, ok: bool) -> None:
        """Record that a step ended."""
        with self._changed:
            self._ended[node, phase] = ok
            if ok:
                self._inside.discard((node, phase))
            self._changed.notify_all()

    def wake(self) -> None:
        """Wake every waiting thread."""
        with self._changed:
            self._changed.notify_all()

    def await_steps(self, steps: frozenset[tuple[str, str]], stopping: Callable[[], bool]) -> bool:
        """Wait until all of ``steps`` that are expected have ended; whether all succeeded."""
        needed = steps & self.expected
        with self._changed:
            self._changed.wait_for(lambda: stopping() or self._verdict(needed) is not None)
            return bool(self._verdict(needed))

    def enter(
        self,
        step: tuple[str, str],
        window: Window,
        first: tuple[str, str],
        stopping: Callable[[], bool],
    ) -> str:
        """Wait for a place in the window; returns "" once inside, else the reason."""
        with self._changed:
            self._changed.wait_for(
                lambda: stopping() or self._turn(step, window, first) is not None
            )
            why = "the run stops" if stopping() else self._turn(step, window, first) or ""
            if not why:
                self._inside.add(step)
            return why

    def _turn(self, step: tuple[str, str], window: Window, first: tuple[str, str]) -> str | None:
        """Empty if there is a place now, a reason if there will be none, None to wait."""
        if window.canary and step != first and not self._ended.get(first):
            return f"{first[0]}, the first node, did not succeed" if first in self._ended else None
        held = [one for one in self._inside if one[1] == step[1]]
        if len(held) < window.size:
            return ""
        if any(one not in self._ended for one in held):
            return None
        return f"failed nodes use up the limit ({', '.join(sorted(n for n, _ in held))})"

    def _verdict(self, needed: frozenset[tuple[str, str]]) -> bool | None:
        ends = [self._ended.get(step) for step in needed]
        if False in ends:
            return False
        return None if None in ends else True


def needed_steps(cluster: Cluster, phase: AnyPhase, node: Node) -> frozenset[tuple[str, str]]:
    """The steps of other nodes that one of ``phase`` on ``node`` waits for."""
    earlier = cluster.nodes[: cluster.nodes.index(node)]
    nodes: Mapping[Wait, tuple[Node, ...]] = {
        Wait.FIRST: (cluster.first,),
        Wait.CONTROL_PLANES: cluster.control_planes,
        Wait.EARLIER: earlier,
        Wait.ALL: cluster.nodes,
    }
    return frozenset(
        (other.name, phase_id)
        for phase_id, which in phase.waits
        for other in nodes[which]
        if other != node
    )


class Runner:
    """Applies a plan in the context of a run, on at most ``forks`` nodes at once."""

    def __init__(self, context: RunContext, plan: Plan, forks: int) -> None:
        self._context, self._plan = context, plan
        self._slots = threading.BoundedSemaphore(forks)
        self._board = StepBoard(frozenset((s.node, s.phase.id) for s in plan.steps))
        self._outcomes: list[Outcome] = []
        self._lock = threading.Lock()

    @property
    def _bus(self) -> Bus:
        return self._context.bus

    def run(self) -> tuple[Outcome, ...]:
        """Run every step; returns how each ended, in the plan's order."""
        threading.stack_size(STACK)
        names = list(dict.fromkeys(step.node for step in self._plan.steps))
        threads = [
            threading.Thread(target=self._node, args=(name,), name=name, daemon=True)
            for name in names  # daemon threads, so that a second signal ends the process at once
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(0.5)  # so that a signal reaches the main thread
                if self._context.stopping():
                    self._board.wake()
        order = {(s.node, s.phase.id): at for at, s in enumerate(self._plan.steps)}
        return tuple(sorted(self._outcomes, key=lambda o: order[o.node, o.phase]))

    def _node(self, name: str) -> None:
        """All phases of one node, until one fails."""
        steps = [step for step in self._plan.steps if step.node == name]
        runner = StepRunner(
            context=self._context,
            node=self._context.cluster.node(name),
            planned={step.phase.id: step for step in steps},
        )
        ok = True
        for step in steps:
            outcome = self._step(runner, step) if ok else _not_started(step)
            ok = ok and outcome.error is None
            with self._lock:
                self._outcomes.append(outcome)
            self._board.end(name, step.phase.id, ok=outcome.error is None)
            self._report(outcome)

    def _step(self, runner: StepRunner, step: Step) -> Outcome:
        phase, name = step.phase, step.node
        needed = needed_steps(self._context.cluster, phase, runner.node)
        if needed & self._board.expected:
            self._bus(Event(kind="step", node=name, phase=phase.id, state="waiting"))
        if not self._board.await_steps(needed, self._context.stopping):
            return self._stopped(step) if self._context.stopping() else _not_started(step)
        window = phase.window if phase.window and phase.window.limits(step.actions) else None
        why = self._enter(step, window) if window else ""
        if why and not self._context.stopping():
            return _not_started(step, f"not started: {why}")
        if self._context.stopping():
            return self._stopped(step)
        with self._slots:
            return self._timed(runner, step)

    def _enter(self, step: Step, window: Window) -> str:
        at = (step.node, step.phase.id)
        same = (s for s in self._plan.changes if s.phase.id == step.phase.id)
        first = next(s for s in same if window.limits(s.actions))
        return self._board.enter(at, window, (first.node, first.phase.id), self._context.stopping)

    def _timed(self, runner: StepRunner, step: Step) -> Outcome:
        phase, name = step.phase, step.node
        start = time.monotonic()
        self._bus(Event(kind="step", node=name, phase=phase.id, state="running"))
        error: KbError | None = None
        changes = 0
        try:
            changes = runner.run(phase)
        except KbError as raised:
            error = raised.at(name, phase.id)
        except Exception as raised:  # noqa: BLE001 - a bug must not leave other nodes waiting
            error = InternalError(codes.BUG, f"{type(raised).__name__}: {raised}").at(
                name, phase.id
            )
            error.__cause__ = raised
        if error is not None and self._context.stopping():
            return self._stopped(step)
        return Outcome(name, phase.id, changes, time.monotonic() - start, error)

    def _stopped(self, step: Step) -> Outcome:
        error = InterruptedRunError(codes.INTERRUPTED, "stopped before this step ended")
        return Outcome(step.node, step.phase.id, error=error.at(step.node, step.phase.id))

    def _report(self, outcome: Outcome) -> None:
        blocked = outcome.error is not None and outcome.error.code is codes.BLOCKED
        done: StepState = "changed" if outcome.changes else "unchanged"
        self._bus(
            Event(
                kind="step",
                node=outcome.node,
                phase=outcome.phase,
                state="blocked" if blocked else "failed" if outcome.error else done,
                seconds=outcome.seconds,
                error=None if blocked else outcome.error,
            )
        )


def _not_started(step: Step, message: str = "not started") -> Outcome:
    error = PhaseError(codes.BLOCKED, message).at(step.node, step.phase.id)
    return Outcome(step.node, step.phase.id, error=error)
