"""Between the print of a plan and its first action: shown, saved, compared, asked."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from kbootstrap import codes
from kbootstrap.action import PutFile, Risk
from kbootstrap.arguments import parser
from kbootstrap.cli import _options
from kbootstrap.console.screens import PlainScreen
from kbootstrap.engine.plan import Plan, Step
from kbootstrap.errors import RefusedError
from kbootstrap.guards.planned import settle
from kbootstrap.model.observed import Observed, ObservedNode
from kbootstrap.options import RunOptions
from kbootstrap.remote.protocol import Part, PartResult, Reply
from kbootstrap.run.report import Report
from kbootstrap.run.run import Run
from tests.laws.clusters import CA
from tests.unit.engine.toys import HA, toy, word

WRITES = PutFile(why="differs", path="/etc/a.conf", body="new\n")
RESTARTS = replace(word("one", "restart it"), risk=Risk.RESTART)
PLAN = Plan((Step("w1", toy("one"), (WRITES,)),))
MORE = Plan((Step("w1", toy("one"), (WRITES, RESTARTS)),))


class Answers:
    """A node on which the file has another content."""

    def perform(self, parts: tuple[Part, ...], *, run_id: str) -> Reply:
        del run_id
        results = (PartResult(p.id, 0, "old\n", 1, skipped=False, truncated=False) for p in parts)
        return Reply(tuple(results))


def settled(options: RunOptions, plan: Plan) -> None:
    run: Any = SimpleNamespace(
        options=options,
        cluster=HA,
        run_id="r",
        wire=lambda _: Answers(),
        observe=lambda: Observed(nodes=(ObservedNode(name="w1", ready=True),)),
        api_connection=SimpleNamespace(in_use=lambda: ("cp1", CA)),
    )
    settle(cast("Run", run), Report(options, PlainScreen(0)), plan)


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunOptions:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    (tmp_path / "inventory.yaml").write_text("cluster: {name: demo}\n")
    return RunOptions(inventory=tmp_path / "inventory.yaml", dry_run=True)


def test_a_plan_is_saved_and_carried_out(
    options: RunOptions, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = tmp_path / "plan.json"
    settled(replace(options, save=saved), PLAN)
    assert f"the plan is saved in {saved} (0600)" in capsys.readouterr().out

    settled(replace(options, dry_run=False, plan=saved), PLAN)
    assert f"{saved}: 1 of 1 actions are left" in capsys.readouterr().out


def test_more_than_was_saved_is_refused_before_anything_is_asked(
    options: RunOptions, tmp_path: Path
) -> None:
    saved = tmp_path / "plan.json"
    settled(replace(options, save=saved), PLAN)
    with pytest.raises(RefusedError, match="restart it") as caught:
        settled(replace(options, dry_run=False, plan=saved), MORE)
    assert caught.value.code is codes.PLAN_CHANGED


def test_what_restarts_is_asked_for(options: RunOptions) -> None:
    with pytest.raises(RefusedError) as caught:
        settled(replace(options, dry_run=False), MORE)
    assert caught.value.code is codes.NOT_CONFIRMED
    settled(options, MORE)


def test_files_are_shown_when_that_was_asked_for(
    options: RunOptions, capsys: pytest.CaptureFixture[str]
) -> None:
    settled(options, PLAN)
    assert capsys.readouterr().out == ""
    settled(replace(options, diff=True), PLAN)
    assert "@@ -1 +1 @@\n-old\n+new" in capsys.readouterr().out


def test_the_flags() -> None:
    plan = _options(
        vars(parser().parse_args(["plan", "--diff", "--save", "p", "--all-or-nothing"]))
    )
    up = _options(vars(parser().parse_args(["up", "--plan", "p"])))
    assert (plan.diff, plan.save, plan.plan, plan.all_or_nothing) == (True, Path("p"), None, True)
    assert (up.diff, up.save, up.plan, up.all_or_nothing) == (False, None, Path("p"), False)
