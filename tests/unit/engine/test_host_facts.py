"""Facts about the host are read once, and again by a step that changes them."""

from collections.abc import Iterator

import pytest

from kbootstrap.action import Action, Run
from kbootstrap.codes import NOT_SETTLED
from kbootstrap.engine.phase import View
from tests.unit.engine.toys import Done, Site, toy


def plan(view: View[Done]) -> Iterator[Action]:
    if view.host.swap:
        effect = {"host": {"swap": ()}}
        yield Run(why="on", title="turn swap off", body="one swapoff", effect=effect)


@pytest.fixture
def site() -> Site:
    site = Site(toy("one", plan=plan), toy("two", "a"))
    site.machines["w1"].swap = True
    return site


def test_a_step_that_changes_the_host_reads_it_again(site: Site) -> None:
    printed = site.plan()
    before = site.machines["w1"].hosts, site.machines["cp1"].hosts

    outcomes = site.run(printed)

    assert [outcome.error for outcome in outcomes.values()] == [None] * 8
    assert outcomes["w1", "one"].changes == 1
    assert site.machines["w1"].hosts - before[0] == 2  # the first probe of the run, and the step
    assert site.machines["cp1"].hosts - before[1] == 1
    assert site.plan().changes == ()


def test_a_host_that_is_not_changed_is_noticed(site: Site) -> None:
    site.machines["w1"].deaf.add("swapoff")
    error = site.run()["w1", "one"].error
    assert error is not None
    assert error.code is NOT_SETTLED


def test_after_a_lost_connection_the_host_is_read_again(site: Site) -> None:
    site.machines["w1"].loses["swapoff"] = True

    outcomes = site.run()

    assert outcomes["w1", "one"].error is None
    assert [line for line in site.log if "swapoff" in line] == ["w1: one swapoff"]
