"""The slice of the matrix for CI: every fault and every verb once or more, on the stand-in.

The whole matrix is run by hand: docs/faults.md says how, and what came of it.
"""

import os
import time
from collections.abc import Iterator

import pytest

from tests.faults.bench import SHORT, Bench, bench
from tests.faults.faults import NAMED
from tests.faults.life import Life
from tests.faults.slice import SLICE, chosen

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1800)]

MOST = 600  # seconds, on a machine that does nothing else


@pytest.fixture(scope="module")
def made() -> Iterator[Bench]:
    """Fresh machines; without root the slice is skipped, loudly."""
    if os.geteuid() != 0:
        pytest.skip("NOT RUN: the lab's systemd nodes need root")
    with bench("fslice", "standin", SHORT) as made:
        yield made


def test_every_fault_and_every_stage_is_in_the_slice() -> None:
    assert {case[0] for cases in SLICE.values() for case in cases} == set(NAMED)


def test_the_slice(made: Bench) -> None:
    start = time.monotonic()
    life = Life(made, None)

    for stage in life.stages:
        life.stage(stage, chosen(stage.name))

    print(f"\n{len(life.rows)} cases in {time.monotonic() - start:.0f} s")
    assert [row.line() for row in life.rows if row.problems] == []
    assert {row.fault for row in life.rows if row.reached} == set(NAMED)
    assert {stage.name for stage in life.stages} == set(SLICE)
