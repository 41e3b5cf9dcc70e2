"""Rows and the table made from them; how messages are judged."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.faults import judge
from tests.faults.accidents import Scene
from tests.faults.faults import ALL, NAMED, Run
from tests.faults.gate import Held
from tests.faults.results import EARLIER, NOT_REACHED, Row, append, commits, page, read, table

ERROR = {
    "event": "error",
    "code": "KB303",
    "node": "node3",
    "phase": "kubelet",
    "message": "write /etc/x: exit status 1",
    "detail": "No space left on device",
    "hint": "Free space on node3 (see `df -h`), then run the same command again.",
}


def row(fault: str, outcome: str, seconds: float | None = None, *problems: str) -> Row:
    return Row(
        kind="standin",
        stage="up",
        phase=outcome,
        node="node1",
        role="worker",
        moment="before",
        fault=fault,
        outcome=outcome,
        seconds=seconds,
        problems=list(problems),
    )


def held(*errors: dict[str, Any]) -> Held:
    return cast("Held", SimpleNamespace(errors=list(errors), stderr=""))


def scene() -> Scene:
    return cast("Scene", SimpleNamespace(node=SimpleNamespace(name="node3")))


def test_the_table_counts_outcomes_and_leaves_out_what_was_not_reached() -> None:
    rows = [
        row("kill9", "killed", 1.0),
        row("kill9", NOT_REACHED),
        row("disk-etc", "KB303", 3.0),
        row("disk-etc", "went on", 2.0, "left cordoned"),
    ]

    lines = table(rows, {"kill9": "kill -9"}).splitlines()[2:]

    assert lines == [
        "| kill -9 | up | 1 (+1 with nothing to do) | killed 1 | 1.0 s, 1.0 s | 0 |",
        "| disk-etc | up | 2 | KB303 1, went on 1 | 3.0 s, 3.0 s | 1 |",
    ]


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz"])
def test_a_case_that_was_run_again_counts_once(tmp_path: Path, name: str) -> None:
    for seconds in (9.0, 1.0):
        append(tmp_path / name, [row("kill9", "killed", seconds)])

    assert [found.seconds for found in read(tmp_path / name)] == [1.0]


def test_a_complete_message_passes() -> None:
    assert judge.problems([NAMED["disk-etc"]], scene(), 6, held(ERROR)) == []


def test_what_is_wrong_with_a_message_is_found() -> None:
    fault = NAMED["disk-etc"]

    def found(status: int = 6, **over: str) -> str:
        return "; ".join(judge.problems([fault], scene(), status, held(ERROR | over)))

    assert "does not fit" in found(code="KB900", status=70)
    assert "names no phase" in found(phase="")
    assert "next step" in found(hint="Try again")
    assert "ended with 5" in found(status=5)
    assert "told no error" in "; ".join(judge.problems([fault], scene(), 6, held()))


def test_a_fault_that_may_be_reported_has_its_codes() -> None:
    for fault in ALL:
        assert fault.codes or fault.stays or fault.run is not Run.GOES_ON, fault.name
        assert "KB900" not in fault.codes | fault.stays


def test_the_page_distinguishes_real_binaries_from_the_stand_in() -> None:
    rows = [
        Row(kind, "up", "init", "node1", "worker", "inside", "kill9")
        for kind in ("real", "standin")
    ]
    rows[0].outcome, rows[1].outcome = "went on", "killed"
    rows[1].problems.append("left a lock")

    real, standin = page(rows, {"kill9": "kill -9"}).split("## Stand-in")

    assert "1 faults made, 0 of them failed" in real
    assert "| kill -9 | went on | - |" in real
    assert "1 faults made at 1 points, 1 of them failed" in standin
    assert "| kill -9 | up | 1 | killed 1 | - | 1 |" in standin


def test_a_run_that_lost_its_lock_may_say_which_steps_it_stopped() -> None:
    stopped = {**ERROR, "code": "KB601"}
    lost = {**ERROR, "code": "KB412"}

    assert judge.problems([NAMED["link-down"]], scene(), 7, held(lost, stopped)) == []
    assert judge.problems([NAMED["link-down"]], scene(), 130, held(stopped)) != []


def test_the_page_says_which_commits_the_rows_are_of() -> None:
    rows = [row("kill9", "killed"), row("sigint", "killed"), row("sigterm", "killed")]
    rows[0].commit = rows[1].commit = "abc1234"

    assert commits(rows) == f"2 at abc1234, 1 at {EARLIER}"
    assert commits([row("kill9", NOT_REACHED)]) == "none"


def test_an_error_may_come_from_an_earlier_fault_of_the_same_run() -> None:
    drifted = {**ERROR, "code": "KB402"}
    faults = [NAMED["two-operators"], NAMED["disk-etc"]]

    assert judge.problems(faults, scene(), 7, held(drifted)) == []
    assert judge.problems(faults[1:], scene(), 7, held(drifted)) != []
