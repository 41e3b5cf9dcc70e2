"""The slice of the matrix on the stand-in: its core, or with ``--all-cases`` the whole slice.

The whole matrix is run by hand: docs/faults.md says how, and what came of it.
"""

import os
from collections.abc import Iterator

import pytest

from tests.faults.bench import SHORT, Bench, bench
from tests.faults.faults import NAMED
from tests.faults.life import Life
from tests.faults.points import Point
from tests.faults.slice import CORE, REST, chosen

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def made() -> Iterator[Bench]:
    """Fresh nodes; without root the slice is skipped, loudly."""
    if os.geteuid() != 0:
        pytest.skip("NOT RUN: the lab's systemd nodes need root")
    with bench("fslice", "standin", SHORT) as made:
        yield made


def test_every_fault_and_every_stage_is_in_the_slice() -> None:
    assert {case[0] for part in (CORE, REST) for cases in part.values() for case in cases} == set(
        NAMED
    )
    assert set(CORE) == set(REST)


def test_the_slice(made: Bench, request: pytest.FixtureRequest) -> None:
    """Its core, or with --all-cases every fault at every command."""
    core = not request.config.getoption("--all-cases")
    life = Life(made, None)
    asked: set[tuple[str, ...]] = set()

    for stage in life.stages:
        cases = chosen(stage.name, core=core)
        asked |= {(fault.name, *_place(point)) for point, fault in cases.items()}
        life.stage(stage, cases)

    made_at = {
        (row.fault, row.stage, row.phase, row.node, row.moment) for row in life.rows if row.reached
    }
    assert [row.line() for row in life.rows if row.problems] == []
    assert made_at == asked
    assert {stage.name for stage in life.stages} == set(CORE)


def _place(point: Point) -> tuple[str, ...]:
    return (point.stage, point.phase, point.node, point.moment.name.lower())
