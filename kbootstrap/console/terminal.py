"""The screen of a terminal: plan and tables in colour, and a run redrawn in place.

The drawing of a run always fits the terminal: a line of counts, what failed, what runs, and how
many more there are. Rich honours NO_COLOR. The only module that imports rich.
"""

from collections.abc import Iterable, Sequence
from itertools import islice

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from kbootstrap.action import Risk
from kbootstrap.console.formatting import (
    FAILED_HEAD,
    OUTCOME_HEAD,
    PHASE_HEAD,
    AlikeSteps,
    count,
    event_line,
    failed_rows,
    no_changes,
    outcome_rows,
    phase_rows,
    plan_footer,
    planned_phases,
    reasons,
)
from kbootstrap.console.progress import Progress
from kbootstrap.engine.events import Event
from kbootstrap.engine.plan import Plan
from kbootstrap.engine.runner import Outcome
from kbootstrap.masking import mask
from kbootstrap.visible import one_line, visible

FEW = 10  # nodes of a run whose steps are printed one by one as they end
NAMES = 6  # names of nodes that are printed before the rest is counted
STYLES = {
    "changed": "green",
    "done": "green",
    "unchanged": "dim",
    "not started": "yellow",
    "failed": "bold red",
}
RISKS = {Risk.DISRUPT: "yellow", Risk.DESTROY: "red"}


