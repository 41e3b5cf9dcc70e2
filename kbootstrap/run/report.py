"""The report of a command: console, JSON lines, journal and log file.

One per command. It follows the engine's events, and prints plan, table and errors.
"""

import contextlib
import dataclasses
import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any

from kbootstrap import codes
from kbootstrap.atomic_file import append_private
from kbootstrap.console import differences, status_table
from kbootstrap.console.differences import Differences
from kbootstrap.console.formatting import (
    event_record,
    finding_lines,
    finding_record,
    left_out_record,
    step_record,
)
from kbootstrap.console.screens import Screen
from kbootstrap.engine.events import Bus, Event
from kbootstrap.engine.plan import Plan
from kbootstrap.engine.runner import Outcome
from kbootstrap.errors import SUCCESS, ExitCode, Finding, KbError
from kbootstrap.lock.record import LockState
from kbootstrap.masking import mask
from kbootstrap.model.cluster import Node
from kbootstrap.model.observed import Observed
from kbootstrap.options import RunOptions
from kbootstrap.remote.meter import Meter
from kbootstrap.run.audit import AUDITED, AuditRecord, open_journal
from kbootstrap.run.log_line import log_line


class Report:
    """Everything that is shown and recorded of one command."""

    def __init__(self, options: RunOptions, screen: Screen) -> None:
        self._options, self._screen = options, screen
        self._start = time.monotonic()
        self._json = options.output == "json"
        self._log = append_private(options.log_file) if options.log_file else None
        self._journal: IO[str] | None = None
        self._audit = AuditRecord.begun(options) if options.verb in AUDITED else None
        self._left_out: tuple[KbError, ...] = ()
        self.bus = Bus(self._watch)

    def begin(self, cluster: str, run_id: str, nodes: tuple[Node, ...]) -> None:
        """A run starts: open its journal."""
        options, self._left_out = self._options, ()
        if self._journal:  # of the step before, in a chain of upgrades
            self._journal.close()
        if not options.dry_run:
            self._journal = open_journal(cluster, run_id)
        if self._audit:
            self._audit = self._audit.of(cluster, "" if options.dry_run else run_id)
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
            self.event(record)
        if not self._json:
            self._screen.plan(plan, differs=bool(left or self._left_out))
            if plan.changes and lock:
                self._screen.line(lock)
        self._without()
        self.differences(left)

    def leave_out(self, errors: Iterable[KbError]) -> None:
        """The run continues without these nodes; their errors are reported when it ends."""
        self._left_out = tuple(errors)

    @property
    def left_out(self) -> tuple[str, ...]:
        """The nodes that the run is done without."""
        return tuple(error.where.node for error in self._left_out)

    def _without(self) -> None:
        """A plan names the nodes that it does not have."""
        for error in self._left_out:
            name, code = error.where.node, error.code
            self._show_as(left_out_record(error), f"left out: {name} ({code.id}: {code.title})")

    def differences(self, left: Differences) -> None:
        """The settings of the live cluster that stay as they are."""
        for difference in left:
            self.event(differences.record(difference))
        for text in differences.lines(left):
            self.line(text)

    def holder(self, place: str, state: LockState) -> None:
        """Who holds the lock, according to one of its places."""
        fields = state.claim.fields if state.claim else {}
        record = {"event": "lock", "place": place, "age": state.age, **fields}
        self._show_as(record, f"{place}: {state.who}; {state.freshness}")

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
        self._show_as({"event": "etcd", "member": label, "why": why}, f"etcd member {label}: {why}")

    def diff(self, node: str, path: str, lines: Sequence[str]) -> None:
        """How a file of a node changes."""
        self.event({"event": "diff", "node": node, "path": path, "text": mask("\n".join(lines))})
        for text in lines:
            self.line(text)

    def _show_as(self, record: dict[str, Any], text: str) -> None:
        """A record for scripts, a line for people."""
        self.event(record)
        self.line(text)

    def event(self, record: dict[str, Any]) -> None:
        self._record(record)
        if self._json:
            self._print_json(record)

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
        if ok and (names := ", ".join(self.left_out)):
            message = f"done without {names}; run the same command again once they answer"
        self.line("")
        self.line(f"{message} ({seconds:.1f} s)")

    def errors(self, errors: Iterable[KbError]) -> None:
        """Each error in full."""
        self.findings(error.finding for error in errors)

    def stop_on(self, findings: Iterable[Finding]) -> None:
        """Report every finding; the one place that ends a command because of them.

        Raises:
            KbError: the first fatal one, which the caller reports. Nothing was changed yet.

        """
        found = sorted(findings, key=lambda finding: finding.fatal)  # stable: notices come first
        fatal = [finding for finding in found if finding.fatal]
        self.findings(finding for finding in found if finding not in fatal[:1])
        if fatal:
            raise fatal[0].error()

    def findings(self, findings: Iterable[Finding]) -> None:
        """Each finding in full: code, node, phase, reason, the command's output, the next step."""
        for finding in findings:
            self._finding(finding)

    def _finding(self, finding: Finding) -> None:
        self._screen.close()
        self._record(finding_record(finding))
        if self._audit and finding.fatal:
            self._audit = self._audit.failed(finding.code.id)
        if self._json:
            self._print_json(finding_record(finding))
        else:
            print("\n".join(finding_lines(finding)), file=sys.stderr)

    def error(self, error: KbError) -> None:
        """One error in full."""
        self._finding(error.finding)

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
                self._screen.line(f"  {name}: {usage.text}")
            elif self._options.verbose:
                self._print_json(record)
        self._record({"event": "end", "seconds": round(time.monotonic() - self._start, 3)})

    def ended(self, status: ExitCode) -> ExitCode:
        """The exit status of a command that ended with this one, after the nodes left out.

        Another failure is more than a node that does not answer.
        """
        self.errors(self._left_out)
        return ExitCode.UNREACHABLE if self._left_out and status in SUCCESS else status

    def close(self, status: int) -> None:
        """The command has ended with this exit status: write the audit record, close the files.

        The error that ended a run is reported after `end`.
        """
        self._record({"event": "exit", "exit": str(status)})
        if self._audit:
            try:
                self._audit.append(status, time.monotonic() - self._start)
            except OSError as error:
                why = (error.strerror or "").lower()
                self._show(Event(kind="note", text=f"the audit record is not written: {why}"))
        for stream in (self._journal, self._log):
            if stream:
                stream.close()
        self._journal = self._log = None

    def line(self, text: str) -> None:
        """A line for people; left out of JSON output."""
        if not self._json:
            self._screen.line(mask(text))

    def lines(self, text: str) -> None:
        """Several lines for people, of a text whose newlines are ours."""
        for line in text.split("\n"):
            self.line(line)

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
            self._write(self._log, log_line(record))

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
