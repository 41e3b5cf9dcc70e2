"""The comparison that every end-to-end run makes: a wrong effect of an action is found."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kbootstrap.action import Action
from kbootstrap.engine import runner
from kbootstrap.engine.phase import View
from kbootstrap.model.cluster import Taint
from kbootstrap.model.observed import NOTHING, Observed, ObservedNode, ObservedPod, PodReason
from tests.e2e.effects import Compared, broken, wrong_effects
from tests.unit.engine.toys import HA, Done, Site, toy, word

TAINTS = tuple(Taint(name, "", "NoSchedule") for name in ("one", "two"))
WHY = PodReason(reason="it has no container yet")
NODE = ObservedNode(name="cp1", ready=False, taints=TAINTS)


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Runs compare, and write here."""
    monkeypatch.setattr(runner, "StepRunner", Compared)
    monkeypatch.setattr(Compared, "record", tmp_path / "effects.jsonl", raising=False)
    return tmp_path / "effects.jsonl"


def doing(name: str, **effect: object) -> Site:
    """A site whose phase does one word on each node, with that effect."""

    def plan(view: View[Done]) -> Iterator[Action]:
        if name not in view.facts.done:
            yield dataclasses.replace(word("one", name), effect=effect)

    return Site(toy("one", plan=plan))


def test_a_right_effect_is_recorded_without_a_difference(record: Path) -> None:
    doing("a", done=("a",)).run()

    assert record.read_text().count('"actions": ["Run"]') == len(HA.nodes)
    assert wrong_effects(record, "standin") == []


@pytest.mark.parametrize("effect", [("b",), ()])
def test_a_wrong_effect_is_found(record: Path, effect: tuple[str, ...]) -> None:
    doing("a", done=effect).run()

    found = wrong_effects(record, "standin")
    assert [line.split()[0] for line in sorted(found)] == ["cp1", "cp2", "cp3", "w1"]
    assert f"[one] done: {effect!r} said, ('a',) found (do a)" in found[0]


def test_an_effect_that_no_action_names_is_found(record: Path) -> None:
    doing("a").run()

    assert all("changed, which no effect says" in line for line in wrong_effects(record, "standin"))
    assert len(wrong_effects(record, "standin")) == len(HA.nodes)


def api_differences(old: Observed, new: Observed, **effect: Any) -> list[str]:
    """What is wrong with an effect on the API's state."""
    action = dataclasses.replace(word("one", "a"), effect={"api": effect})
    node = HA.nodes[0]
    views = [View(cluster=HA, node=node, facts=Done(), api=api) for api in (old, new)]
    return [*broken(toy("one"), views[0], (action,), views[1])]


def test_a_node_may_register_after_its_join_has_ended() -> None:
    joined = Observed(nodes=(NODE,))

    assert api_differences(NOTHING, NOTHING, nodes=joined.nodes) == []
    assert api_differences(NOTHING, NOTHING, workloads=frozenset({"dns"})) != []


@pytest.mark.parametrize("old", [NOTHING, Observed(nodes=(NODE,))])
def test_a_node_may_be_ready_before_the_phase_that_waits_for_it(old: Observed) -> None:
    joined = Observed(nodes=(dataclasses.replace(NODE, labels=(("a", "b"),)),))
    ready = joined.with_node("cp1", ready=True)

    assert api_differences(old, Observed(nodes=ready), nodes=joined.nodes) == []


@pytest.mark.parametrize(
    ("found", "wrong"),
    [
        (
            # one more label, and a taint less
            dataclasses.replace(
                NODE, ready=True, labels=(("a", "b"), ("c", "")), taints=TAINTS[1:]
            ),
            0,
        ),
        (dataclasses.replace(NODE, ready=True), 1),
        (NODE, 2),
        (None, 1),
    ],
)
def test_of_the_api_only_what_was_said_must_be_there(
    found: ObservedNode | None, wrong: int
) -> None:
    other = ObservedNode(name="w1", ready=False)
    old = Observed(nodes=(NODE, other))
    new = Observed(nodes=tuple(filter(None, [dataclasses.replace(other, ready=True), found])))
    changed = old.with_node("cp1", ready=True, labels=(("c", ""),))

    assert len(api_differences(old, new, nodes=changed)) == wrong


def test_of_two_items_with_one_name_others_may_change_one() -> None:
    waits, runs = (ObservedPod(name="coredns", node="cp1", reasons=one) for one in ((WHY,), ()))
    old = dataclasses.replace(NOTHING, own_pods=(waits, runs))
    new = dataclasses.replace(NOTHING, own_pods=(runs, runs))

    assert api_differences(old, new, own_pods=old.own_pods) == []


@pytest.mark.parametrize(("now", "wrong"), [({"w1"}, 0), ({"w1", "cp1"}, 1)])
def test_what_was_said_to_be_gone_must_be_gone(now: set[str], wrong: int) -> None:
    old = dataclasses.replace(NOTHING, busy=frozenset({"cp1", "cp2"}))
    new = dataclasses.replace(NOTHING, busy=frozenset(now))

    assert len(api_differences(old, new, busy=frozenset({"cp2"}))) == wrong


def test_the_state_of_a_real_api_may_come_later(record: Path) -> None:
    wrong = '["api.nodes: not found", "api.own_pods: found", "api.workloads: not found"]'
    record.write_text(f'{{"node": "w1", "phase": "join", "actions": [], "wrong": {wrong}}}\n')

    assert wrong_effects(record, "real") == []
    assert wrong_effects(record, "standin") == ["w1 [join] api.workloads: not found"]
