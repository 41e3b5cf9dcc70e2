"""How a command ends: which exit status a plan and its outcomes make, and who is asked before."""

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from kbootstrap import codes
from kbootstrap.action import Risk
from kbootstrap.console.confirm import Observe, confirm_replace, confirm_reset, confirm_up
from kbootstrap.console.screens import PlainScreen
from kbootstrap.engine.plan import Plan, Step
from kbootstrap.engine.runner import Outcome
from kbootstrap.errors import (
    ExitCode,
    Finding,
    KbError,
    PhaseError,
    RefusedError,
    Severity,
    UnreachableError,
)
from kbootstrap.model.observed import Observed, ObservedNode
from kbootstrap.options import RunOptions
from kbootstrap.run import apply as module
from kbootstrap.run.report import Report
from kbootstrap.run.run import Run
from tests.unit.engine.toys import HA, toy, word

OPTIONS = RunOptions(inventory=Path("inventory.yaml"))
NOTHING = Plan((Step("w1", toy("one"), ()),))
CHANGES = Plan((Step("w1", toy("one"), (word("one", "a"),)),))
BLOCKED = PhaseError(codes.BLOCKED, "not started")
NOTICE = Finding(codes.CLONED, "n1 and n2", severity=Severity.NOTICE)
AWAY = UnreachableError(codes.UNREACHABLE, "no answer")


class Ended:
    """A run that ends as the test says."""

    def __init__(self, options: RunOptions, *errors: KbError, interrupted: bool = False) -> None:
        self.options, self.ran = options, False
        self.stopping = lambda: interrupted
        self._errors = errors
        self.lost: KbError | None = None

    def perform(self, plan: Plan) -> tuple[Outcome, ...]:
        """End at once."""
        del plan
        self.ran = True
        return tuple(Outcome("w1", "one", error=error) for error in self._errors)


def ends(ended: Ended, plan: Plan) -> ExitCode:
    return module.apply(cast("Run", ended), plan, Report(ended.options, PlainScreen(0)))


@pytest.fixture(autouse=True)
def _performed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "perform", lambda ended, plan: ended.perform(plan))


@pytest.mark.parametrize("exit_code", [True, False])
@pytest.mark.parametrize(
    ("plan", "dry_run", "status"),
    [
        (NOTHING, False, ExitCode.NOTHING_TO_DO),
        (NOTHING, True, ExitCode.NOTHING_TO_DO),
        (CHANGES, True, ExitCode.CHANGES_PENDING),
    ],
)
def test_what_is_not_run_is_reported_by_status_only_when_asked(
    plan: Plan, status: ExitCode, *, dry_run: bool, exit_code: bool
) -> None:
    ended = Ended(replace(OPTIONS, dry_run=dry_run, exit_code=exit_code))
    assert ends(ended, plan) is (status if exit_code else ExitCode.DONE)
    assert not ended.ran


@pytest.mark.parametrize(
    ("errors", "status"),
    [
        ((), ExitCode.DONE),
        ((BLOCKED, AWAY), ExitCode.UNREACHABLE),
        ((PhaseError(codes.INIT_FAILED, "x"), AWAY), ExitCode.FAILED),
        ((RefusedError(codes.PLAN_DRIFTED, "x"),), ExitCode.REFUSED),
    ],
)
def test_the_first_real_error_is_the_exit_status(
    errors: tuple[KbError, ...], status: ExitCode
) -> None:
    assert ends(Ended(OPTIONS, *errors), CHANGES) is status


def test_an_interrupted_run_is_130() -> None:
    assert ends(Ended(OPTIONS, AWAY, interrupted=True), CHANGES) is ExitCode.INTERRUPTED


def test_a_run_that_lost_its_lock_ends_with_that() -> None:
    ended = Ended(OPTIONS, AWAY, interrupted=True)
    ended.lost = RefusedError(codes.LOCK_LOST, "taken")
    with pytest.raises(RefusedError, match="taken"):
        ends(ended, CHANGES)


def test_reasons_not_to_begin_are_all_shown(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report(OPTIONS, PlainScreen(0))
    report.stop_on([])
    with pytest.raises(UnreachableError):
        report.stop_on([NOTICE, AWAY.finding, BLOCKED.finding])
    said = capsys.readouterr().err
    assert "warning KB318" in said
    assert "error KB341" in said
    assert AWAY.code.id not in said  # the caller reports what was raised


def test_notices_end_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    Report(OPTIONS, PlainScreen(0)).stop_on([NOTICE, NOTICE])
    assert capsys.readouterr().err.count("warning KB318") == 2


# ---- who is asked


def confirm(answer: str, nodes: Any, monkeypatch: pytest.MonkeyPatch, *, tty: bool = True) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: tty, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: answer)
    confirm_reset(OPTIONS, HA, nodes)


