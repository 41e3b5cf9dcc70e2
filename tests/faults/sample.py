"""A sample of the matrix: each fault at each command, at a point drawn by a random seed.

For real binaries, where the whole matrix would take days: `python -m tests.faults --sample 100`.
"""

import random
from collections import Counter
from collections.abc import Iterable, Sequence

from tests.faults.faults import ALL, Fault
from tests.faults.points import Point
from tests.faults.results import Row

PER_COMMAND = 6  # faults that one command meets; more would crowd each other out
TRIES = 4  # for a fault whose points were not reached, as when others had done the work


class Sample:
    """Deals the pairs of command and fault that are still to be made, life after life."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)  # noqa: S311 - no secret
        self._tries: Counter[tuple[str, str]] = Counter()
        self._made: set[tuple[str, str]] = set()

    def chosen(self, stage: str, points: Sequence[Point]) -> dict[Point, Fault]:
        """Some faults for one command, each at a point of its own."""
        left = [fault for fault in ALL if self._is_left(stage, fault)]
        self._dice.shuffle(left)
        left.sort(key=lambda fault: self._tries[stage, fault.name])
        dealt = left[: min(PER_COMMAND, len(points))]
        self._tries.update((stage, fault.name) for fault in dealt)
        return dict(zip(self._dice.sample(points, len(dealt)), dealt, strict=True))

    def take(self, rows: Iterable[Row]) -> None:
        """Count the faults that were made."""
        self._made |= {(row.stage, row.fault) for row in rows if row.reached}

    def is_left(self, stages: Iterable[str]) -> bool:
        """Whether any command has a fault that is still to be tried."""
        return any(self._is_left(stage, fault) for stage in stages for fault in ALL)

    def _is_left(self, stage: str, fault: Fault) -> bool:
        pair = (stage, fault.name)
        return pair not in self._made and self._tries[pair] < TRIES
