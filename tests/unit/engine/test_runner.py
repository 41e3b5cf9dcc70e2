"""Plans are carried out in order, side by side, and a failure stops only what needs it."""

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from kbootstrap import action as act
from kbootstrap import codes
from kbootstrap.action import Action
from kbootstrap.engine import step
from kbootstrap.engine.events import Event
from kbootstrap.engine.phase import View, Wait, on_first
from kbootstrap.engine.runner import needed_steps
from kbootstrap.errors import Finding
from tests.unit.engine.toys import HA, Done, Site, code, toy, word

NAMES = [node.name for node in HA.nodes]


def test_each_node_runs_its_phases_in_order() -> None:
    site = Site(toy("one", "a", "b"), toy("two", "c"))

    outcomes = site.run()

    for name in NAMES:
        mine = [line for line in site.log if line.startswith(name)]
        assert mine == [f"{name}: one a", f"{name}: one b", f"{name}: two c"]
        assert site.states(name) == ["one changed", "two changed"]
    assert {outcome.changes for outcome in outcomes.values()} == {1, 2}
    assert site.plan().changes == ()


def test_what_is_done_is_not_touched() -> None:
    site = Site(toy("one", "a"))
    site.run()
    site.log.clear()

    outcomes = site.run()

    assert site.log == []
    assert {code(outcome) for outcome in outcomes.values()} == {""}
    assert site.states("w1")[-1] == "one unchanged"


def test_waits_name_the_steps_of_other_nodes() -> None:
    first, _, third, worker = HA.nodes
    waits = {
        Wait.FIRST: {"cp1"},
        Wait.EARLIER: {"cp1", "cp2"},
        Wait.CONTROL_PLANES: {"cp1", "cp2"},
        Wait.ALL: {"cp1", "cp2", "w1"},
    }
    for which, names in waits.items():
        phase = toy("two", waits=(("one", which),))
        assert needed_steps(HA, phase, third) == {(name, "one") for name in names}
    assert needed_steps(HA, toy("two", waits=(("one", Wait.FIRST),)), first) == frozenset()
    assert len(needed_steps(HA, toy("two", waits=(("one", Wait.EARLIER),)), worker)) == 3


def test_a_step_waits_for_the_first_control_plane_and_for_earlier_nodes() -> None:
    site = Site(
        toy("init", "i", on=on_first),
        toy("join", "j", waits=(("init", Wait.FIRST), ("join", Wait.EARLIER))),
    )

    site.run()

    assert site.log == ["cp1: init i", *(f"{name}: join j" for name in NAMES)]


def test_one_fork_is_one_node_at_a_time() -> None:
    site = Site(toy("one", "a", "b"))
    site.run(forks=1)
    assert site.log == [line for name in NAMES for line in site.log if line.startswith(name)]


def test_a_failure_stops_what_depends_on_it_and_nothing_else() -> None:
    site = Site(
        toy("one", "a"),
        toy("two", "b", waits=(("one", Wait.FIRST),), on=lambda _, node: node.name != "cp2"),
        toy("three", "c"),
    )
    site.machines["cp1"].says["a"] = (1, "broken\n")

    outcomes = site.run()

    assert code(outcomes["cp1", "one"]) == "KB300"
    assert outcomes["cp1", "one"].error.detail == "broken"  # type: ignore[union-attr]
    assert site.states("cp1") == ["one failed", "two blocked", "three blocked"]
    assert site.states("cp2") == ["one changed", "three changed"]
    assert site.states("w1") == ["one changed", "two blocked", "three blocked"]


def test_a_bug_is_reported_and_no_step_waits_forever() -> None:
    def broken(view: View[Done]) -> Iterator[Action]:
        if view.node.name == "cp1" and view.facts.done:
            raise ZeroDivisionError
        if not view.facts.done:
            yield word("one", "a")

    site = Site(toy("one", plan=broken), toy("two", waits=(("one", Wait.FIRST),)))

    outcomes = site.run()

    assert code(outcomes["cp1", "one"]) == "KB900"
    assert code(outcomes["w1", "two"]) == "KB341"


@pytest.mark.parametrize("was_done", [True, False])
def test_a_lost_connection_is_looked_behind_and_gone_on_from(*, was_done: bool) -> None:
    site = Site(toy("one", "a", "b", "c"))
    site.machines["w1"].loses["b"] = was_done

    outcomes = site.run()

    mine = [line for line in site.log if line.startswith("w1")]
    assert mine == ["w1: one a", "w1: one b", "w1: one c"]
    assert outcomes["w1", "one"].changes == 3
    assert any("waiting for w1 to answer" in event.text for event in site.events)


def test_a_connection_lost_before_anything_was_done_is_no_failure() -> None:
    site = Site(toy("one", "a"))
    site.machines["w1"].loses["a"] = False
    assert code(site.run()["w1", "one"]) == ""


