"""When a rival's run is stopped: as soon as it cannot matter any more how much longer it takes."""

import statistics
from collections.abc import Sequence
from typing import Any

from bench.targets import AIMS

Cell = dict[str, Any]
LEAST = 150  # seconds that everybody gets
DELAYED = 40  # seconds that everybody gets with latency added; the ratios without it are told
SLACK = 1.05
TWICE = 2


def seconds(cells: Sequence[Cell], cell: Cell) -> float:
    """The longest that the next run of ``cell`` may take, by what the others took in its row.

    A rival that has taken more than what was aimed at has lost by it; a tool's other way that
    takes twice as long as its best is not its best.
    """
    if cell["tool"] in {"kbootstrap", "floor"}:
        return float("inf")
    if cell["delay"]:
        return DELAYED
    row = [other for other in cells if other["row"] == cell["row"] and other["samples"]]
    ours = [_wall(other) for other in row if other["tool"] == "kbootstrap"]
    ways = [_wall(other) for other in row if other["tool"] == cell["tool"] and other is not cell]
    aim = AIMS.get(cell["row"], {}).get(cell["tool"])
    limits = [SLACK * aim * wall for wall in ours if aim] + [TWICE * wall for wall in ways]
    return max(float(LEAST), min(limits, default=float("inf")))


def _wall(cell: Cell) -> float:
    return float(statistics.median(sample["wall"] for sample in cell["samples"]))
