"""A wait changes nothing, so it need not have been printed."""

from collections.abc import Iterator

from kbootstrap.action import Action, Run
from kbootstrap.engine.phase import View
from tests.unit.engine.toys import Done, Site, code, toy


def test_a_wait_that_became_necessary_after_the_plan_is_waited() -> None:
    needed: list[str] = []

    def plan(view: View[Done]) -> Iterator[Action]:
        if needed and "came" not in view.facts.done:
            yield Run(why="x", title="wait for it", body="waits came", waits=True)

    site = Site(toy("waits", plan=plan))
    printed = site.plan()
    needed.append("it restarted meanwhile")
    outcomes = site.run(printed)
    assert {code(outcome) for outcome in outcomes.values()} == {""}
    assert "cp1: waits came" in site.log