@pytest.mark.parametrize(
    ("nodes", "answer"), [(HA.nodes, "demo"), (HA.nodes[3:], "w1"), (HA.nodes[2:], "cp3,w1")]
)
def test_the_name_has_to_be_typed(nodes: Any, answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    confirm(answer, nodes, monkeypatch)
    with pytest.raises(RefusedError, match="'yes' is not"):
        confirm("yes", nodes, monkeypatch)
    with pytest.raises(RefusedError, match="no terminal"):
        confirm(answer, nodes, monkeypatch, tty=False)


def test_a_node_is_replaced_after_its_name_was_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = HA.node("w1")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: "yes")
    with pytest.raises(RefusedError, match="'yes' is not 'w1'"):
        confirm_replace(OPTIONS, worker, CHANGES)
    monkeypatch.setattr("builtins.input", lambda _: "w1")
    confirm_replace(OPTIONS, worker, CHANGES)

    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    for asked_for in (replace(OPTIONS, yes=True), replace(OPTIONS, dry_run=True)):
        confirm_replace(asked_for, worker, CHANGES)
    confirm_replace(OPTIONS, worker, NOTHING)


def test_yes_needs_no_answer_but_for_the_cluster_itself() -> None:
    yes = replace(OPTIONS, yes=True)
    confirm_reset(yes, HA, HA.nodes[2:])
    for all_control_planes in (HA.nodes, HA.nodes[:3]):
        with pytest.raises(RefusedError, match=r"the whole cluster demo.*--yes is not enough"):
            confirm_reset(yes, HA, all_control_planes)
        confirm_reset(replace(yes, destroy_cluster=True), HA, all_control_planes)


def test_clearing_a_half_done_join_is_asked_for_unless_yes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    clears = replace(word("one", "a"), risk=Risk.DESTROY)
    plan = Plan((Step("w1", toy("one"), (clears,)),))
    with pytest.raises(RefusedError, match=r"no terminal.*kubeadm reset on w1"):
        confirm_up(OPTIONS, HA, plan, members("w1"))
    for asked_for in (replace(OPTIONS, yes=True), replace(OPTIONS, dry_run=True)):
        confirm_up(asked_for, HA, plan, members("w1"))
    confirm_up(OPTIONS, HA, CHANGES, members("w1"))


def members(*names: str) -> Observe:
    nodes = tuple(ObservedNode(name=name, ready=True) for name in names)
    return lambda: Observed(reachable=True, nodes=nodes)


def disturbing(risk: Risk, *nodes: str) -> Plan:
    harmless = Step("cp1", toy("one"), (word("one", "a"),))
    step = toy("two"), (replace(word("two", "b"), risk=risk),)
    return Plan((harmless, *(Step(node, *step) for node in nodes)))


@pytest.mark.parametrize(
    ("risk", "asked"),
    [(Risk.RESTART, "restarts services"), (Risk.DISRUPT, "moves or stops pods")],
)
def test_what_disturbs_a_node_of_the_cluster_is_asked_for_unless_yes(
    risk: Risk, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, there = disturbing(risk, "w1", "cp3", "w2"), members("cp1", "cp3", "w1")
    questions: list[str] = []
    answers = iter(["yes", "demo"])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)

    def answer(question: str) -> str:
        questions.append(question)
        return next(answers)

    monkeypatch.setattr("builtins.input", answer)

    confirm_up(OPTIONS, HA, plan, there)
    with pytest.raises(RefusedError, match="'demo' is not 'yes'"):
        confirm_up(OPTIONS, HA, plan, there)

    assert questions[0] == f"This {asked} of the running cluster: w1, cp3. Type yes to continue: "
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    with pytest.raises(RefusedError, match="no terminal"):
        confirm_up(OPTIONS, HA, plan, there)
    for asked_for in (replace(OPTIONS, yes=True), replace(OPTIONS, dry_run=True)):
        confirm_up(asked_for, HA, plan, there)


def test_nothing_is_asked_for_nodes_that_are_not_in_the_cluster_yet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    confirm_up(OPTIONS, HA, disturbing(Risk.RESTART, "w1", "w2"), members())
    confirm_up(OPTIONS, HA, disturbing(Risk.RESTART, "w1", "w2"), members("cp1"))
    confirm_up(OPTIONS, HA, disturbing(Risk.NONE, "w1"), members("w1"))
