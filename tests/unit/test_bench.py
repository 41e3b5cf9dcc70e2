"""The bench's own judgement: when a rival is stopped, and what counts as met."""

from typing import Any

import pytest

from bench import limits, targets


def cell(row: str, tool: str, *walls: float, variant: str = "", delay: int = 0) -> dict[str, Any]:
    samples = [{"wall": wall} for wall in walls]
    return {"row": row, "tool": tool, "variant": variant, "delay": delay, "samples": samples}


OURS, FLOOR = cell("b", "kbootstrap", 9.0, 10.0, 11.0), cell("b", "floor", 8.0)


@pytest.mark.parametrize(
    ("others", "one", "seconds"),
    [
        ([], OURS, float("inf")),
        ([OURS], FLOOR, float("inf")),
        ([OURS, FLOOR], cell("b", "ansible"), 1050),
        ([OURS], cell("b", "pyinfra"), 73.5),
        ([cell("b", "kbootstrap", 1.0)], cell("b", "pyinfra"), limits.LEAST),
        ([OURS], cell("b", "ansible", delay=20), limits.DELAYED),
        ([OURS], cell("c", "ansible"), float("inf")),  # nothing is known of this row
    ],
)
def test_a_rival_is_stopped_when_it_has_lost(
    others: list[dict[str, Any]], one: dict[str, Any], seconds: float
) -> None:
    assert limits.seconds([*others, one], one) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("tool", "row", "variant", "hosts", "is_measured"),
    [
        ("kbootstrap", "a", "", 1000, False),
        ("floor", "b", "", 1000, True),
        ("pyinfra", "b", "again", 1000, False),
        ("pyinfra", "b", "again", 300, True),
        ("pyinfra", "c", "files", 300, False),
        ("pyinfra", "c", "files", 100, True),
        ("ansible", "b", "again", 300, False),
        ("ansible", "b", "again", 100, True),
        ("ansible", "c", "archive", 300, True),
        ("ansible", "c", "archive", 100, False),
        ("ansible", "b", "again", 10, True),
    ],
)
def test_not_every_tool_runs_everywhere(
    tool: str, row: str, variant: str, hosts: int, *, is_measured: bool
) -> None:
    assert limits.measured(tool, row, variant, hosts) is is_measured


def way(wall: float, *, more: str = "", resident: float = 80) -> list[dict[str, Any]]:
    return [{"wall": wall, "more": more, "resident": resident}]


def test_what_is_met_is_reported() -> None:
    cells = {
        (300, 0, "b", "kbootstrap"): way(10.0),
        (300, 0, "b", "ansible"): way(1001.0, more=">"),
        (300, 0, "b", "pyinfra"): way(69.0),
        (300, 0, "b", "floor"): way(6.0),
        (300, 0, "d", "kbootstrap"): way(1.0),
        (300, 0, "d", "ansible"): way(29.0, more=">"),
        (300, 20, "c", "kbootstrap"): way(1.0, resident=500),
    }
    startup = {"kbootstrap --help": {"median": 0.031}, "python -c pass": {"median": 0.010}}
    run = {"control planes": 1, "load": 0.0, "rest": 5.0, "cpu": 1.0}
    whole = [
        run | {"kind": "real", "workers": 1, "total": 25.0, "path": 20.0},
        run | {"kind": "standin", "workers": 1, "total": 10.0, "path": 5.0},
        run | {"kind": "standin", "workers": 50, "total": 30.0, "path": 25.0},
    ]

    told = "\n".join(targets.reached(cells, {"startup": startup, "whole": whole}))

    assert "| (b) | >100.10 (100) met | 6.90 (7) not met | 0.60 (0.6) met |" in told
    assert "| (d) | >29.00 (30) stopped too early to tell |  |  |" in told
    assert "memory, (b), 300: 80 MB (90) met" in told
    assert "500" not in told  # latency is another matter
    assert "3.1 times `python -c pass` (3) not met" in told
    assert "`up`, real, 1 + 1: 25.0 s, kubeadm's path 20.0 s, the rest 5.0 s (5.0) met" in told
    assert "50 workers: 3.0 times one (3) met" in told
