"""The screen of a terminal: 300 nodes fit on it, and what it prints is right without colours."""

import io
import re
import sys
from dataclasses import replace

import pytest
from rich.console import Console, RenderableType

from kbootstrap import codes
from kbootstrap.action import Risk
from kbootstrap.console import terminal
from kbootstrap.console.progress import Progress
from kbootstrap.console.screens import PlainScreen, make_screen
from kbootstrap.console.terminal import TerminalScreen
from kbootstrap.engine.events import Event, StepState
from kbootstrap.engine.plan import Plan, Step
from kbootstrap.engine.runner import Outcome
from kbootstrap.errors import PhaseError
from tests.unit.engine.toys import toy, word

ONE, TWO = toy("one"), toy("two")
NAMES = [f"node{number:03}" for number in range(1, 301)]
FAILED = PhaseError(codes.STEP_FAILED, "exit status 1 of [apt-get]")
BLOCKED = PhaseError(codes.BLOCKED, "not started")
SIZES = pytest.mark.parametrize(("width", "height"), [(80, 24), (200, 60)])


def plan(names: list[str], risk: Risk = Risk.NONE) -> Plan:
    action = replace(word("one", "a"), risk=risk)
    return Plan(tuple(Step(name, phase, (action,)) for phase in (ONE, TWO) for name in names))


def step(node: str, state: StepState, phase: str = "one") -> Event:
    error = FAILED if state == "failed" else None
    return Event(kind="step", node=node, phase=phase, state=state, seconds=1.5, error=error)


def printed(drawing: RenderableType, width: int = 80, height: int = 24) -> list[str]:
    """What a terminal of this size shows."""
    console = Console(file=io.StringIO(), width=width, height=height, highlight=False)
    with console.capture() as capture:
        console.print(drawing)
    return [line.rstrip() for line in capture.get().splitlines()]


def at_work() -> Progress:
    """64 nodes run, 3 failed, 20 are done, the others wait."""
    progress = Progress(plan(NAMES))
    for name in NAMES[:64]:
        progress.event(step(name, "running"))
    for name in NAMES[64:67]:
        progress.event(step(name, "failed"))
        progress.event(step(name, "blocked", "two"))
    for name in NAMES[67:87]:
        progress.event(step(name, "changed"))
        progress.event(step(name, "unchanged", "two"))
    progress.event(Event(kind="output", node=NAMES[1], phase="one", text="pulling " + "x" * 300))
    return progress


@SIZES
def test_300_nodes_at_work_fit_on_a_terminal(width: int, height: int) -> None:
    lines = printed(terminal.run_drawing(at_work(), height - 1), width, height)

    assert len(lines) <= height - 1
    assert max(map(len, lines)) <= width
    assert re.match(r"300 nodes, 0:00  64 running  213 waiting  20 done  3 failed$", lines[0])
    assert re.match(r"node065 +one +failed +KB300 exit status 1 of \[apt-get\]$", lines[1])
    assert any(re.match(r"node002 +one +0\.. s +pulling x+…$", line) for line in lines)
    shown = sum(" s" in line and line.startswith("node") for line in lines[4:])
    assert shown > height - 10
    assert lines[-1] == f"and {64 - shown} more running"


@SIZES
def test_300_failed_nodes_fit_and_leave_room_for_what_runs(width: int, height: int) -> None:
    progress = Progress(plan(NAMES))
    for name in NAMES[:250]:
        progress.event(step(name, "failed"))
    for name in NAMES[250:]:
        progress.event(step(name, "running"))
    lines = printed(terminal.run_drawing(progress, height - 1), width, height)

    assert len(lines) <= height - 1
    assert sum(" failed " in line for line in lines[1:]) >= height // 4
    assert sum(line.endswith(" s") for line in lines) >= height // 2
    assert re.match(r"and \d+ more failed, \d+ more running$", lines[-1])


def test_few_nodes_are_all_drawn() -> None:
    progress = Progress(plan(["a", "b"]))
    for name in "ab":
        progress.event(step(name, "running"))
    assert [line.split()[0] for line in printed(terminal.run_drawing(progress, 23))[1:]] == [
        "a",
        "b",
    ]


def test_a_plan_names_a_few_nodes_and_counts_the_rest() -> None:
    lines = printed(terminal.plan_drawing(plan(NAMES), verbose=False))
    assert lines == [
        "Toy one (one)",
        "  node001, node002, node003, node004, node005, node006 and 294 more",
        "    - do a",
        "Toy two (two)",
        "  node001, node002, node003, node004, node005, node006 and 294 more",
        "    - do a",
        "600 actions on 300 nodes; worst effect on what runs now: none",
        "-v prints the name of every node",
    ]


