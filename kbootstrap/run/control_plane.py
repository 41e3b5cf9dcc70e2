"""Finds a control plane whose API answers, and contacts no more nodes for it than necessary."""

from kbootstrap import codes
from kbootstrap.errors import RefusedError
from kbootstrap.model.cluster import Node
from kbootstrap.run.run import Run
from phases import identity, init


def find_control_plane(run: Run, nodes: tuple[Node, ...]) -> None:
    """Make sure there is a control plane to join through, or that none was ever made.

    A first control plane without a cluster may be new, or may have lost its disk: before it is
    initialised, every other control plane is probed.

    Raises:
        RefusedError: KB404, no control plane is up and none is about to be made.

    """
    first = run.cluster.first
    makes = first in nodes and run.options.verb != "join"
    if run.has_api() or (makes and _holds(run, first)):
        return
    if not probe_others(run, nodes) and not makes and not run.errors:
        raise RefusedError(codes.NO_CONTROL_PLANE, "no control plane of the inventory is up")


def find_remaining_control_plane(run: Run, nodes: tuple[Node, ...]) -> None:
    """Make sure that a control plane remains when ``nodes`` leave.

    Raises:
        RefusedError: KB406, none answers.

    """
    if not probe_others(run, nodes):
        raise RefusedError(
            codes.NO_API, "no remaining control plane answers", detail=_reasons(run, nodes)
        )


def probe_others(run: Run, nodes: tuple[Node, ...]) -> bool:
    """Probe one control plane after the other until an API answers; then drop their errors."""
    names = {node.name for node in nodes}
    for node in run.cluster.control_planes:
        if node not in nodes:
            run.probe([node])
            if run.has_api():
                run.errors = [e for e in run.errors if e.where.node in names]
                return True
    return False


def _reasons(run: Run, nodes: tuple[Node, ...]) -> str:
    names = {node.name for node in nodes}
    others = [error for error in run.errors if error.where.node not in names]
    run.errors = [error for error in run.errors if error not in others]
    return "\n".join(f"{error.where.node}: {error.message}" for error in others)


def _holds(run: Run, node: Node) -> bool:
    """Whether an init was begun there; also if the node could not be probed."""
    result = run.probes.get(node.name)
    if result is None:
        return True
    facts = result.facts
    return bool(facts[identity.PHASE.id].holds_cluster or facts[init.PHASE.id].run != "none")
