"""Where text for people goes: plain lines, or a terminal that is redrawn.

`Report` writes to a screen. Pipes, files, CI logs and dumb terminals get the plain lines, which
hold every name.
"""

import os
import sys
from collections.abc import Sequence
from typing import Protocol

from kbootstrap.console.formatting import event_line, plan_lines, table_lines
from kbootstrap.console.tables import aligned
from kbootstrap.engine.events import Event
from kbootstrap.engine.plan import Plan
from kbootstrap.engine.runner import Outcome
from kbootstrap.visible import one_line


class Screen(Protocol):
    """Shows text to people."""

    def event(self, event: Event) -> None:
        """Follow a run."""

    def line(self, text: str) -> None:
        """Print one line; a newline in it is escaped."""

    def plan(self, plan: Plan, *, differs: bool) -> None:
        """Print a plan; ``differs``: the cluster has settings that it does not change."""

    def outcomes(self, outcomes: tuple[Outcome, ...]) -> None:
        """Print how the steps of a run ended."""

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Print rows in columns; the first is the head."""

    def close(self) -> None:
        """Stop redrawing; what is printed after it stays."""


class PlainScreen:
    """A line per step, the notes and, with -vv, the output of commands."""

    def __init__(self, verbose: int) -> None:
        self._verbose = verbose

    def event(self, event: Event) -> None:
        """Print what a log reader needs."""
        if event.kind == "step" and event.state in {"changed", "failed", "blocked"}:
            self.line(f"{event.node}: {event.phase}: {event.state} ({event.seconds:.1f} s)")
        elif event.kind == "note" or (event.kind == "output" and self._verbose > 1):
            self.line(event_line(event))

    def line(self, text: str) -> None:
        """Print one line at once."""
        print(one_line(text), flush=True)

    def plan(self, plan: Plan, *, differs: bool) -> None:
        """Print every node and action."""
        for text in plan_lines(plan, verbose=bool(self._verbose), differs=differs):
            self.line(text)

    def outcomes(self, outcomes: tuple[Outcome, ...]) -> None:
        """Print a line per node and phase."""
        for text in table_lines(outcomes):
            self.line(text)

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Print a line per row."""
        for text in aligned(rows):
            self.line(text)

    def close(self) -> None:
        """Nothing is buffered."""


def make_screen(verbose: int) -> Screen:
    """Redrawn on a terminal that can do it, plain otherwise."""
    if not sys.stdout.isatty() or os.environ.get("TERM", "dumb") in {"dumb", "unknown", ""}:
        return PlainScreen(verbose)
    from kbootstrap.console.terminal import TerminalScreen  # noqa: PLC0415 - rich takes its time

    return TerminalScreen(verbose)