def test_a_node_that_keeps_going_away_is_given_up() -> None:
    site = Site(toy("one", *"abcdefgh"))
    site.machines["w1"].loses = dict.fromkeys("abcdefgh", True)

    outcomes = site.run()

    assert code(outcomes["w1", "one"]) == "KB207"
    assert len([line for line in site.log if line.startswith("w1")]) == step.LOSSES + 1


def test_what_was_not_printed_is_refused() -> None:
    site = Site(toy("one", "a", "b"))
    site.machines["w1"].done = ["one b"]
    plan = site.plan()
    site.machines["w1"].done = []

    outcomes = site.run(plan)

    assert code(outcomes["w1", "one"]) == "KB402"
    assert "do b" in outcomes["w1", "one"].error.message  # type: ignore[union-attr]
    assert not [line for line in site.log if line.startswith("w1")]


def test_less_than_was_printed_is_fine() -> None:
    site = Site(toy("one", "a", "b"))
    plan = site.plan()
    site.machines["w1"].done = ["one a"]

    outcomes = site.run(plan)

    assert outcomes["w1", "one"].changes == 1


def test_done_and_yet_wanted_is_reported() -> None:
    site = Site(toy("one", "a"))
    site.machines["w1"].deaf = {"a"}

    outcomes = site.run()

    assert code(outcomes["w1", "one"]) == "KB340"
    assert site.log.count("w1: one a") == 1


DROP = act.DeleteTokens(why="clean", node="any", always=True)
CERTS = act.DeleteCerts(why="only when all is well")


def clears_up(view: View[Done]) -> Iterator[Action]:
    if "a" not in view.facts.done:
        yield word("one", "a")
        yield word("one", "b")
        yield word("one", "z", always=True)
        yield DROP
        yield CERTS


def test_after_a_failure_only_cleaning_up_is_done() -> None:
    site = Site(toy("one", plan=clears_up))
    site.machines["w1"].says["a"] = (1, "")

    outcomes = site.run()

    assert code(outcomes["w1", "one"]) == "KB300"
    assert [line for line in site.log if "w1" in line] == ["w1: one a", "w1: one z"]
    cleaned = site.log.count("api: delete the bootstrap token of this join")
    finished = site.log.count("api: delete the uploaded certificates (secret kubeadm-certs)")
    assert cleaned == finished + 1  # every node cleaned up, all but w1 went on


def test_after_a_lost_connection_nothing_is_cleaned_up_under_its_feet() -> None:
    site = Site(toy("one", plan=clears_up))
    site.machines["w1"].loses["a"] = True

    outcomes = site.run()

    assert code(outcomes["w1", "one"]) == ""
    assert [line for line in site.log if line.startswith("w1")] == ["w1: one a"]
    assert len([line for line in site.log if line.startswith("api")]) == 2 * (len(NAMES) - 1)


def test_values_made_on_the_way_reach_the_files_that_need_them() -> None:
    def plan(view: View[Done]) -> Iterator[Action]:
        if view.facts.done:
            return
        yield act.MakeToken(why="x", node=view.node.name, ttl=60)
        yield act.PutTemplate(why="x", path="/run/x", body="t: @@token@@\n", needs=("token",))
        yield act.WriteKubeconfig(why="x", path="k")
        yield act.Run(why="x", title="elsewhere", body="one e", host="cp2")
        yield word("one", "a")

    site = Site(toy("one", plan=plan, on=on_first), slots={"token": "hush"})

    outcomes = site.run()

    assert code(outcomes["cp1", "one"]) == ""
    assert site.machines["cp1"].files == [b"t: hush\n"]
    assert [line.split(":")[0] for line in site.log] == ["api", "cp1", "here", "cp2", "cp1"]
    assert not any("hush" in event.text for event in site.events)


def test_without_an_api_its_actions_are_refused() -> None:
    def plan(view: View[Done]) -> Iterator[Action]:
        yield act.MakeCertificateKey(why=view.node.name)

    site = Site(toy("one", plan=plan))
    site.api = None
    assert {code(outcome) for outcome in site.run().values()} == {"KB404"}


def test_the_end_of_a_phase_is_recorded_on_the_node() -> None:
    site = Site(toy("one", "a"), toy("two", "b"))
    site.machines["w1"].says["b"] = (1, "")

    site.run()

    assert len(site.machines["cp1"].records) == 2
    (record,) = site.machines["w1"].records
    assert '"one"' in record


def test_output_reaches_the_observers_without_secrets() -> None:
    site = Site(toy("one", "a"))
    site.machines["w1"].says["a"] = (0, "token abcdef.0123456789abcdef\n\nmore\n")

    site.run()

    said = [event.text for event in site.events if event.kind == "output"]
    assert said == ["token ***", "more"]


