"""Where a rival is measured at all, and when its run is stopped: a whole run must end some day."""

import statistics
from collections.abc import Sequence
from typing import Any

from bench.targets import AIMS

Cell = dict[str, Any]
MANY = 300  # hosts, up to which rivals are measured, bad hosts and a jump host tried
FEWER = 100  # hosts, with which ansible's slowest row is measured in place of MANY
SLOWER = 8  # how many times less than the budget ansible's further runs get
LEAST = 60  # seconds for every tool
DELAYED = 40  # seconds for every tool with latency added
SLACK = 1.05


def measured(tool: str, row: str, variant: str, hosts: int) -> bool:
    """Whether there is a figure of it.

    Ansible is, besides few hosts, measured with 300; but (b) with 100 instead, which takes it
    more than seven minutes. With 300 hosts no tool works file by file, which is never its best way.
    """
    if hosts > MANY:
        return tool in {"kbootstrap", "floor"} and row in {"b", "e"}
    if variant == "files" and hosts == MANY:
        return False
    if tool == "ansible":
        return hosts != (MANY if row == "b" else FEWER)
    return True


def seconds(cells: Sequence[Cell], cell: Cell) -> float:
    """The longest that the next run of ``cell`` may take, by what we took in its row.

    A rival that has taken more than what was aimed at has lost by it.
    """
    if cell["tool"] in {"kbootstrap", "floor"}:
        return float("inf")
    if cell["delay"]:
        return DELAYED
    row = [other for other in cells if other["row"] == cell["row"] and other["samples"]]
    ours = [_wall(other) for other in row if other["tool"] == "kbootstrap"]
    aim = AIMS.get(cell["row"], {}).get(cell["tool"])
    limits = [SLACK * aim * wall for wall in ours if aim]
    return max(float(LEAST), min(limits, default=float("inf")))


def _wall(cell: Cell) -> float:
    return float(statistics.median(sample["wall"] for sample in cell["samples"]))
