"""Compares a plan that is made again with what was printed, and refuses anything more.

Called by `kbootstrap.engine.step` before each round of actions. An action that only waits
changes nothing, so it need not be printed.
"""

from collections.abc import Iterable

from kbootstrap import codes
from kbootstrap.action import Action
from kbootstrap.errors import Finding, RefusedError


def unprinted(actions: Iterable[Action], printed: frozenset[str]) -> tuple[Action, ...]:
    """The actions that change something and do more than was printed."""
    return tuple(a for a in actions if not a.waits and not a.keys <= printed)


def refuse_unprinted(
    actions: Iterable[Action], printed: frozenset[str], *, resumed: bool = False
) -> None:
    """Stop before an action that was not printed.

    Args:
        actions: what the step would do now.
        printed: the keys of the step's actions in the printed plan.
        resumed: the step has run actions already.

    Raises:
        RefusedError: KB402 or, for a step that was ``resumed``, KB403.

    """
    extra = unprinted(actions, printed)
    if extra:
        message = "required to resume, but not in the plan" if resumed else "not in the plan"
        raise RefusedError(
            codes.NOT_PRINTED if resumed else codes.PLAN_DRIFTED,
            f"{message}: {extra[0].text}",
            detail="\n".join(f"{action.text}: {action.why}" for action in extra),
        )


def refuse_unfit(findings: Iterable[Finding]) -> None:
    """Stop if a check that was passed before the plan was printed fails now.

    Raises:
        RefusedError: KB402.

    """
    for finding in findings:
        if finding.fatal:
            raise RefusedError(codes.PLAN_DRIFTED, finding.message, detail=finding.detail)


def changes(actions: tuple[Action, ...], left: tuple[Action, ...]) -> int:
    """How many of the actions changed something; those ``left`` are not done yet."""
    keys = {key for action in left for key in action.keys}
    return sum(not action.waits and action.keys.isdisjoint(keys) for action in actions)
