"""The sample of the matrix: every fault at every command, no point twice."""

from tests.faults.faults import ALL
from tests.faults.points import Moment, Point
from tests.faults.results import NOT_REACHED, Row
from tests.faults.sample import PER_COMMAND, TRIES, Sample

POINTS = [Point("up", f"phase{n}", "node1", moment) for n in range(9) for moment in Moment]


def row(fault: str, outcome: str) -> Row:
    return Row("real", "up", "host", "node1", "worker", "before", fault, outcome=outcome)


def test_each_fault_is_made_once() -> None:
    sample, made = Sample(1), []
    while sample.is_left(["up"]):
        dealt = [fault.name for fault in sample.chosen("up", POINTS).values()]
        assert len(dealt) <= PER_COMMAND
        made += dealt
        sample.take(row(name, "killed") for name in dealt)
    assert sorted(made) == sorted(fault.name for fault in ALL)


def test_what_was_not_reached_is_tried_again_but_not_for_ever() -> None:
    sample, tries = Sample(2), 0
    while sample.is_left(["up"]):
        tries += len(sample.chosen("up", POINTS))
        sample.take([row(ALL[0].name, NOT_REACHED)])
    assert tries == TRIES * len(ALL)


def test_the_same_seed_gives_the_same_sample() -> None:
    assert Sample(3).chosen("up", POINTS) == Sample(3).chosen("up", POINTS)
    assert Sample(3).chosen("up", POINTS) != Sample(4).chosen("up", POINTS)


def test_a_command_with_few_points_gets_few_faults() -> None:
    assert len(Sample(5).chosen("up", POINTS[:2])) == 2
