"""A step that is planned again runs nothing that was not printed; waits and fewer are fine."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from kbootstrap.action import Action
from kbootstrap.engine import step
from kbootstrap.engine.phase import View, on_first
from tests.unit.engine.toys import Done, Site, code, toy, word


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step, "SETTLE_SECONDS", 0.3, raising=False)


def cleared_first(view: View[Done]) -> Iterator[Action]:
    """As a join: what was begun and did not end has to be cleared before it is repeated."""
    done = view.facts.done
    if "join" in done:
        return
    if "begun" in done and "clear" not in done:
        yield word("one", "clear")
    if "begun" not in done:
        yield word("one", "begun")
    yield word("one", "join")


def cut_in_the_middle() -> Site:
    site = Site(toy("one", plan=cleared_first, on=on_first))
    site.machines["cp1"].loses["join"] = False
    return site


def test_after_a_lost_connection_nothing_runs_that_was_not_printed() -> None:
    site = cut_in_the_middle()

    outcome = site.run()["cp1", "one"]

    assert site.log == ["cp1: one begun"]
    assert code(outcome) == "KB403"
    assert outcome.error is not None
    assert "do clear" in outcome.error.message
    assert outcome.error.exit_code == 7


def test_the_next_run_plans_it_and_ends_well() -> None:
    site = cut_in_the_middle()
    site.run()

    printed = [action.text for one in site.plan().changes for action in one.actions]
    outcomes = site.run()

    assert printed == ["do clear", "do join"]
    assert code(outcomes["cp1", "one"]) == ""


def test_a_node_that_is_still_starting_is_probed_again_before_the_step_stops() -> None:
    """After a reboot a service may take some seconds; what it needs then is not a new action."""
    site = Site(toy("one", plan=cleared_first, on=on_first))
    machine = site.machines["cp1"]
    machine.loses["join"] = False

    def watch(event: object) -> None:
        if "do clear" in getattr(event, "text", ""):
            machine.done.append("one clear")  # by itself

    site.watch = watch

    outcomes = site.run()

    assert code(outcomes["cp1", "one"]) == ""
    assert site.log == ["cp1: one begun", "cp1: one join"]


def test_a_round_without_a_loss_is_compared_too() -> None:
    def plan(view: View[Done]) -> Iterator[Action]:
        if "a" not in view.facts.done:
            yield word("one", "a")
        elif "b" not in view.facts.done:
            yield word("one", "b")

    site = Site(toy("one", plan=plan, on=on_first))

    outcomes = site.run()

    assert code(outcomes["cp1", "one"]) == "KB403"
    assert site.log == ["cp1: one a"]


@pytest.mark.parametrize("lost", [True, False])
def test_a_wait_need_not_be_printed(*, lost: bool) -> None:
    def plan(view: View[Done]) -> Iterator[Action]:
        if "a" not in view.facts.done:
            yield word("one", "a")
        elif "wait" not in view.facts.done:
            yield replace(word("one", "wait"), waits=True)

    site = Site(toy("one", plan=plan, on=on_first))
    if lost:
        site.machines["cp1"].loses["a"] = True

    outcomes = site.run()

    assert code(outcomes["cp1", "one"]) == ""
    assert site.log == ["cp1: one a", "cp1: one wait"]


def test_a_wait_that_became_necessary_after_the_plan_is_no_drift() -> None:
    def plan(view: View[Done]) -> Iterator[Action]:
        if "wait" not in view.facts.done:
            yield replace(word("one", "wait"), waits=True)
        if "a" not in view.facts.done:
            yield word("one", "a")

    site = Site(toy("one", plan=plan, on=on_first))
    site.machines["cp1"].done = ["one wait"]
    printed = site.plan()
    site.machines["cp1"].done = []

    assert code(site.run(printed)["cp1", "one"]) == ""
