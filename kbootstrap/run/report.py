"""The report of a command: console, JSON lines, journal and log file.

One `Report` per command. It follows the engine's events and prints the plan, the table at the end
and every error with its next step.
"""

import contextlib
import dataclasses
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from kbootstrap import codes
from kbootstrap.console import differences, status_table
from kbootstrap.console.differences import Differences
from kbootstrap.console.formatting import (
    error_lines,
    error_record,
    event_record,
    step_record,
)
from kbootstrap.console.screens import Screen
from kbootstrap.engine.events import Bus, Event
from kbootstrap.engine.plan import Plan
from kbootstrap.engine.runner import Outcome
from kbootstrap.errors import KbError, NoticeError
from kbootstrap.lock.record import LockState
from kbootstrap.model.cluster import Node
from kbootstrap.model.observed import Observed
from kbootstrap.options import RunOptions
from kbootstrap.remote.meter import Meter, Usage

JOURNALS = "kbootstrap"


class Report:
    """Everything that is shown and recorded of one command."""

    def __init__(self, options: RunOptions, screen: Screen) -> None:
        self._options, self._screen = options, screen
        self._start = time.monotonic()
        self._json = options.output == "json"
        self._log = options.log_file.open("a") if options.log_file else None
        self._journal: IO[str] | None = None
        self.bus = Bus(self._watch)

    def begin(self, cluster: str, run_id: str, nodes: tuple[Node, ...]) -> None:
        """A run starts: open its journal."""
        options = self._options
        if self._journal:  # of the step before, in a chain of upgrades
            self._journal.close()
        if not options.dry_run:
            self._journal = _open_journal(cluster, run_id)
        names = ", ".join(node.name for node in nodes)
        self.bus(Event(kind="run", text=f"{options.verb} {cluster}: {names}"))

    def plan(self, plan: Plan, lock: str = "", left: Differences = ()) -> None:
        """The plan, in the order it is applied, and the lock that is held meanwhile.

        ``left``: the settings of the live cluster that it does not change.
        """
        records = [*map(step_record, plan.changes)]
        if plan.changes and lock:
            records.append({"event": "lock", "text": lock})
        for record in records:
            self._record(record)
            if self._json:
                self._print_json(record)
        if not self._json:
            self._screen.plan(plan, differs=bool(left))
            if plan.changes and lock:
                self._screen.line(lock)
        self.differences(left)

    def differences(self, left: Differences) -> None:
        """The settings of the live cluster that stay as they are."""
        for difference in left:
            self._record(differences.record(difference))
            if self._json:
                self._print_json(differences.record(difference))
        for text in differences.lines(left):
            self.line(text)

    def holder(self, place: str, state: LockState) -> None:
        """Who holds the lock, according to one of its places."""
        if self._json:
            fields = state.claim.fields if state.claim else {}
            self._print_json({"event": "lock", "place": place, "age": state.age, **fields})
        self.line(f"{place}: {state.who}; {state.freshness}")

    def note(self, text: str) -> None:
        """A line for people, and an event of its own in JSON."""
        self.bus.note("", "", text)

    def leftovers(self, observed: Observed, why: str = "") -> None:
        """The bootstrap tokens and uploaded certificates of ours that the cluster has."""
        for leftover in observed.leftovers:
            self.note(f"{leftover}: {why}; `kbootstrap unlock` deletes it" if why else leftover)

    def status(self, head: str, rows: Sequence[status_table.Row]) -> None:
        """A row per node."""
        if self._json:
            for row in rows:
                print(json.dumps({"event": "status", **row}))
            return
        self.line(head)
        self._screen.table(status_table.cells(rows))
        for text in status_table.pods(rows):
            self.line(text)

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Rows in columns for people; the first is the head."""
        if not self._json:
            self._screen.table(rows)

    def member(self, label: str, why: str) -> None:
        """A member of etcd that should not be there."""
        if self._json:
            self._print_json({"event": "etcd", "member": label, "why": why})
        self.line(f"etcd member {label}: {why}")

    def outcomes(self, outcomes: Iterable[Outcome]) -> None:
        """The table at the end, then every error."""
        found = tuple(outcomes)
        if not self._json:
            self._screen.close()
            self._screen.outcomes(found)
        self.errors(o.error for o in found if o.error and o.error.code is not codes.BLOCKED)

    def done(self, *, ok: bool) -> None:
        """The last line for people."""
        seconds = time.monotonic() - self._start
        message = "done" if ok else "stopped; run the same command again to resume"
        self.line(f"\n{message} ({seconds:.1f} s)")

    def errors(self, errors: Iterable[KbError]) -> None:
        """Each error in full."""
        for error in errors:
            self.error(error)

    def stop_on(self, errors: Iterable[KbError]) -> None:
        """Report every error and raise the first: nothing was changed yet. A notice stops nothing.

        Raises:
            KbError: the first that is no notice.

        """
        every = list(errors)
        found = [error for error in every if not isinstance(error, NoticeError)]
        self.errors(error for error in every if isinstance(error, NoticeError))
        if found:
            self.errors(found[1:])
            raise found[0]

    def error(self, error: KbError) -> None:
        """One error: code, node, phase, reason, the command's output, the next step."""
        self._screen.close()
        self._record(error_record(error))
        if self._json:
            self._print_json(error_record(error))
        else:
            print("\n".join(error_lines(error)), file=sys.stderr)

    @contextlib.contextmanager
    def ending_with(self, meter: Meter) -> Iterator[None]:
        """When the run ends, print the figures of ``meter`` if they were asked for."""
        try:
            yield
        finally:
            self.end(meter)

    def end(self, meter: Meter) -> None:
        """The run has ended: figures, if they were asked for."""
        self._screen.close()
        figures = meter.snapshot()
        for name, usage in sorted(figures.items()):
            record = {"event": "meter", "node": name, **dataclasses.asdict(usage)}
            self._record(record)
            if self._options.verbose and not self._json:
                self._screen.line(f"  {name}: {_figures(usage)}")
            elif self._options.verbose:
                self._print_json(record)
        self._record({"event": "end", "seconds": round(time.monotonic() - self._start, 3)})

    def close(self) -> None:
        """Close journal and log file; the error that ended a run is reported after `end`."""
        for stream in (self._journal, self._log):
            if stream:
                stream.close()
        self._journal = self._log = None

    def line(self, text: str) -> None:
        """A line for people; left out of JSON output."""
        if not self._json:
            self._screen.line(text)

    def _watch(self, event: Event) -> None:
        self._record(event_record(event))
        self._show(event)

    def _show(self, event: Event) -> None:
        if self._json:
            self._print_json(event_record(event))
        else:
            self._screen.event(event)

    def _record(self, record: dict[str, Any]) -> None:
        if self._journal and record["event"] != "output":
            self._write(self._journal, json.dumps({"at": round(time.time(), 3), **record}))
        if self._log:
            message = " ".join(f"{key}={value}" for key, value in record.items() if value)
            self._write(self._log, f"{time.strftime('%Y-%m-%dT%H:%M:%S')} {message}")

    def _write(self, stream: IO[str], line: str) -> None:
        """A full disk is reported once and stops nothing."""
        try:
            stream.write(line + "\n")
            stream.flush()
        except OSError as error:
            self._give_up(stream)
            why = (error.strerror or "").lower()
            self._show(Event(kind="note", text=f"{stream.name} is no longer written: {why}"))

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
