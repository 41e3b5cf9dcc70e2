"""Two screens: live lines on a terminal, plain lines elsewhere."""

import sys
import time
from typing import Any

from kbootstrap.engine.events import Event


class PlainScreen:
    """A line per step, the notes and, with -vv, the output of commands."""

    def __init__(self, verbose: int) -> None:
        self._verbose = verbose

    def event(self, event: Event) -> None:
        """Print what a log reader needs."""
        if event.kind == "step" and event.state in {"changed", "failed", "blocked"}:
            self.line(f"{event.node}: {event.phase}: {event.state} ({event.seconds:.1f} s)")
        elif event.kind == "note" or (event.kind == "output" and self._verbose > 1):
            self.line(_placed(event))

    def line(self, text: str) -> None:
        """Print one line at once."""
        print(text, flush=True)

    def close(self) -> None:
        """Nothing is buffered."""


class LiveScreen:
    """One line per busy node with its phase and elapsed time, redrawn in place."""

    def __init__(self, verbose: int) -> None:
        from rich.console import Console  # noqa: PLC0415 - only terminals need it

        self._console = Console(highlight=False)
        self._verbose = verbose
        self._live: Any = None
        self._busy: dict[str, tuple[str, float, str]] = {}

    def event(self, event: Event) -> None:
        """Follow the step of each node."""
        if event.kind == "step":
            self._step(event)
        elif event.kind in {"output", "note", "action"} and event.node in self._busy:
            phase, start, _ = self._busy[event.node]
            self._busy[event.node] = (phase, start, event.text)
        elif event.kind == "note":
            self.line(_placed(event))

    def _step(self, event: Event) -> None:
        if event.state in {"running", "waiting"}:
            words = "waiting for other nodes" if event.state == "waiting" else ""
            self._busy[event.node] = (event.phase, time.monotonic(), words)
            self._open()
        else:
            self._busy.pop(event.node, None)
        if event.state in {"changed", "failed"}:
            mark = "[green]done[/]" if event.state == "changed" else "[red]failed[/]"
            self._console.print(
                f"{mark}  {event.node:<14} {event.phase:<20} {event.seconds:6.1f} s"
            )

    def _open(self) -> None:
        from rich.live import Live  # noqa: PLC0415 - as above

        if self._live is None:
            self._live = Live(
                get_renderable=self._draw,
                console=self._console,
                refresh_per_second=8,
                transient=True,
            )
            self._live.start()

    def _draw(self) -> Any:
        from rich.table import Table  # noqa: PLC0415 - as above

        table = Table.grid(padding=(0, 2))
        now = time.monotonic()
        room = max(self._console.height - 4, 5)
        for name, (phase, start, words) in list(self._busy.items())[:room]:
            table.add_row(
                f"[bold]{name}[/]", phase, f"{now - start:5.1f} s", f"[dim]{_short(words)}[/]"
            )
        if len(self._busy) > room:
            table.add_row(f"and {len(self._busy) - room} more", "", "", "")
        return table

    def line(self, text: str) -> None:
        """Print above the live part."""
        self._console.print(text, markup=False, soft_wrap=True)

    def close(self) -> None:
        """Stop redrawing."""
        if self._live is not None:
            self._live.stop()
            self._live = None


def _placed(event: Event) -> str:
    place = f"{event.node}: {event.phase}: " if event.node else ""
    return f"{place}{event.text}"


def _short(text: str) -> str:
    from rich.markup import escape  # noqa: PLC0415 - as above

    limit = 70
    return escape(text if len(text) <= limit else text[: limit - 1] + "…")


def make_screen(verbose: int) -> PlainScreen | LiveScreen:
    """Live on a terminal, plain otherwise."""
    return LiveScreen(verbose) if sys.stdout.isatty() else PlainScreen(verbose)
