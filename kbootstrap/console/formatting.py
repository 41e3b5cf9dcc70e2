"""Plans, events, tables and errors as text for people and as JSON objects; pure."""

from typing import Any

from kbootstrap import codes
from kbootstrap.action import Action
from kbootstrap.codes import INV_BROKEN
from kbootstrap.engine.events import Event
from kbootstrap.engine.plan import Plan, Step
from kbootstrap.engine.runner import Outcome
from kbootstrap.errors import KbError, NoticeError


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


def event_record(event: Event) -> dict[str, Any]:
    """An event as one JSON object; empty fields are left out."""
    record = {
        "event": event.kind,
        "node": event.node,
        "phase": event.phase,
        "state": event.state,
        "text": event.text,
        "seconds": round(event.seconds, 3),
    }
    kept = {key: value for key, value in record.items() if value}
    return kept | (error_record(event.error) if event.error else {}) | {"event": event.kind}


def error_record(error: KbError) -> dict[str, Any]:
    """An error as one JSON object."""
    return {
        "event": "warning" if isinstance(error, NoticeError) else "error",
        "code": error.code.id,
        "node": error.where.node,
        "phase": error.where.phase,
        "message": error.message,
        "detail": error.detail,
        "hint": error.hint,
    }


def error_lines(error: KbError) -> list[str]:
    """An error for people; problems of an inventory as ``file:line:column: code``, for editors."""
    if error.code is INV_BROKEN:
        return [*error.message.splitlines(), f"  next: {error.hint}"]
    place = ", ".join(filter(None, [error.where.node, error.where.phase]))
    kind = "warning" if isinstance(error, NoticeError) else "error"
    lines = [f"{kind} {error.code.id}{f' [{place}]' if place else ''}: {error.message}"]
    lines += [f"    {line}" for line in error.detail.splitlines()]
    lines.append(f"  next: {error.hint}")
    return lines


def plan_lines(plan: Plan, *, verbose: bool = False, differs: bool = False) -> list[str]:
    """The plan for people: phase, nodes, actions; equal actions of several nodes once.

    With ``differs`` the live cluster has settings that the plan does not change.
    """
    if not plan.changes:
        as_said = "nothing to do: every node is as the inventory says"
        return ["no changes" if differs else as_said]
    lines: list[str] = []
    count = 0
    for phase_id, title in {s.phase.id: s.phase.title for s in plan.changes}.items():
        lines.append(f"{title} ({phase_id})")
        steps = [step for step in plan.changes if step.phase.id == phase_id]
        for texts, names in _alike(steps, verbose=verbose):
            lines.append(f"  {', '.join(names)}")
            lines += [f"    - {text}" for text in texts]
            count += len(names) * len(texts)
    nodes = len({step.node for step in plan.changes})
    lines.append(
        f"{count} actions on {nodes} node{'s' if nodes != 1 else ''}; "
        f"worst effect on what runs now: {plan.risk.name.lower()}"
    )
    return lines


def _alike(steps: list[Any], *, verbose: bool) -> list[tuple[tuple[str, ...], list[str]]]:
    """Steps with the same lines together."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for step in steps:
        texts = tuple(f"{a.text}  ({a.why})" if verbose else a.text for a in step.actions)
        groups.setdefault(texts, []).append(step.node)
    return list(groups.items())


def table_lines(outcomes: tuple[Outcome, ...]) -> list[str]:
    """Node, phase, result, seconds; the unchanged phases of a node in one line."""
    lines = ["", f"{'node':<16} {'phase':<20} {'result':<12} seconds"]
    order = {name: i for i, name in enumerate(dict.fromkeys(o.node for o in outcomes))}
    for name in order:
        mine = [o for o in outcomes if o.node == name]
        quiet = [o for o in mine if not o.changes and o.error is None]
        lines += [
            f"{name:<16} {outcome.phase:<20} {_result(outcome):<12} {outcome.seconds:7.1f}"
            for outcome in mine
            if outcome not in quiet
        ]
        if quiet:
            seconds = sum(o.seconds for o in quiet)
            lines.append(f"{name:<16} {_others(len(quiet)):<20} {'unchanged':<12} {seconds:7.1f}")
    return lines + _reasons(outcomes)


def _reasons(outcomes: tuple[Outcome, ...]) -> list[str]:
    """Why steps were not started, if a step has a reason of its own; one line for its nodes."""
    nodes: dict[str, list[str]] = {}
    for outcome in outcomes:
        error = outcome.error
        if error is not None and error.code is codes.BLOCKED and ": " in error.message:
            nodes.setdefault(f"{outcome.phase}: {error.message}", []).append(outcome.node)
    return [f"{reason}: {', '.join(names)}" for reason, names in nodes.items()]


def _others(count: int) -> str:
    return f"{count} other{'s' if count > 1 else ''}"


def _result(outcome: Outcome) -> str:
    if outcome.error is None:
        return "changed"
    return "not started" if outcome.error.code is codes.BLOCKED else f"{outcome.error.code.id}"
