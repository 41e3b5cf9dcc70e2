"""Plans, events, tables and errors as text for people and as JSON objects.

Every text that may come from outside is masked (`kbootstrap.masking`). As text for people it is
escaped (`kbootstrap.visible`); JSON escapes by itself.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from kbootstrap import codes
from kbootstrap.action import Action, Risk, worst
from kbootstrap.codes import INV_BROKEN
from kbootstrap.engine.events import Event
from kbootstrap.engine.plan import Plan, Step
from kbootstrap.engine.runner import Outcome
from kbootstrap.errors import Finding, KbError
from kbootstrap.masking import mask, mask_output
from kbootstrap.visible import one_line, visible


def count(number: int, what: str) -> str:
    """Such as ``1 node`` or ``2 nodes``."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def step_record(step: Step) -> dict[str, Any]:
    """What a step changes."""
    actions = [action_record(action) for action in step.actions]
    return {"event": "plan", "node": step.node, "phase": step.phase.id, "actions": actions}


def action_record(action: Action) -> dict[str, Any]:
    """One line of a plan."""
    return {
        "text": action.text,
        "why": action.why,
        "risk": action.risk.name.lower(),
        "waits": action.waits,
    }


def left_out_record(error: KbError) -> dict[str, Any]:
    """A node that a plan does not have."""
    return {"event": "left-out", "node": error.where.node, "code": error.code.id}


def event_record(event: Event) -> dict[str, Any]:
    """An event as one JSON object; empty fields are left out."""
    record = {
        "event": event.kind,
        "node": event.node,
        "phase": event.phase,
        "state": event.state,
        "text": mask(event.text),
        "seconds": round(event.seconds, 3),
    }
    kept = {key: value for key, value in record.items() if value}
    return (
        kept | (finding_record(event.error.finding) if event.error else {}) | {"event": event.kind}
    )


def event_line(event: Event) -> str:
    """The event's text after its node and phase."""
    place = f"{event.node}: {event.phase}: " if event.node else ""
    return f"{place}{one_line(mask(event.text))}"


def finding_record(finding: Finding) -> dict[str, Any]:
    """A finding, or an error, as one JSON object."""
    return {
        "event": "error" if finding.fatal else "warning",
        "code": finding.code.id,
        "node": finding.where.node,
        "phase": finding.where.phase,
        "message": mask(finding.message),
        "detail": mask_output(finding.detail),
        "hint": finding.hint,
    }


def finding_lines(finding: Finding) -> list[str]:
    """A finding, or an error, for people.

    Problems of an inventory are ``file:line:column: code``, as editors read it.
    """
    if finding.code is INV_BROKEN:
        return [*visible(mask(finding.message)).splitlines(), f"  next: {finding.hint}"]
    place = ", ".join(filter(None, [finding.where.node, finding.where.phase]))
    kind = "error" if finding.fatal else "warning"
    head = f"{kind} {finding.code.id}{f' [{place}]' if place else ''}"
    lines = [f"{head}: {one_line(mask(finding.message))}"]
    lines += [f"    {line}" for line in visible(mask_output(finding.detail)).splitlines()]
    lines.append(f"  next: {finding.hint}")
    return lines


@dataclass(frozen=True, slots=True)
class AlikeSteps:
    """Steps of one phase with the same actions; ``texts`` are the lines of the actions."""

    nodes: tuple[str, ...]
    texts: tuple[str, ...]
    risk: Risk


@dataclass(frozen=True, slots=True)
class PlannedPhase:
    """What the plan has for one phase."""

    title: str
    steps: tuple[AlikeSteps, ...]


def planned_phases(plan: Plan, *, verbose: bool) -> list[PlannedPhase]:
    """The plan in its order; equal steps of several nodes once."""
    titles = {step.phase.id: step.phase.title for step in plan.changes}
    return [
        PlannedPhase(f"{title} ({phase})", _alike(plan, phase, verbose=verbose))
        for phase, title in titles.items()
    ]


def _alike(plan: Plan, phase: str, *, verbose: bool) -> tuple[AlikeSteps, ...]:
    alike: dict[tuple[str, ...], list[Step]] = {}
    for step in plan.changes:
        if step.phase.id == phase:
            texts = tuple(
                one_line(f"{a.text}  ({a.why})" if verbose else a.text) for a in step.actions
            )
            alike.setdefault(texts, []).append(step)
    return tuple(
        AlikeSteps(
            nodes=tuple(step.node for step in steps),
            texts=texts,
            risk=max(worst(step.actions) for step in steps),
        )
        for texts, steps in alike.items()
    )