class TerminalScreen:
    """Prints in colour, and redraws the nodes of a run below what was printed."""

    def __init__(self, verbose: int, console: Console | None = None) -> None:
        self._verbose = bool(verbose)
        self._console = console or Console(highlight=False, markup=False, emoji=False)
        self._progress = Progress(Plan(()))
        self._live: Live | None = None

    def event(self, event: Event) -> None:
        """Follow the step of each node; of few nodes print every end."""
        known = event.node in self._progress.running
        self._progress.event(event)
        if event.kind == "step":
            self._open()
            if event.state in {"changed", "failed"} and self._progress.nodes <= FEW:
                self._console.print(_ended(event))
        elif event.kind == "note" and not known:
            self.line(event_line(event))

    def _open(self) -> None:
        if self._live is None:
            self._live = Live(
                get_renderable=self.drawing,
                console=self._console,
                refresh_per_second=8,
                transient=True,
            )
            self._live.start()

    def drawing(self) -> RenderableType:
        """The run as it is now, one line less than the terminal is high."""
        return run_drawing(self._progress, self._console.height - 1)

    def line(self, text: str) -> None:
        """Print above the drawing."""
        self._console.print(_text(one_line(text)), soft_wrap=True)

    def plan(self, plan: Plan, *, differs: bool) -> None:
        """Print the plan and expect its steps."""
        self._progress = Progress(plan)
        if plan.changes:
            self._console.print(plan_drawing(plan, verbose=self._verbose))
        else:
            self._console.print(no_changes(differs=differs), style="green")

    def outcomes(self, outcomes: tuple[Outcome, ...]) -> None:
        """Print each step if all fit on the terminal, else a row per phase and what failed."""
        self._console.print()
        self._console.print(outcomes_drawing(outcomes, self._console.height))

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Print all rows; cells are wrapped where the terminal is narrow."""
        self._console.print(_table(rows[0], rows[1:]))

    def close(self) -> None:
        """Take the drawing away."""
        if self._live is not None:
            self._live.stop()
            self._live = None


def run_drawing(progress: Progress, height: int) -> RenderableType:
    """Counts, failed nodes, running nodes; as many rows as fit into ``height`` lines."""
    room = max(height - 2, 2)  # beside the counts, and the line for what does not fit
    running, failed = progress.running, progress.failed
    of_failed = min(len(failed), max(room // 3, room - len(running)))
    of_running = min(len(running), room - of_failed)
    rows = _grid()
    for name, failure in islice(failed.items(), of_failed):
        _add_row(rows, (name, "bold red"), failure.phase, "failed", (one_line(failure.text), ""))
    now = progress.now()
    for name, step in islice(running.items(), of_running):
        text = (one_line(step.text), "dim")
        _add_row(rows, (name, "bold"), step.phase, f"{now - step.since:.1f} s", text)
    rest = {"failed": len(failed) - of_failed, "running": len(running) - of_running}
    more = ", ".join(f"{number} more {what}" for what, number in rest.items() if number)
    return Group(_counts(progress), rows, *([Text(f"and {more}", "dim")] if more else []))


def _grid() -> Table:
    """Node, phase, seconds, text; each row is one line."""
    grid = Table.grid(padding=(0, 2), expand=True)
    for width in (24, 24, 8):
        grid.add_column(no_wrap=True, overflow="ellipsis", max_width=width)
    grid.columns[2].justify = "right"
    grid.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    return grid


def _add_row(
    grid: Table, node: tuple[str, str], phase: str, at: str, text: tuple[str, str]
) -> None:
    grid.add_row(_text(*node), _text(phase), _text(at, STYLES.get(at, "")), _text(*text))


def _text(plain: str, style: str = "") -> Text:
    """Text, never markup, that fits a cell: a command may print brackets and escape sequences."""
    return Text(visible(mask(plain)), style)


def _counts(progress: Progress) -> Text:
    minutes, seconds = divmod(int(progress.seconds), 60)
    head = f"{count(progress.nodes, 'node')}, {minutes}:{seconds:02}"
    text = Text(head, no_wrap=True, overflow="ellipsis")
    for what, number in progress.summary():
        if number:
            text.append("  ")
            text.append(f"{number} {what}", STYLES.get(what, ""))
    return text


def _ended(event: Event) -> Text:
    mark = "done" if event.state == "changed" else "failed"
    line = f"{mark:<6}  {event.node:<14} {event.phase:<20} {event.seconds:6.1f} s"
    text = Text(line, no_wrap=True, overflow="ellipsis")
    text.stylize(STYLES[mark], 0, len(mark))
    return text


def plan_drawing(plan: Plan, *, verbose: bool) -> RenderableType:
    """Phase, nodes, actions; with ``verbose`` and before data is removed, every name."""
    phases = planned_phases(plan, verbose=verbose)
    parts: list[RenderableType] = []
    for phase in phases:
        parts.append(Text(phase.title, "bold"))
        for steps in phase.steps:
            short = not verbose and _can_be_short(steps)
            names = _few(steps.nodes) if short else ", ".join(steps.nodes)
            parts.append(Padding(_text(names, "cyan"), (0, 0, 0, 2)))
            parts.append(Padding(_actions(steps), (0, 0, 0, 4)))
    parts.append(Text(plan_footer(plan), RISKS.get(plan.risk, "")))
    if not verbose and any(_can_be_short(steps) for phase in phases for steps in phase.steps):
        parts.append(Text("-v prints the name of every node", "dim"))
    return Group(*parts)


def _can_be_short(steps: AlikeSteps) -> bool:
    return len(steps.nodes) > NAMES + 1 and steps.risk is not Risk.DESTROY


def _actions(steps: AlikeSteps) -> Table:
    """A grid, so that long texts are wrapped beside their dash."""
    grid = Table.grid(padding=(0, 1))
    for text in steps.texts:
        grid.add_row("-", _text(text, RISKS.get(steps.risk, "")))
    return grid


def _few(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    if len(names) <= NAMES + 1:
        return ", ".join(names)
    return f"{', '.join(names[:NAMES])} and {len(names) - NAMES} more"


def outcomes_drawing(outcomes: tuple[Outcome, ...], height: int) -> RenderableType:
    """How the steps of a run ended, in at most ``height`` lines if few steps failed."""
    rows = outcome_rows(outcomes)
    notes = [_text(f"{why}: {_few(names)}") for why, names in reasons(outcomes).items()]
    if len(rows) < height - 2:
        return Group(_table(OUTCOME_HEAD, rows), *notes)
    failed = failed_rows(outcomes)
    parts: list[RenderableType] = [_table(PHASE_HEAD, phase_rows(outcomes))]
    if failed:
        parts += ["", _table(FAILED_HEAD, failed)]
    return Group(*parts, *notes)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in head:
        table.add_column(name, justify="right" if name in _NUMBERS else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_text(one_line(cell), _style(cell)) for cell in row))
    return table


_NUMBERS = frozenset({"seconds", *PHASE_HEAD[1:6]})


def _style(cell: str) -> str:
    return STYLES.get(cell, "bold red" if cell.startswith("KB") else "")
