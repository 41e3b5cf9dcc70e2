"""A plan: the actions for each node and phase. The printed plan is the one that is run."""

from dataclasses import dataclass

from kbootstrap.action import Action, Risk, worst
from kbootstrap.engine.phase import AnyPhase


@dataclass(frozen=True, slots=True)
class Step:
    """What one phase changes on one node; nothing, if there are no actions."""

    node: str
    phase: AnyPhase
    actions: tuple[Action, ...]

    @property
    def keys(self) -> frozenset[str]:
        """Identifies what was printed for this step."""
        return frozenset(key for action in self.actions for key in action.keys)


@dataclass(frozen=True, slots=True)
class Plan:
    """All steps, in the order of phases and then nodes."""

    steps: tuple[Step, ...]

    @property
    def changes(self) -> tuple[Step, ...]:
        """The steps that change something."""
        return tuple(step for step in self.steps if step.actions)

    @property
    def risk(self) -> Risk:
        """The highest risk of its actions."""
        return worst(tuple(a for step in self.steps for a in step.actions))

    def step(self, node: str, phase: str) -> Step | None:
        """The step of a phase on a node, if the phase runs there."""
        for step in self.steps:
            if step.node == node and step.phase.id == phase:
                return step
        return None
