"""Text of a hostile node, archive or inventory reaches terminal, log and journal harmless."""

import io
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from kbootstrap import codes
from kbootstrap.action import Run
from kbootstrap.console import confirm
from kbootstrap.console.screens import PlainScreen, Screen
from kbootstrap.console.terminal import TerminalScreen
from kbootstrap.engine.events import Event
from kbootstrap.engine.plan import Plan, Step
from kbootstrap.engine.runner import Outcome
from kbootstrap.errors import InventoryError, KbError, PhaseError
from kbootstrap.model.difference import Difference
from kbootstrap.options import RunOptions
from kbootstrap.remote.meter import Meter
from kbootstrap.run.report import Report
from kbootstrap.visible import one_line, visible
from tests.unit.engine.toys import toy

FORGED = "2026-11-29T00:00:00 event=step node=node1 state=changed"
ATTACKS = {
    "title": "\x1b]0;pwned\x07",
    "colour": "\x1b[31mred\x1b[0m",
    "clear": "\x1b[2J\x1b[H",
    "C1": "\x9b31m\x9d0;pwned\x9c",
    "link": "\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "return": "all went wrong\rall is well    ",
    "backspace": "no\b\byes",
    "bidi": "\u202egnp.exe\u202c \u2066\u2069 \u200f",
    "hidden": "zero\u200bwidth\ufeff\u00ad",
    "lines": f"first\n{FORGED}\u2028{FORGED}\x85{FORGED}\x0b{FORGED}\x0c{FORGED}",
    "fields": f"x node=node1 state=changed text={FORGED}",
    "markup": "[bold red]x[/] [link=http://evil.example]y[/link] :smile: [/nothing]",
    "surrogate": "\udc1b[31m",
    "nul": "a\0b",
}
HARMLESS = "[bold red]x[/] [link=http://evil.example]y[/link] :smile: [/nothing]"


@dataclass
class Seen:
    """What a screen wrote, and the report that wrote to it."""

    report: Report
    text: Callable[[], str]
    log: Path
    journal: Path


def plain(capsys: pytest.CaptureFixture[str]) -> tuple[Screen, Callable[[], str]]:
    return PlainScreen(2), lambda: "".join(capsys.readouterr())


def terminal(capsys: pytest.CaptureFixture[str]) -> tuple[Screen, Callable[[], str]]:
    """A terminal without colours, so that every escape sequence is a foreign one."""
    file = io.StringIO()
    console = Console(
        file=file, width=2000, height=60, color_system=None, force_terminal=True, emoji=False
    )
    screen = TerminalScreen(2, console)
    screen._open = lambda: None  # type: ignore[method-assign]  # noqa: SLF001 - Live moves the cursor
    return screen, lambda: file.getvalue() + "".join(capsys.readouterr())


@pytest.fixture(params=[plain, terminal])
def seen(
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Seen]:
    """A report of a run, on each kind of screen, with log and journal."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    screen, text = request.param(capsys)
    log = tmp_path / "log"
    report = Report(RunOptions(inventory=Path("x"), verb="up", log_file=log), screen)
    report.begin("c", "run", ())
    yield Seen(report, text, log, tmp_path / "kbootstrap" / "c" / "run.jsonl")
    report.close(0)


def show_everything(report: Report, attack: str) -> None:
    """Each way in which foreign text is shown."""
    error = PhaseError(codes.STEP_FAILED, attack, detail=attack).at("node1", "host")
    blocked = PhaseError(codes.BLOCKED, f"not started: {attack}")
    action = Run(why=attack, title=attack, body="true")
    phase = toy("one")
    report.plan(Plan((Step("node1", phase, (action,)),)), "the lock")
    report.bus(Event(kind="step", node="node1", phase="one", state="running"))
    for kind in ("output", "note", "action"):
        report.bus(Event(kind=kind, node="node1", phase="one", text=attack))
    report.note(attack)
    report.bus(Event(kind="step", node="node1", phase="one", state="failed", error=error))
    report.line(attack)
    report.differences(
        (Difference(key="key", live=attack, wanted="w", node="node1", remedy=attack),)
    )
    report.table((("node", "why"), ("node1", attack)))
    report.outcomes((Outcome("node1", "one", error=error), Outcome("node2", "one", error=blocked)))
    report.member("m", attack)
    report.diff("node1", "/etc/motd", (attack,))
    report.leave_out([error])
    report.plan(Plan(()))
    report.end(Meter())
    report.close(0)


def is_harmless(text: str) -> bool:
    return all(c.isprintable() or c in "\n\t" for c in text)


@pytest.mark.parametrize("name", ATTACKS)
def test_nothing_reaches_a_terminal_that_is_not_printable(seen: Seen, name: str) -> None:
    show_everything(seen.report, ATTACKS[name])

    text = seen.text()
    assert is_harmless(text), [c for c in text if not c.isprintable()]
    assert not any(line.startswith(FORGED) for line in text.splitlines())
    if name == "markup":
        assert HARMLESS in text


@pytest.mark.parametrize("name", ATTACKS)
def test_a_log_holds_one_line_for_each_event_and_no_forged_field(seen: Seen, name: str) -> None:
    show_everything(seen.report, ATTACKS[name])

    lines = seen.log.read_text().split("\n")
    assert all(is_harmless(line) for line in lines)
    assert lines == [*seen.log.read_text().splitlines(), ""]
    assert not any(line.startswith(FORGED) for line in lines)
    for line in lines[:-1]:
        assert sum(word.startswith("state=") for word in unquoted(line).split()) <= 1


def unquoted(line: str) -> str:
    """The line without quoted values."""
    out, inside = "", False
    for before, char in zip(" " + line, line, strict=False):
        if char == '"' and before != "\\":
            inside = not inside
        out += "" if inside else char
    return out


@pytest.mark.parametrize("name", ATTACKS)
def test_a_journal_is_json_lines(seen: Seen, name: str) -> None:
    show_everything(seen.report, ATTACKS[name])

    text = seen.journal.read_text()
    assert is_harmless(text)
    assert [json.loads(line)["event"] for line in text.splitlines()][-1] == "exit"


@pytest.mark.parametrize("name", ATTACKS)
def test_a_problem_of_an_inventory_is_shown_harmless(
    seen: Seen, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    attack = ATTACKS[name]
    seen.report.error(InventoryError(codes.INV_BROKEN, f"x.yaml:1:1: KB110 {attack}"))
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    with pytest.raises(KbError) as refused:
        confirm.ask(attack, "yes")
    seen.report.error(refused.value)

    assert is_harmless(seen.text())


def test_a_question_is_harmless(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def answer(text: str) -> str:
        asked.append(text)
        return "yes"

    monkeypatch.setattr("builtins.input", answer)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)

    for attack in ATTACKS.values():
        confirm.ask(attack, "yes")

    assert all(line.isprintable() for line in asked)


def test_what_is_printable_is_unchanged() -> None:
    for text in ("", "Grüße 東京 naïve", "a b", "[x] {y} \\n"):
        assert visible(text) == one_line(text) == text
    assert visible("a\n\tb") == "a\n\tb"
    assert one_line("a\n\tb\x1b\u202e") == "a\\n\tb\\x1b\\u202e"
