"""From snapshots to a plan; pure but for the views it is handed."""

from collections.abc import Callable, Iterable, Iterator

from kbootstrap.engine.phase import AnyPhase, View
from kbootstrap.engine.plan import Plan, Step
from kbootstrap.errors import KbError
from kbootstrap.model.cluster import Cluster, Node

Views = Callable[[AnyPhase, Node], View[object]]


def make_plan(
    cluster: Cluster, phases: Iterable[AnyPhase], nodes: Iterable[Node], views: Views
) -> Plan:
    """The least change for each phase on each node it runs on."""
    chosen = tuple(nodes)
    return Plan(
        tuple(
            Step(node.name, phase, tuple(phase.plan(views(phase, node))))
            for phase in phases
            for node in chosen
            if phase.on(cluster, node)
        )
    )


def verdicts(
    cluster: Cluster, phases: Iterable[AnyPhase], nodes: Iterable[Node], views: Views
) -> Iterator[KbError]:
    """Every reason not to begin, stamped with node and phase."""
    chosen = tuple(nodes)
    for phase in phases:
        for node in chosen:
            if phase.on(cluster, node):
                for error in phase.check(views(phase, node)):
                    yield error.at(node.name, phase.id)
