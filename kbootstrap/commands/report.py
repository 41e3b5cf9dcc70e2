"""What the user sees, and what is kept: console, JSON lines, journal and log file.

One `Report` per run. It watches the engine's events and prints the plan, the table at the
end and every error with its next step.
"""

import contextlib
import dataclasses
import json
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from kbootstrap import codes
from kbootstrap.commands import drift
from kbootstrap.commands.drift import Differences
from kbootstrap.commands.lines import (
    error_lines,
    error_record,
    event_record,
    plan_lines,
    step_record,
    table_lines,
)
from kbootstrap.commands.options import Options
from kbootstrap.engine.events import Bus, Event
from kbootstrap.engine.plan import Plan
from kbootstrap.engine.runner import Outcome
from kbootstrap.errors import KbError
from kbootstrap.model.cluster import Node
from kbootstrap.model.lock import Seen
from kbootstrap.remote.meter import Usage

if TYPE_CHECKING:
    from kbootstrap.commands.session import Session

JOURNALS = "kbootstrap"


class Screen(Protocol):
    """Where text for people goes."""

    def event(self, event: Event) -> None: ...

    def line(self, text: str) -> None: ...

    def close(self) -> None: ...


class Report:
    """Everything shown and kept of one run."""

    def __init__(self, options: Options, screen: Screen) -> None:
        self._options, self._screen = options, screen
        self._start = time.monotonic()
        self._json = options.output == "json"
        self._log = options.log_file.open("a") if options.log_file else None
        self._journal: IO[str] | None = None
        self._slow: dict[str, float] = {}
        self.bus = Bus(self._watch)

    def begin(self, session: "Session", nodes: tuple[Node, ...]) -> None:
        """A run starts: open its journal."""
        options = self._options
        if self._journal:  # of the step before, in a chain of upgrades
            self._journal.close()
        if not options.dry_run:
            self._journal = _open_journal(session.cluster.name, session.run_id)
        names = ", ".join(node.name for node in nodes)
        self.bus(Event(kind="run", text=f"{options.verb} {session.cluster.name}: {names}"))

    def plan(self, plan: Plan, lock: str = "", left: Differences = ()) -> None:
        """The plan, in the order it is carried out, and the lock that is held meanwhile.

        ``left`` are the settings of the live cluster that it does not change.
        """
        records = [*map(step_record, plan.changes)]
        if plan.changes and lock:
            records.append({"event": "lock", "text": lock})
        for record in records:
            self._keep(record)
            if self._json:
                self._print_json(record)
        if not self._json:
            for text in plan_lines(plan, verbose=bool(self._options.verbose), differs=bool(left)):
                self._screen.line(text)
            if plan.changes and lock:
                self._screen.line(lock)
        self.differences(left)

    def differences(self, left: Differences) -> None:
        """The settings of the live cluster that stay as they are."""
        for difference in left:
            self._keep(drift.record(difference))
            if self._json:
                self._print_json(drift.record(difference))
        for text in drift.lines(left):
            self.line(text)

    def holder(self, place: str, seen: Seen) -> None:
        """Who holds the lock, as a place of it says."""
        if self._json:
            fields = seen.claim.fields if seen.claim else {}
            self._print_json({"event": "lock", "place": place, "age": seen.age, **fields})
        self.line(f"{place}: {seen.who}; {seen.life}")

    def note(self, text: str) -> None:
        """A line for people, and an event of its own in JSON."""
        self.bus.note("", "", text)

    def member(self, label: str, why: str) -> None:
        """A member of etcd that ought to be another way."""
        if self._json:
            self._print_json({"event": "etcd", "member": label, "why": why})
        self.line(f"etcd member {label}: {why}")

    def outcomes(self, outcomes: Iterable[Outcome]) -> None:
        """The table at the end, then every error."""
        found = tuple(outcomes)
        if not self._json:
            self._screen.close()
            for text in table_lines(found):
                self._screen.line(text)
        self.errors(o.error for o in found if o.error and o.error.code is not codes.BLOCKED)

    def done(self, *, well: bool) -> None:
        """The last line for people."""
        seconds = time.monotonic() - self._start
        words = "done" if well else "stopped; the same command goes on from here"
        self.line(f"\n{words} ({seconds:.1f} s)")

    def errors(self, errors: Iterable[KbError]) -> None:
        """Each error in full."""
        for error in errors:
            self.error(error)

    def error(self, error: KbError) -> None:
        """One error: code, place, reason, the command's own words, the next step."""
        self._screen.close()
        self._keep(error_record(error))
        if self._json:
            self._print_json(error_record(error))
        else:
            print("\n".join(error_lines(error)), file=sys.stderr)

    def end(self, session: "Session") -> None:
        """The run is over: figures, when asked for."""
        self._screen.close()
        figures = session.meter.snapshot()
        for name, meter in sorted(figures.items()):
            record = {"event": "meter", "node": name, **dataclasses.asdict(meter)}
            self._keep(record)
            if self._options.verbose and not self._json:
                self._screen.line(f"  {name}: {_figures(meter)}")
            elif self._options.verbose:
                self._print_json(record)
        self._keep({"event": "end", "seconds": round(time.monotonic() - self._start, 3)})

    def close(self) -> None:
        """Close journal and log file; the error that ended a run comes after `end`."""
        for stream in (self._journal, self._log):
            if stream:
                stream.close()
        self._journal = self._log = None

    def line(self, text: str) -> None:
        """A line for people; left out of JSON output."""
        if not self._json:
            self._screen.line(text)

    def _watch(self, event: Event) -> None:
        self._keep(event_record(event))
        self._tell(event)

    def _tell(self, event: Event) -> None:
        if self._json:
            self._print_json(event_record(event))
        else:
            self._screen.event(event)

    def _keep(self, record: dict[str, Any]) -> None:
        if self._journal and record["event"] != "output":
            self._write(self._journal, json.dumps({"at": round(time.time(), 3), **record}))
        if self._log:
            words = " ".join(f"{key}={value}" for key, value in record.items() if value)
            self._write(self._log, f"{time.strftime('%Y-%m-%dT%H:%M:%S')} {words}")

    def _write(self, stream: IO[str], line: str) -> None:
        """A disk that is full is told once, and keeps nobody from working."""
        try:
            stream.write(line + "\n")
            stream.flush()
        except OSError as error:
            self._give_up(stream)
            why = (error.strerror or "").lower()
            self._tell(Event(kind="note", text=f"{stream.name} is not kept any more: {why}"))

    def _give_up(self, stream: IO[str]) -> None:
        if stream is self._journal:
            self._journal = None
        else:
            self._log = None
        with contextlib.suppress(OSError):
            stream.close()

    def _print_json(self, record: dict[str, Any]) -> None:
        print(json.dumps({"at": round(time.time(), 3), **record}), flush=True)


def _figures(usage: Usage) -> str:
    return (
        f"{usage.connects} connections, {usage.trips} round trips, {usage.parts} parts, "
        f"{usage.sent} bytes up, {usage.received} bytes down"
    )


def _open_journal(cluster: str, run_id: str) -> IO[str]:
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    folder = Path(base) / JOURNALS / cluster
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return (folder / f"{run_id}.jsonl").open("a")
