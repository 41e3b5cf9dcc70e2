"""The base class of actions, and their risks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

Effects = Mapping[str, object]


class Risk(IntEnum):
    """The effect of an action on running workloads; the plan's footer shows the highest."""

    NONE = 0
    RESTART = 1  # a service restarts
    DISRUPT = 2  # workloads move or stop
    DESTROY = 3  # data is removed


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One change.

    Attributes:
        why: the fact that makes it necessary.
        effect: fields of the phase's facts after the action.
        risk: its effect on running workloads.
        always: runs even after an earlier action of its step failed (clean-up).
        waits: True if the action only waits for a condition; omitted once the condition holds.

    """

    why: str
    effect: Effects = field(default_factory=dict)
    risk: Risk = Risk.NONE
    always: bool = False
    waits: bool = False

    @property
    def text(self) -> str:
        """The plan line."""
        raise NotImplementedError

    @property
    def key(self) -> str:
        """Identifies the action when the printed plan is compared with the plan that is applied."""
        return self.text

    @property
    def keys(self) -> frozenset[str]:
        """The keys of all its changes; several if a later plan may need only some of them."""
        return frozenset({self.key})


def worst(actions: tuple[Action, ...]) -> Risk:
    """The highest risk of a plan."""
    return max((action.risk for action in actions), default=Risk.NONE)