def test_stopping_lets_go_of_everything() -> None:
    site = Site(toy("one", "a"), toy("two", "b"), toy("three", "c", waits=(("two", Wait.FIRST),)))

    def watch(event: Event) -> None:
        if event.phase == "one" and event.state == "changed":
            site.stop.set()

    site.watch = watch
    outcomes = site.run()

    assert {code(outcome) for outcome in outcomes.values()} <= {"", "KB601", "KB341"}
    assert {code(outcomes[name, "two"]) for name in NAMES} & {"KB601"}
    assert not any(line.endswith("three c") for line in site.log)


def changed_by_another_run(site: Site, phase: str, *, done: list[str]) -> None:
    """Between the probe and the first request of ``phase`` on w1, a second run worked there."""
    machine = site.machines["w1"]

    def watch(event: Event) -> None:
        at = (event.kind, event.node, event.phase, event.state)
        if at == ("step", "w1", phase, "running"):
            machine.record = '{"phases": {"one": {"run": "theirs"}}}'
            machine.done = list(done)

    site.watch = watch


def test_what_a_killed_run_did_after_the_probe_is_not_done_again() -> None:
    """Its script may end after the next run probed the node."""
    site = Site(toy("one", "a", "b"), toy("two", "c"))
    changed_by_another_run(site, "one", done=["one a"])

    outcomes = site.run()

    assert {code(outcomes["w1", phase]) for phase in ("one", "two")} == {""}
    assert [line for line in site.log if line.startswith("w1")] == ["w1: one b", "w1: two c"]


def test_what_another_run_undid_is_not_done_unprinted() -> None:
    site = Site(toy("one", "a", "b"))
    site.machines["w1"].done = ["one a"]
    changed_by_another_run(site, "one", done=[])

    outcomes = site.run()

    assert code(outcomes["w1", "one"]) == "KB402"
    assert "do a" in str(outcomes["w1", "one"].error)
    assert [line for line in site.log if line.startswith("w1")] == []
    assert code(outcomes["cp2", "one"]) == ""


def test_what_another_run_undid_in_an_earlier_phase_is_refused() -> None:
    """The earlier phase had nothing to do, so that no request of it compared the record."""
    site = Site(toy("one", "a"), toy("two", "b"))
    site.machines["w1"].done = ["one a"]
    changed_by_another_run(site, "two", done=[])

    outcomes = site.run()

    assert code(outcomes["w1", "one"]) == ""
    assert code(outcomes["w1", "two"]) == "KB402"
    assert [line for line in site.log if line.startswith("w1")] == []


def test_a_node_that_another_run_made_unfit_is_refused() -> None:
    """Such as one that was reset meanwhile: a snapshot of its etcd was begun all the same."""

    def unfit(view: View[Done]) -> Iterator[Finding]:
        if "gone" in view.facts.done:
            yield Finding(codes.ETCD_DOWN, "etcd does not answer")

    site = Site(toy("one", "a"), replace(toy("two", "b"), check=unfit))
    changed_by_another_run(site, "one", done=["two gone"])

    outcomes = site.run()

    assert code(outcomes["w1", "one"]) == "KB402"
    assert "etcd does not answer" in str(outcomes["w1", "one"].error)
    assert [line for line in site.log if line.startswith("w1")] == []


def test_a_node_that_keeps_changing_is_given_up() -> None:
    site = Site(toy("one", "a"))
    machine = site.machines["w1"]
    records = iter(range(100))

    def watch(event: Event) -> None:
        if event.kind == "action" and event.node == "w1":
            machine.record = f'{{"phases": {{"{next(records)}": {{}}}}}}'

    site.watch = watch

    assert code(site.run()["w1", "one"]) == "KB402"
    assert [line for line in site.log if line.startswith("w1")] == []


def test_what_changes_after_our_first_script_is_our_own_doing() -> None:
    """One whose connection broke may end, and note its phase, after we looked again."""
    site = Site(toy("one", "a"), toy("two", "b"))
    site.machines["w1"].loses["a"] = True

    def watch(event: Event) -> None:
        if event.kind == "action" and event.node == "w1" and event.phase == "two":
            site.machines["w1"].record = '{"phases": {"one": {"run": "run"}}}'

    site.watch = watch

    outcomes = site.run()

    assert code(outcomes["w1", "one"]) == code(outcomes["w1", "two"]) == ""


def test_a_step_that_acted_takes_no_older_answer_of_the_api() -> None:
    """Another step's wait had asked just before, and its answer was shared: KB340 for nothing."""
    site = Site(replace(toy("one", "a"), api=True, on=on_first))
    assert site.api is not None
    start = time.monotonic()

    site.run()

    before, after = site.api.since
    assert before == 0
    assert after > start