@pytest.mark.parametrize(("verbose", "risk"), [(True, Risk.NONE), (False, Risk.DESTROY)])
def test_a_plan_names_every_node_when_asked_or_when_data_is_removed(
    verbose: bool,  # noqa: FBT001 - a parameter of the test
    risk: Risk,
) -> None:
    text = "\n".join(printed(terminal.plan_drawing(plan(NAMES, risk), verbose=verbose)))
    assert set(NAMES) <= set(re.findall(r"node\d+", text))
    assert "-v" not in text


def outcomes(names: list[str]) -> tuple[Outcome, ...]:
    bad = names[1]
    return tuple(
        Outcome(
            name,
            phase,
            changes=0 if name == bad else 2,
            seconds=9.0 if name == names[2] else 1.0,
            error=(FAILED if phase == "one" else BLOCKED) if name == bad else None,
        )
        for phase in ("one", "two")
        for name in names
    )


def test_the_end_of_a_run_of_many_nodes_has_a_row_per_phase_and_what_failed() -> None:
    lines = printed(terminal.outcomes_drawing(outcomes(NAMES), 24))
    assert [line.split() for line in lines] == [
        ["phase", "changed", "unchanged", "failed", "not", "started", "longest", "node"],
        ["one", "299", "1", "9.0", "s", "node003"],
        ["two", "299", "1", "9.0", "s", "node003"],
        [],
        ["node", "phase", "result"],
        ["node002", "one", "KB300"],
    ]


def test_the_end_of_a_run_of_few_nodes_has_every_step() -> None:
    lines = printed(terminal.outcomes_drawing(outcomes(["a", "b", "c"]), 24))
    assert [line.split() for line in lines] == [
        ["node", "phase", "result", "seconds"],
        ["a", "one", "changed", "1.0"],
        ["a", "two", "changed", "1.0"],
        ["b", "one", "KB300", "1.0"],
        ["b", "two", "not", "started", "1.0"],
        ["c", "one", "changed", "9.0"],
        ["c", "two", "changed", "9.0"],
    ]


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> Console:
    """A terminal with colours."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Console(file=io.StringIO(), force_terminal=True, width=80, height=24, highlight=False)


def written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(("names", "shown"), [(["a", "b"], True), (NAMES, False)])
def test_ended_steps_are_printed_one_by_one_for_few_nodes_only(
    names: list[str],
    shown: bool,  # noqa: FBT001 - a parameter of the test
    console: Console,
) -> None:
    screen = TerminalScreen(0, console)
    screen.plan(plan(names), differs=False)
    screen.event(step(names[0], "running"))
    screen.event(step(names[0], "changed"))
    screen.close()
    assert (re.search(rf"done.*{names[0]} +one +1\.5 s", written(console)) is not None) == shown


def test_colours_are_left_out_with_no_color(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    colour = re.compile(r"\x1b\[[0-9;]*\b(3[0-7]|9[0-7]|38)[;m]")
    TerminalScreen(0, console).plan(plan(NAMES, Risk.DISRUPT), differs=False)
    assert colour.search(written(console))

    monkeypatch.setenv("NO_COLOR", "1")
    plain = Console(file=io.StringIO(), force_terminal=True, width=80, height=24)
    screen = TerminalScreen(0, plain)
    screen.plan(plan(NAMES, Risk.DISRUPT), differs=False)
    screen.outcomes(outcomes(NAMES))
    assert not colour.search(written(plain))


@pytest.mark.parametrize(
    ("tty", "term", "kind"),
    [
        (True, "xterm-256color", TerminalScreen),
        (True, "dumb", PlainScreen),
        (True, "", PlainScreen),
        (False, "xterm-256color", PlainScreen),
    ],
)
def test_pipes_and_dumb_terminals_get_plain_lines(
    tty: bool,  # noqa: FBT001 - a parameter of the test
    term: str,
    kind: type,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: tty)
    monkeypatch.setenv("TERM", term)
    assert isinstance(make_screen(0), kind)


def test_one_node_is_not_called_nodes() -> None:
    progress = Progress(plan(NAMES[:1]))
    progress.event(step(NAMES[0], "running"))

    lines = printed(terminal.run_drawing(progress, 23), 80, 24)

    assert re.match(r"1 node, 0:00  1 running$", lines[0])