def no_changes(*, differs: bool) -> str:
    """The text of an empty plan; with ``differs`` the cluster has settings it does not change."""
    return "no changes" if differs else "nothing to do: every node is as the inventory says"


def plan_footer(plan: Plan) -> str:
    """How much the plan does, and the worst of it."""
    nodes = len({step.node for step in plan.changes})
    return (
        f"{sum(len(step.actions) for step in plan.changes)} actions on {nodes} "
        f"node{'s' if nodes != 1 else ''}; worst effect on what runs now: {plan.risk.name.lower()}"
    )


def plan_lines(plan: Plan, *, verbose: bool = False, differs: bool = False) -> list[str]:
    """The plan for people: phase, nodes, actions."""
    if not plan.changes:
        return [no_changes(differs=differs)]
    lines: list[str] = []
    for phase in planned_phases(plan, verbose=verbose):
        lines.append(phase.title)
        for steps in phase.steps:
            lines.append(f"  {', '.join(steps.nodes)}")
            lines += [f"    - {text}" for text in steps.texts]
    return [*lines, plan_footer(plan)]


OUTCOME_HEAD = ("node", "phase", "result", "seconds")
Row = tuple[str, ...]


def outcome_rows(outcomes: tuple[Outcome, ...]) -> list[Row]:
    """Node, phase, result, seconds; the unchanged phases of a node in one row."""
    rows: list[Row] = []
    for name in dict.fromkeys(outcome.node for outcome in outcomes):
        mine = [outcome for outcome in outcomes if outcome.node == name]
        quiet = [outcome for outcome in mine if not outcome.changes and outcome.error is None]
        rows += [
            (name, outcome.phase, _result(outcome), f"{outcome.seconds:.1f}")
            for outcome in mine
            if outcome not in quiet
        ]
        if quiet:
            seconds = sum(outcome.seconds for outcome in quiet)
            rows.append((name, _others(len(quiet)), "unchanged", f"{seconds:.1f}"))
    return rows


PHASE_HEAD = ("phase", "changed", "unchanged", "failed", "not started", "longest", "node")


def phase_rows(outcomes: tuple[Outcome, ...]) -> list[Row]:
    """A row per phase: how many nodes had which result, and the node that took longest."""
    rows: list[Row] = []
    for phase in dict.fromkeys(outcome.phase for outcome in outcomes):
        mine = [outcome for outcome in outcomes if outcome.phase == phase]
        results = Counter(_kind(outcome) for outcome in mine)
        longest = max(mine, key=lambda outcome: outcome.seconds)
        counts = (str(results[kind] or "") for kind in PHASE_HEAD[1:5])
        rows.append((phase, *counts, f"{longest.seconds:.1f} s", longest.node))
    return rows


FAILED_HEAD = ("node", "phase", "result")


def failed_rows(outcomes: tuple[Outcome, ...]) -> list[Row]:
    """Node, phase and code of the steps that failed."""
    return [
        (outcome.node, outcome.phase, _result(outcome))
        for outcome in outcomes
        if _kind(outcome) == "failed"
    ]


def table_lines(outcomes: tuple[Outcome, ...]) -> list[str]:
    """The table at the end of a run, then why steps were not started."""
    lines = ["", f"{'node':<16} {'phase':<20} {'result':<12} seconds"]
    lines += [
        f"{name:<16} {phase:<20} {result:<12} {seconds:>7}"
        for name, phase, result, seconds in outcome_rows(outcomes)
    ]
    return lines + [f"{reason}: {', '.join(names)}" for reason, names in reasons(outcomes).items()]


def reasons(outcomes: tuple[Outcome, ...]) -> dict[str, list[str]]:
    """Why steps were not started, if a step has a reason of its own, and the nodes of each."""
    nodes: dict[str, list[str]] = {}
    for outcome in outcomes:
        error = outcome.error
        if error is not None and error.code is codes.BLOCKED and ": " in error.message:
            reason = one_line(f"{outcome.phase}: {mask(error.message)}")
            nodes.setdefault(reason, []).append(outcome.node)
    return nodes


def _others(count: int) -> str:
    return f"{count} other{'s' if count > 1 else ''}"


def _kind(outcome: Outcome) -> str:
    if outcome.error is None:
        return "changed" if outcome.changes else "unchanged"
    return "not started" if outcome.error.code is codes.BLOCKED else "failed"


def _result(outcome: Outcome) -> str:
    kind = _kind(outcome)
    return outcome.error.code.id if outcome.error and kind == "failed" else kind
