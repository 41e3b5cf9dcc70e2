"""Makes the plan, and collects the checks, from the views of phases and nodes."""

from collections.abc import Callable, Container, Iterable, Iterator

from kbootstrap.drift import of_cluster, of_node
from kbootstrap.engine.phase import AnyPhase, View
from kbootstrap.engine.plan import Plan, Step
from kbootstrap.errors import Finding
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.difference import Difference
from kbootstrap.model.observed import Observed

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
) -> Iterator[Finding]:
    """Every reason not to start, with node and phase."""
    chosen = tuple(nodes)
    for phase in phases:
        for node in chosen:
            if phase.on(cluster, node):
                for error in phase.check(views(phase, node)):
                    yield error.at(node.name, phase.id)


def differences(
    cluster: Cluster,
    phases: Iterable[AnyPhase],
    nodes: Iterable[Node],
    views: Views,
    observed: Observed,
) -> tuple[Difference, ...]:
    """Where the live cluster and these nodes differ from the inventory.

    A difference of the whole cluster is not reported again for each node.
    """
    chosen = tuple(nodes)
    found = list(of_cluster(cluster, observed))
    known = {difference.key for difference in found}
    for node in chosen:
        own = [*of_node(cluster, node, observed)]
        for phase in phases:
            if phase.on(cluster, node):
                own += phase.drift(views(phase, node))
        found += (d for d in own if not any(d.key == k or d.key.startswith(f"{k}.") for k in known))
    return tuple(dict.fromkeys(found))


def comparisons(
    cluster: Cluster, phases: Iterable[AnyPhase], probed: Container[tuple[str, str]], views: Views
) -> Iterator[Finding]:
    """Errors found by comparing nodes; ``probed``: names of nodes, each with a phase."""
    for phase in phases:
        nodes = [node for node in cluster.nodes if (node.name, phase.id) in probed]
        for error in phase.compare(tuple(views(phase, node) for node in nodes)):
            yield error.at("", phase.id)
