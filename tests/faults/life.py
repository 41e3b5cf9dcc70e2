"""A cluster's whole life, each command of it broken where the caller wants."""

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.site import VERSION
from tests.faults import invariants, results
from tests.faults.bench import Bench
from tests.faults.driver import Chain
from tests.faults.faults import NAMED, Fault
from tests.faults.points import NEXT, Point, Stage, apart, inner, life, points
from tests.faults.results import NOT_REACHED, Row
from tests.faults.sample import Sample

DESK_CLOCK = frozenset({"clock-operator", "clock-jump"})


@dataclass
class Life:
    """Runs stages one after the other on one bench.

    Attributes:
        done: keys of cases that are not to be made again.
        commit: of kbootstrap, for the rows.

    """

    bench: Bench
    to: Path | None
    seed: int = 0
    commit: str = ""
    done: set[tuple[str, ...]] = field(default_factory=set)
    rows: list[Row] = field(default_factory=list)
    _planted: bool = False

    @property
    def stages(self) -> tuple[Stage, ...]:
        return life(self.bench.cluster)

    def whole(self, fault: Fault, names: Collection[str], phases: Collection[str] = ()) -> int:
        """One fault through the named stages, walk after walk, until one reaches nothing new.

        A run that continues while a fault lasts passes points that the next walk comes back to.
        Returns how many cases failed.
        """
        failed, known = 0, -1
        while known < len(self.done):
            known = len(self.done)
            left = [(s, self._left(s, fault, names, phases)) for s in self._ways(fault)]
            if not any(chosen for _, chosen in left):
                break
            failed += sum(self.stage(stage, chosen) for stage, chosen in left)
        return failed

    def _ways(self, fault: Fault) -> tuple[Stage, ...]:
        if not fault.remains:
            return self.stages
        return tuple(part for stage in self.stages for part in apart(stage))

    def _left(
        self, stage: Stage, fault: Fault, names: Collection[str], phases: Collection[str]
    ) -> dict[Point, Fault]:
        """The points of a stage where the fault has yet to be made."""
        same = inner(stage, self.bench.cluster) if fault.remains else frozenset()
        return {
            point: fault
            for point in points(stage, self.bench.cluster)
            if stage.name in names
            and point not in same
            and (not phases or point.phase in phases)
            and not self._is_done(point, fault)
        }

    def at_random(self, faults: Sequence[str], names: Collection[str]) -> int:
        """One life with a random fault at a third of all points."""
        dice = random.Random(self.seed + len(self.rows))  # noqa: S311 - no secret
        failed = 0
        for stage in self.stages:
            found = points(stage, self.bench.cluster)
            chosen = {
                point: NAMED[dice.choice(faults)]
                for point in found
                if stage.name in names and dice.random() < 1 / 3
            }
            failed += self.stage(stage, chosen)
        return failed

    def sample(self, count: int, seed: int) -> int:
        """Whole lives with a sample of all faults, until ``count`` of them were made."""
        sample, failed = Sample(seed), 0
        while self._made < count and sample.is_left(stage.name for stage in self.stages):
            for stage in self.stages:
                found = points(stage, self.bench.cluster)
                failed += self.stage(stage, sample.chosen(stage.name, found))
                sample.take(self.rows)
        return failed

    @property
    def _made(self) -> int:
        return sum(row.reached for row in self.rows)

    def stage(self, stage: Stage, chosen: Mapping[Point, Fault]) -> int:
        """One command with its faults; then everything is looked at."""
        if stage.optional and not chosen:
            return 0
        self.bench.prepare(stage.name)
        self._clock({fault.name for fault in chosen.values()})
        starts = invariants.Starts(self.bench)
        chain = Chain(self.bench, stage, chosen, seed=self.seed)
        rows = chain.run()
        for row in rows:
            row.commit = self.commit
        clumsy = sum(not hit.fault.strict for hit in chain.hits)
        wrong = invariants.broken(self.bench, stage, planted=self._planted)
        wrong += starts.more_than_once(clumsy)
        if wrong:
            print(f"FAIL {stage.name}: " + "; ".join(wrong), flush=True)
            last = chain.hits[-1].row if chain.hits else None
            if last is None:
                last = Row(self.bench.site.kind, stage.name, "", "", "", "", "none")
                rows.append(last)
            last.problems += wrong
        self.rows += rows
        self.done |= {row.key for row in rows if row.outcome != NOT_REACHED}
        if self.to is not None:
            results.append(self.to, rows)
        self._next(stage)
        return sum(bool(row.problems) for row in rows)

    def _next(self, stage: Stage) -> None:
        if stage.verb == "up" and not self._planted:
            invariants.plant_canary(self.bench)
            self._planted = True
        if stage.verb == "upgrade" and stage.whole:
            self.bench.says(NEXT)
        if not stage.members:
            self.bench.says(VERSION)
            self._planted = False
            self.bench.forget_images()

    def _clock(self, names: set[str]) -> None:
        """Only runs that need it see a clock that can be moved."""
        if names & DESK_CLOCK:
            self.bench.clock.write_text("+0\n")
        else:
            self.bench.clock.unlink(missing_ok=True)

    def _is_done(self, point: Point, fault: Fault) -> bool:
        place = (point.stage, point.phase, point.node, point.moment.name.lower())
        return (self.bench.site.kind, *place, fault.name) in self.done
