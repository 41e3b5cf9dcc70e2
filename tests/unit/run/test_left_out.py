"""Workers that do not answer are left out; whatever else prevents a probe stops the run."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kbootstrap import codes
from kbootstrap.cli import main
from kbootstrap.codes import LOST
from kbootstrap.commands import up
from kbootstrap.console.screens import PlainScreen
from kbootstrap.engine.events import Bus
from kbootstrap.engine.plan import Plan, Step
from kbootstrap.errors import (
    Code,
    ExitCode,
    HostKeyError,
    KbError,
    LoginError,
    LostError,
    PhaseError,
    RefusedError,
    UnreachableError,
)
from kbootstrap.guards import upgrade as guard
from kbootstrap.guards.upgrade_path import refuse_left_behind
from kbootstrap.model.versions import Version
from kbootstrap.options import RunOptions
from kbootstrap.run.left_out import answering
from kbootstrap.run.report import Report
from kbootstrap.run.run import Run
from phases import identity
from tests.laws.clusters import cluster
from tests.unit.commands.test_upgrade import running
from tests.unit.engine.toys import toy, word

KNOWN = cluster("ha")  # cp1, cp2, cp3, w1
MANY = replace(
    KNOWN, nodes=(*KNOWN.nodes, *(replace(KNOWN.node("w1"), name=f"w{n}") for n in (2, 3, 4)))
)
OPTIONS = RunOptions(verb="up", inventory=Path("inventory.yaml"))


def gone(name: str, code: Code = codes.UNREACHABLE) -> KbError:
    kind = LostError if code is LOST else UnreachableError
    return kind(code, "no route").at(name, "connect")


@pytest.fixture
def report() -> Report:
    return Report(OPTIONS, PlainScreen(0))


@pytest.fixture
def run() -> Iterator[Run]:
    with Run(OPTIONS, MANY, (identity.PHASE,), Bus()) as made:
        yield made


def names(run: Run, report: Report, *errors: KbError) -> list[str]:
    run.errors = list(errors)
    return [node.name for node in answering(run, report, MANY.nodes)]


ALL = [node.name for node in MANY.nodes]


@pytest.mark.parametrize("code", [codes.UNREACHABLE, LOST])
def test_a_worker_that_does_not_answer_is_left_out(run: Run, report: Report, code: Code) -> None:
    left = names(run, report, gone("w2", code))

    assert left == [name for name in ALL if name != "w2"]
    assert (run.errors, report.left_out) == ([], ("w2",))


@pytest.mark.parametrize(
    "error",
    [
        gone("cp2"),
        HostKeyError(codes.KEY_CHANGED, "another key").at("w3", "connect"),
        LoginError(codes.LOGIN_REFUSED, "no").at("w3", "connect"),
        UnreachableError(codes.TOO_SLOW, "no end").at("w3", "connect"),
        PhaseError(codes.PROBE_FAILED, "status 1").at("w3", "host"),
    ],
    ids=lambda error: error.code.id,
)
def test_whatever_else_prevents_a_probe_stops_the_run(
    run: Run, report: Report, error: KbError
) -> None:
    """Then the worker that is off is an error, too."""
    assert names(run, report, gone("w2"), error) == ALL
    assert [found.where.node for found in run.errors] == ["w2", error.where.node]
    assert report.left_out == ()


def test_with_all_or_nothing_any_node_stops_the_run(run: Run, report: Report) -> None:
    run.options = replace(OPTIONS, all_or_nothing=True)
    assert names(run, report, gone("w2")) == ALL
    assert len(run.errors) == 1


def test_a_node_that_join_names_is_not_left_out(run: Run, report: Report) -> None:
    run.options = replace(OPTIONS, verb="join")
    assert names(run, report, gone("w2")) == ALL


def test_a_run_without_any_node_stops(run: Run, report: Report) -> None:
    run.errors = [gone("w2")]
    assert answering(run, report, (MANY.node("w2"),)) == (MANY.node("w2"),)
    assert len(run.errors) == 1


# ---- what is said of it, and the exit status


CHANGES = Plan((Step("w1", toy("one"), (word("one", "a"),)),))


@pytest.mark.parametrize("plan", [CHANGES, Plan(())])
def test_the_plan_names_the_nodes_that_are_left_out(
    report: Report, plan: Plan, capsys: pytest.CaptureFixture[str]
) -> None:
    report.leave_out([gone("w2")])
    report.plan(plan)
    said = capsys.readouterr().out
    assert "left out: w2 (KB201: the host does not answer)" in said
    assert "nothing to do" not in said


def test_the_end_names_them_with_the_next_step(
    report: Report, capsys: pytest.CaptureFixture[str]
) -> None:
    report.leave_out([gone("w2")])
    report.done(ok=True)
    assert report.ended(ExitCode.DONE) is ExitCode.UNREACHABLE
    said = capsys.readouterr()
    assert "done without w2; run the same command again once they answer" in said.out
    assert "error KB201 [w2, connect]: no route" in said.err
    assert "next: Try `ssh" in said.err


@pytest.mark.parametrize("status", list(ExitCode))
def test_a_node_that_is_away_is_the_exit_status_unless_more_failed(
    report: Report, status: ExitCode
) -> None:
    assert report.ended(status) is status
    report.leave_out([gone("w2")])
    more = {ExitCode.USAGE, ExitCode.FAILED, ExitCode.REFUSED, ExitCode.TRUST}
    more |= {ExitCode.INTERNAL, ExitCode.INTERRUPTED}
    assert report.ended(status) is (status if status in more else ExitCode.UNREACHABLE)


def test_the_next_run_of_a_chain_leaves_out_its_own() -> None:
    report = Report(replace(OPTIONS, dry_run=True), PlainScreen(0))
    report.leave_out([gone("w2")])
    report.begin("demo", "run", ())
    assert report.left_out == ()


def test_a_command_that_fails_reports_them_before_its_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(options: RunOptions, report: Report) -> ExitCode:
        del options
        report.leave_out([gone("w2")])
        raise RefusedError(codes.PLAN_DRIFTED, "more")

    monkeypatch.setattr(up, "up", fails)
    assert main(["up"]) == ExitCode.REFUSED
    said = capsys.readouterr().err
    assert said.index("KB201") < said.index("KB402")


# ---- upgrade


@pytest.mark.parametrize(
    ("limit", "away", "refused"),
    [("1", 0, False), ("1", 1, True), ("2", 1, False), ("2", 2, True), ("50%", 1, False)],
)
def test_workers_that_are_away_count_against_the_limit(
    limit: str, away: int, *, refused: bool
) -> None:
    options = replace(OPTIONS, verb="upgrade", max_unavailable=limit)
    why = guard.no_room(options, MANY.nodes, away)
    assert bool(why) is refused
    assert ("no other one may be upgraded" in why) is refused


def test_without_other_workers_the_control_planes_are_upgraded() -> None:
    assert not guard.no_room(replace(OPTIONS, max_unavailable="1"), KNOWN.nodes, 1)


def test_a_kubelet_that_is_left_out_may_not_become_too_old() -> None:
    observed = running("v1.34.2", "v1.34.2", MANY)
    refuse_left_behind(observed, ("w2",), Version.parse("v1.37.0"))
    refuse_left_behind(observed, (), Version.parse("v1.38.0"))
    with pytest.raises(RefusedError, match=r"without it: the kubelet on w2 is v1\.34\.2"):
        refuse_left_behind(observed, ("w2",), Version.parse("v1.38.0"))
