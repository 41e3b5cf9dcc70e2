"""Sorts the differences between the live cluster and the inventory: refused, or only reported."""

from collections.abc import Iterable, Iterator

from kbootstrap import codes
from kbootstrap.console.differences import Differences
from kbootstrap.errors import ExitCode, Finding
from kbootstrap.guards.unscheduled import note_unscheduled
from kbootstrap.model.cluster import Node
from kbootstrap.model.difference import Difference
from kbootstrap.run.report import Report
from kbootstrap.run.run import Run


def refusals(found: Iterable[Difference]) -> Iterator[Finding]:
    """One error for each fixed setting."""
    for difference in found:
        if difference.fixed:
            remedy = difference.remedy
            yield Finding(codes.FIXED, difference.text, detail=remedy).at(difference.node)


def unapplied(found: Iterable[Difference]) -> Differences:
    """The settings that a later command could bring to the cluster."""
    return tuple(difference for difference in found if not difference.fixed)


def exit_status(status: ExitCode, left: Differences) -> ExitCode:
    """The exit status of a command that succeeded, with what it did not change."""
    ok = status in {ExitCode.DONE, ExitCode.NOTHING_TO_DO}
    return ExitCode.DIFFERS if ok and left else status


def with_differences(
    run: Run,
    report: Report,
    nodes: Iterable[Node],
    status: ExitCode,
    found: Iterable[Difference],
) -> ExitCode:
    """The exit status; `up` reports the differences again if applying the plan changed them."""
    if run.options.verb == "join":
        return status
    left = unapplied(found)
    if status is ExitCode.DONE and run.outcomes:
        before, left = left, unapplied(run.differences(nodes))
        note_unscheduled(run, run.observe())
        if left != before:
            report.differences(left)
    return exit_status(status, left)
