"""A phase's window: how many nodes are in it at once, the first alone, failures retained."""

import threading
from dataclasses import replace

import pytest

from kbootstrap.engine.events import Event
from kbootstrap.engine.phase import AnyPhase, Window
from tests.unit.engine.toys import Site, code, toy

NODES = ("cp1", "cp2", "cp3", "w1")


def windowed(size: int, *, canary: bool = True) -> AnyPhase:
    return replace(toy("one", "a"), window=Window(size, canary))


def watched(site: Site) -> list[set[str]]:
    """The nodes inside, each time one comes or goes."""
    inside: set[str] = set()
    seen: list[set[str]] = []
    lock = threading.Lock()

    def watch(event: Event) -> None:
        with lock:
            if event.kind == "step" and event.state == "running":
                inside.add(event.node)
            elif event.kind == "step" and event.state != "waiting":
                inside.discard(event.node)
            seen.append(set(inside))

    site.watch = watch
    return seen


@pytest.mark.parametrize("size", [1, 2, 3, 4])
@pytest.mark.parametrize("canary", [True, False])
def test_never_more_than_the_window_holds(size: int, *, canary: bool) -> None:
    site = Site(windowed(size, canary=canary))
    seen = watched(site)

    outcomes = site.run()

    assert [code(outcomes[name, "one"]) for name in NODES] == [""] * 4
    assert max(map(len, seen)) <= size
    if canary:
        assert site.log[0] == "cp1: one a"
        first_out = next(at for at, inside in enumerate(seen) if "cp1" in inside)
        until = next(at for at in range(first_out, len(seen)) if "cp1" not in seen[at])
        assert all(inside <= {"cp1"} for inside in seen[:until])


def test_a_failure_keeps_its_place_and_the_others_continue() -> None:
    site = Site(windowed(2))
    site.machines["cp2"].says["a"] = (1, "")

    outcomes = site.run()

    assert {name: code(outcomes[name, "one"]) for name in NODES} == {
        "cp1": "",
        "cp2": "KB300",
        "cp3": "",
        "w1": "",
    }


def reason(site: Site, node: str) -> str:
    """What was said of a node whose step was not started."""
    outcome = site.outcomes[node, "one"]
    assert outcome.error is not None
    assert outcome.error.code.id == "KB341"
    return outcome.error.message


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_when_the_canary_fails_no_other_node_is_started(size: int) -> None:
    site = Site(windowed(size))
    site.machines["cp1"].says["a"] = (1, "")

    outcomes = site.run()

    assert code(outcomes["cp1", "one"]) == "KB300"
    assert site.log == ["cp1: one a"]
    for name in NODES[1:]:
        assert reason(site, name) == "not started: cp1, the first node, did not succeed"


@pytest.mark.parametrize("size", [1, 3])
def test_when_the_canary_is_not_started_no_other_node_is(size: int) -> None:
    site = Site(toy("zero", "z"), windowed(size))
    site.machines["cp1"].says["z"] = (1, "")

    outcomes = site.run()

    assert code(outcomes["cp1", "one"]) == "KB341"
    assert not [line for line in site.log if line.endswith("one a")]
    for name in NODES[1:]:
        assert reason(site, name) == "not started: cp1, the first node, did not succeed"


def test_without_a_canary_a_failure_is_a_place_and_no_more() -> None:
    site = Site(windowed(2, canary=False))
    site.machines["cp1"].says["a"] = (1, "")

    outcomes = site.run()

    assert sorted(code(outcomes[name, "one"]) for name in NODES) == ["", "", "", "KB300"]


def test_the_canary_is_the_first_node_with_something_to_do() -> None:
    site = Site(windowed(4))
    site.machines["cp1"].done = ["one a"]
    site.machines["cp2"].says["a"] = (1, "")

    site.run()

    assert site.log == ["cp2: one a"]
    assert reason(site, "w1") == "not started: cp2, the first node, did not succeed"


def test_when_failures_hold_every_place_the_rest_is_not_started() -> None:
    site = Site(windowed(1))
    for name in NODES[1:]:  # which of them is second is left to chance
        site.machines[name].says["a"] = (1, "")

    outcomes = site.run()

    codes = {name: code(outcomes[name, "one"]) for name in NODES}
    (failed,) = (name for name in NODES if codes[name] == "KB300")
    assert sorted(codes.values()) == ["", "KB300", "KB341", "KB341"]
    assert codes["cp1"] == ""
    for name in set(NODES) - {"cp1", failed}:
        assert reason(site, name) == f"not started: failed nodes use up the limit ({failed})"


def test_two_failures_fill_a_window_of_two() -> None:
    site = Site(windowed(2, canary=False))
    for name in NODES:
        site.machines[name].says["a"] = (1, "")

    outcomes = site.run()

    ends = sorted(code(outcomes[name, "one"]) for name in NODES)
    assert ends == ["KB300", "KB300", "KB341", "KB341"]


def test_a_node_with_nothing_to_do_needs_no_place() -> None:
    site = Site(windowed(1))
    site.machines["cp1"].done = ["one a"]
    site.machines["cp2"].says["a"] = (1, "")

    outcomes = site.run()

    assert code(outcomes["cp1", "one"]) == ""
    assert code(outcomes["cp2", "one"]) == "KB300"
    assert code(outcomes["w1", "one"]) == "KB341"


def test_a_run_that_is_stopped_lets_the_waiting_go() -> None:
    site = Site(windowed(1))

    def watch(event: Event) -> None:
        if event.kind == "action":
            site.stop.set()

    site.watch = watch

    outcomes = site.run()

    assert {code(outcome) for outcome in outcomes.values()} <= {"", "KB601"}
    assert "KB601" in {code(outcome) for outcome in outcomes.values()}


def test_steps_that_the_window_does_not_limit_wait_for_nothing() -> None:
    """The canary is the first node that it limits."""
    only_b = Window(1, limits=lambda actions: "do b" in {action.text for action in actions})
    site = Site(replace(toy("one", "a", "b"), window=only_b))
    for name in ("cp1", "cp3"):
        site.machines[name].done.append("one b")
    site.machines["cp2"].says["b"] = (1, "")

    outcomes = site.run()

    assert {name: code(outcomes[name, "one"]) for name in NODES} == {
        "cp1": "",
        "cp2": "KB300",
        "cp3": "",
        "w1": "KB341",
    }
    assert reason(site, "w1") == "not started: cp2, the first node, did not succeed"
