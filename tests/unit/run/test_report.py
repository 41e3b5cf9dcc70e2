"""What people and scripts are shown: plans, tables, errors, events."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from kbootstrap import codes
from kbootstrap.action import Risk
from kbootstrap.console.formatting import (
    event_record,
    finding_lines,
    finding_record,
    plan_lines,
    table_lines,
)
from kbootstrap.console.screens import PlainScreen
from kbootstrap.engine.events import Event
from kbootstrap.engine.plan import Plan, Step
from kbootstrap.engine.runner import Outcome
from kbootstrap.errors import InventoryError, PhaseError, Where
from kbootstrap.lock.record import LockState
from kbootstrap.model.example import example
from kbootstrap.options import RunOptions
from kbootstrap.remote.meter import Meter
from kbootstrap.run.report import Report
from kbootstrap.run.selection import chosen_phases, limited, named
from phases.workflows import up
from tests.unit.engine.toys import HA, toy, word
from tests.unit.lock.test_record import ME

FAILED = PhaseError(codes.STEP_FAILED, "it broke", detail="why\nindeed", where=Where("w1", "host"))
BLOCKED = PhaseError(codes.BLOCKED, "not started")


def test_an_error_for_people() -> None:
    assert finding_lines(FAILED.finding) == [
        "error KB300 [w1, host]: it broke",
        "    why",
        "    indeed",
        f"  next: {codes.STEP_FAILED.hint.format(node='w1')}",
    ]
    assert "on w1," in finding_lines(FAILED.finding)[-1]
    assert (
        finding_lines(InventoryError(codes.UNKNOWN_PHASE, "what?").finding)[0]
        == "error KB191: what?"
    )


def test_an_error_for_scripts() -> None:
    record = finding_record(FAILED.finding)
    assert (record["code"], record["node"], record["phase"]) == ("KB300", "w1", "host")
    assert (record["message"], record["detail"]) == ("it broke", "why\nindeed")
    assert "on w1" in record["hint"]


def test_an_event_for_scripts_leaves_out_what_is_empty() -> None:
    assert event_record(Event(kind="note", text="x")) == {"event": "note", "text": "x"}
    failed = event_record(
        Event(kind="step", node="w1", state="failed", seconds=1.23456, error=FAILED)
    )
    assert (failed["event"], failed["seconds"], failed["code"]) == ("step", 1.235, "KB300")


def plan(*steps: Step) -> Plan:
    return Plan(steps)


def test_an_empty_plan_says_so() -> None:
    assert plan_lines(plan(Step("w1", toy("one"), ()))) == [
        "nothing to do: every node is as the inventory says"
    ]


def test_a_plan_shows_equal_actions_once() -> None:
    one, two = toy("one"), toy("two")
    a, b = word("one", "a"), word("one", "b")
    risky = replace(b, risk=Risk.RESTART)
    steps = plan(Step("w1", one, (a, b)), Step("w2", one, (a, b)), Step("w1", two, (risky,)))

    assert plan_lines(steps) == [
        "Toy one (one)",
        "  w1, w2",
        "    - do a",
        "    - do b",
        "Toy two (two)",
        "  w1",
        "    - do b",
        "5 actions on 2 nodes; worst effect on what runs now: restart",
    ]
    assert "    - do a  (not done)" in plan_lines(steps, verbose=True)


@pytest.mark.parametrize("output", ["text", "json"])
def test_a_plan_that_changes_something_says_which_lock_is_held(
    output: Literal["text", "json"], capsys: pytest.CaptureFixture[str]
) -> None:
    report = Report(RunOptions(inventory=Path("x"), output=output), PlainScreen(0))
    report.plan(plan(Step("w1", toy("one"), ())), "the lock")
    assert "the lock" not in capsys.readouterr().out
    report.plan(plan(Step("w1", toy("one"), (word("one", "a"),))), "the lock")
    last = capsys.readouterr().out.splitlines()[-1]
    assert ("the lock" if output == "text" else '"event": "lock", "text": "the lock"') in last


@pytest.mark.parametrize("output", ["text", "json"])
def test_who_holds_the_lock_is_shown(
    output: Literal["text", "json"], capsys: pytest.CaptureFixture[str]
) -> None:
    report = Report(RunOptions(inventory=Path("x"), output=output), PlainScreen(0))
    report.holder("cp1", LockState(text=ME.text, stamp="1", age=3))
    said = capsys.readouterr().out
    if output == "text":
        assert said == (
            "cp1: alice@ops1 (pid 4711, since 2026-11-21T07:16:06Z): kbootstrap up; "
            "renewed 3 s ago, expires in 27 s unless renewed\n"
        )
    else:
        record = json.loads(said)
        assert (record["place"], record["age"], record["holder"]) == ("cp1", 3, "alice")


def test_the_error_that_ends_a_run_is_in_its_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    report = Report(RunOptions(inventory=Path("x"), log_file=log), PlainScreen(0))
    report.end(Meter())
    report.error(FAILED)
    report.close(6)
    assert f"code={FAILED.code.id}" in log.read_text()


def test_the_table_at_the_end_is_short() -> None:
    outcomes = (
        Outcome("w1", "identity", seconds=1),
        Outcome("w1", "files", seconds=1),
        Outcome("w1", "host", changes=2, seconds=3),
        Outcome("w1", "runtime", error=FAILED),
        Outcome("w1", "kubelet", error=BLOCKED),
        Outcome("w2", "host", changes=1, seconds=12.34),
    )
    assert [line.split() for line in table_lines(outcomes)[2:]] == [
        ["w1", "host", "changed", "3.0"],
        ["w1", "runtime", "KB300", "0.0"],
        ["w1", "kubelet", "not", "started", "0.0"],
        ["w1", "2", "others", "unchanged", "2.0"],
        ["w2", "host", "changed", "12.3"],
    ]


def test_the_table_says_why_nodes_were_not_started() -> None:
    reason = "not started: w1, the first node, did not succeed"
    outcomes = (
        Outcome("w1", "upgrade-worker", error=FAILED),
        *(
            Outcome(name, "upgrade-worker", error=PhaseError(codes.BLOCKED, reason))
            for name in ("w2", "w3")
        ),
    )
    assert table_lines(outcomes)[-1] == f"upgrade-worker: {reason}: w2, w3"


def test_the_plain_screen_has_a_line_per_change(capsys: pytest.CaptureFixture[str]) -> None:
    screen = PlainScreen(verbose=0)
    for event in (
        Event(kind="step", node="w1", phase="host", state="running"),
        Event(kind="output", node="w1", phase="host", text="hidden"),
        Event(kind="step", node="w1", phase="host", state="changed", seconds=1.26),
        Event(kind="step", node="w1", phase="files", state="unchanged"),
        Event(kind="note", text="waiting"),
    ):
        screen.event(event)
    PlainScreen(verbose=2).event(Event(kind="output", node="w1", phase="host", text="shown"))
    assert capsys.readouterr().out == "w1: host: changed (1.3 s)\nwaiting\nw1: host: shown\n"


# ---- which nodes and phases


def test_limits_are_names_and_roles() -> None:
    def names(*limit: str) -> list[str]:
        return [node.name for node in limited(HA, limit)]

    assert names() == ["cp1", "cp2", "cp3", "w1"]
    assert names("worker") == ["cp3", "w1"]
    assert names("w1", "cp1") == ["cp1", "w1"]
    assert names("control-plane", "w1") == ["cp1", "cp2", "cp3", "w1"]
    with pytest.raises(InventoryError, match="no node 'x'; it has: cp1, cp2, cp3, w1"):
        named(HA, ["x", "w1"])


def test_phases_are_chosen_by_name_or_range(tmp_path: object) -> None:
    def ids(**flags: str) -> list[str]:
        options = RunOptions(inventory=tmp_path, **flags)  # type: ignore[arg-type]
        return [phase.id for phase in chosen_phases(up(example()), options)]

    assert ids(phase="host") == ["host"]
    assert ids(until_phase="host") == ["identity", "fitness", "host"]
    assert ids(from_phase="ready") == ["ready", "cleanup", "member"]
    assert ids(from_phase="host", until_phase="files") == ["host", "files"]
    assert ids() == [phase.id for phase in up(example())]
    with pytest.raises(InventoryError, match="no phase 'x'"):
        ids(from_phase="x")
