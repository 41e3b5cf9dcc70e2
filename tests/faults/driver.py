"""Breaks one command again and again on its way, and says the same command until it is done.

A `Chain` holds the faults to make and where. The run stands still at each event; at the first
event that is one of the chosen points the fault is made. A run that ends is judged, the fault
healed, and the same command said once more, which continues to the next point. So one command,
from nothing to done, meets a fault at every boundary it passes.
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from tests.faults import judge
from tests.faults.accidents import Scene, nothing, settle
from tests.faults.bench import Bench
from tests.faults.faults import Fault, Run
from tests.faults.gate import END, Event, Held
from tests.faults.points import LOOK, Moment, Point, Stage, role
from tests.faults.results import NOT_APPLICABLE, NOT_REACHED, Row, case

FUSE = 0.06  # seconds after an action was reported until it is under way
RERUNS = 3  # that may fail without a new fault before the chain is given up
ENOUGH = 3  # steps that end well although a fault is there
WELL = frozenset({"changed", "unchanged"})


@dataclass
class Hit:
    """A fault that was made in a run."""

    point: Point
    fault: Fault
    row: Row
    scene: Scene
    at: float
    heal_at: float | None = None
    healed: bool = False
    steps: int = 0  # of its node that ended well since
    said_again: float | None = None


@dataclass
class Chain:
    """One command, with the faults it meets on its way.

    Attributes:
        rows: one for each chosen point, as they end.

    """

    bench: Bench
    stage: Stage
    faults: Mapping[Point, Fault]
    seed: int = 0
    tell: Callable[[Row], None] = lambda row: print(row.line(), flush=True)
    rows: list[Row] = field(default_factory=list)
    hits: list[Hit] = field(default_factory=list)
    _open: list[Hit] = field(default_factory=list)
    _now: Hit | None = None  # the fault of this run, until it has passed
    _fuse: tuple[Point, float] | None = None
    _last: Hit | None = None  # in this run
    _met: list[Fault] = field(default_factory=list)  # in this run; a later one may end it

    def run(self) -> list[Row]:
        """Until the command ends well with no fault left to make."""
        self._pending = dict(self.faults)
        self._dice = random.Random(self.seed)  # noqa: S311 - no secret
        failures = 0
        while True:
            before = len(self.hits)
            status = self._say()
            if status == 0 and self._last is None:
                break
            failures = 0 if len(self.hits) > before else failures + 1
            if failures > RERUNS:
                self._blame("the same command does not end well; the chain was given up")
                break
        for row in list(self._rows_open()):
            self._close(row)
        for point, fault in self._pending.items():
            self._end(self._case(point, fault), NOT_REACHED)
        return self.rows

    # --- one run

    def _say(self) -> int:
        """Say the command and see it through."""
        held = self.bench.start(self.stage.arguments)
        for hit in self._open:
            hit.said_again = held.started
        self._now = self._last = None
        self._met = []
        self._fuse = None
        deadline = held.started + self.bench.patience.bound
        while (event := held.next(self._nap(deadline))) is not END:
            if event is not None:
                self._see(held, event)
            elif self._fuse and time.monotonic() >= self._fuse[1]:
                self._fire(held)
            self._heal_in_time()
            if time.monotonic() > deadline:
                held.process.kill()
                self._blame(f"did not end within {self.bench.patience.bound:.0f} s")
                deadline += 3600
        return self._ended(held)

    def _nap(self, deadline: float) -> float:
        times = [deadline]
        if self._fuse:
            times.append(self._fuse[1])
        if self._now and self._now.heal_at is not None and not self._now.healed:
            times.append(self._now.heal_at)
        return max(0.0, min(times) - time.monotonic())

    def _see(self, held: Held, event: Event) -> None:
        """The run stands at an event: is it one of our points?"""
        self._back_at(event)
        if self._fuse and self._is_later(event, self._fuse[0]):
            if event["event"] in {"action", "note"} and event.get("phase") == self._fuse[0].phase:
                self._fuse = (self._fuse[0], time.monotonic() + self._delay())
            else:
                self._fire(held, event)
        elif self._fuse is None and (self._now is None or self._now.fault.mild):
            for point in self._points_at(event):
                if point in self._pending and self._begin(held, event, point):
                    break
        held.go()

    def _begin(self, held: Held, event: Event, point: Point) -> bool:
        """A point is reached; inside a phase the fault comes a moment later."""
        if point.moment is Moment.INSIDE and point.phase != LOOK:
            self._fuse = (point, time.monotonic() + self._delay())
            return True
        return self._make(held, point, event)

    def _delay(self) -> float:
        return FUSE if not self.seed else self._dice.uniform(0, 20 * FUSE)

    def _fire(self, held: Held, event: Event | None = None) -> None:
        assert self._fuse is not None
        point, self._fuse = self._fuse[0], None
        self._make(held, point, event)

    def _make(self, held: Held, point: Point, event: Event | None) -> bool:
        """Make the fault here."""
        fault = self._pending.pop(point)
        row = self._case(point, fault)
        scene = Scene(self.bench, self.bench.site.node(point.node), held, self.stage.arguments)
        if not fault.applies(scene):
            self._end(row, NOT_APPLICABLE)
            return False
        row.action = (event or {}).get("text", "")
        hit = Hit(point, fault, row, scene, time.monotonic())
        if fault.lasts is not None:
            hit.heal_at = hit.at + fault.lasts(self.bench)
        if self._now is not None:
            self._passed(self._now)
        fault.make(scene)
        self.hits.append(hit)
        self._met.append(fault)
        self._open.append(hit)
        self._now = self._last = hit
        return True

    # --- where a run is

    def _points_at(self, event: Event) -> Iterator[Point]:
        """The points an event stands for."""
        kind, state = event["event"], event.get("state")
        node, phase = event.get("node", ""), event.get("phase", "")
        if kind == "run":
            yield Point(self.stage.name, LOOK, self.stage.nodes[0], Moment.BEFORE)
        elif kind == "plan":
            yield Point(self.stage.name, LOOK, self.stage.nodes[0], Moment.AFTER)
        elif kind == "surveyed":
            yield Point(self.stage.name, LOOK, node, Moment.INSIDE)
        elif kind == "action":
            yield Point(self.stage.name, phase, node, Moment.INSIDE)
        elif kind == "step" and state == "running":
            yield Point(self.stage.name, phase, node, Moment.BEFORE)
        elif kind == "step" and state in WELL:
            yield Point(self.stage.name, phase, node, Moment.AFTER)

    def _is_later(self, event: Event, point: Point) -> bool:
        """Whether the event reports that what was begun at the point continues."""
        return event.get("node") == point.node and event["event"] != "surveyed"

    def _back_at(self, event: Event) -> None:
        """Close what this event shows to be reached again or left behind."""
        order = self.stage.order
        for at in self._points_at(event):
            for hit in list(self._open):
                place = (order.get(at.phase, -1), at.moment)
                same = at.node == hit.point.node or at.phase == LOOK
                since = hit is not self._now or self._has_gone_on(hit, at, event)
                if same and since and place >= (order[hit.point.phase], hit.point.moment):
                    self._passed(hit)

    def _has_gone_on(self, hit: Hit, at: Point, event: Event) -> bool:
        """In the very run it hit: its node got something done since, and it has healed."""
        if hit.fault.run in {Run.DIES, Run.LETS_GO}:
            return False
        if at.node == hit.point.node and event.get("state") == "changed" and at != hit.point:
            hit.steps += 1
        if hit.fault.lasts is not None:
            return hit.healed and at != hit.point
        # One that stays shows that it does not matter when the node gets on all the same.
        return hit.steps >= (ENOUGH if hit.fault.heal is not nothing else 1)

    def _passed(self, hit: Hit) -> None:
        if hit is self._now:
            hit.row.outcome = "went on"
            hit.said_again = hit.at
            self._finish_aside(hit)
            if not hit.healed:
                hit.fault.heal(hit.scene)
            self._now = None
        self._close(hit)

    def _rows_open(self) -> list[Hit]:
        return self._open

    def _close(self, hit: Hit) -> None:
        start = hit.said_again or hit.at
        hit.row.seconds = round(time.monotonic() - start, 2)
        self._open.remove(hit)
        self.rows.append(hit.row)
        self.tell(hit.row)

    # --- after it

    def _heal_in_time(self) -> None:
        hit = self._now
        if hit and hit.heal_at is not None and not hit.healed and time.monotonic() >= hit.heal_at:
            hit.fault.heal(hit.scene)
            hit.healed = True

    def _ended(self, held: Held) -> int:
        """Judge how the run ended, and take the next step it names."""
        status = held.finish()
        hit = self._last
        if hit is None:
            if status != 0:
                words = f"said again it ended with {status}: {judge.codes(held)}"
                self._blame(words + judge.tail(held))
            return status
        now = self._now
        if now is not None:
            now.row.status = status
            now.row.outcome = judge.outcome(now.fault, status, held)
            now.row.problems += judge.problems(self._met, now.scene, status, held)
            self._finish_aside(now)
            self._stays(now)
            if not now.healed:
                now.row.problems += judge.next_steps(now.scene, held)
                now.fault.heal(now.scene)
                now.healed = True
        elif status != 0:  # others continued, and in the end it was reported
            hit.row.status = status
            hit.row.outcome = judge.outcome(hit.fault, status, held)
            hit.row.problems += judge.problems(self._met, hit.scene, status, held)
        return status

    def _stays(self, hit: Hit) -> None:
        """A fault that is still there: the same command must refuse, and say why."""
        if not hit.fault.stays:
            return
        again = self.bench.run(self.stage.arguments)
        hit.row.problems += judge.refusal(hit.fault, hit.scene, again)

    def _finish_aside(self, hit: Hit) -> None:
        settle(hit.scene, 120)
        if hit.scene.second is not None:
            early = hit.point.phase == LOOK
            bound = self.bench.patience.bound
            hit.row.problems += judge.second(hit.scene.second, bound, early=early)
        hit.row.problems += hit.scene.trouble

    def _blame(self, words: str) -> None:
        if self.hits:
            self.hits[-1].row.problems.append(words)
            print(f"     {self.hits[-1].row.fault}: {words}", flush=True)
        else:
            row = Row(self.bench.site.kind, self.stage.name, "", "", "", "", "none")
            row.problems.append(words)
            self._end(row, "failed without a fault")

    def _case(self, point: Point, fault: Fault) -> Row:
        kind = self.bench.site.kind
        return case(kind, role(self.bench.cluster, point.node), point, fault.name, self.seed)

    def _end(self, row: Row, outcome: str) -> None:
        row.outcome = outcome
        self.rows.append(row)
        if row.reached:
            self.tell(row)
