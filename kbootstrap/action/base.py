"""What every action has, and how bad it can be."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

Effects = Mapping[str, object]


class Risk(IntEnum):
    """What an action can do to what runs now; the plan's footer shows the worst."""

    NONE = 0
    RESTART = 1  # a service restarts
    DISRUPT = 2  # workloads move or stop
    DESTROY = 3  # data is removed


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One change.

    Attributes:
        why: the fact that makes it necessary.
        effect: fields of the phase's facts that hold afterwards.
        risk: what it can do to what runs now.
        always: runs even after an earlier action of its step failed (clean-up).
        waits: it only waits for something; left out when that has come by itself.

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
        """What makes two actions the same one when a plan is compared with what runs."""
        return self.text

    @property
    def keys(self) -> frozenset[str]:
        """The keys of all it does; more than one if a later plan may need only a part of it."""
        return frozenset({self.key})


def worst(actions: tuple[Action, ...]) -> Risk:
    """The highest risk of a plan."""
    return max((action.risk for action in actions), default=Risk.NONE)
