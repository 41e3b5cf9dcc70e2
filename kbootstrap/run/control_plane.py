"""Finds a control plane whose API answers, and contacts no more nodes for it than necessary."""

from collections.abc import Iterable

from kbootstrap import codes
from kbootstrap.engine.phase import View
from kbootstrap.errors import RefusedError
from kbootstrap.model.cluster import Node
from kbootstrap.run.run import Run
from phases import identity, init


def find_control_plane(run: Run, nodes: tuple[Node, ...]) -> None:
    """Make sure there is a control plane to join through, or that none was ever made.

    A first control plane without a cluster may be new, or may have lost its disk: before it is
    initialised, every other control plane is probed.

    Raises:
        RefusedError: KB404, no control plane is up and none is about to be made; KB401, the one
            that is up is of another cluster.

    """
    first = run.cluster.first
    makes = first in nodes and run.options.verb != "join"
    if run.has_api():
        _refuse_other_cluster(run)
        return
    refuse_foreign(run, run.cluster.control_planes)
    if makes and _holds(run, first):
        return
    if probe_others(run, nodes):
        _refuse_other_cluster(run)
        return
    refuse_foreign(run, run.cluster.control_planes)
    if not makes and not run.errors:
        raise RefusedError(codes.NO_CONTROL_PLANE, "no control plane of the inventory is up")


def find_remaining_control_plane(run: Run, nodes: tuple[Node, ...], *, next_step: str = "") -> None:
    """Make sure that a control plane remains when ``nodes`` leave.

    Args:
        run: it probes the others, one after the other.
        nodes: those that leave.
        next_step: if it is not that of `reset`.

    Raises:
        RefusedError: KB406, none answers; KB401, one is of another cluster.

    """
    if not probe_others(run, nodes):
        refuse_foreign(run, run.cluster.control_planes)
        raise RefusedError(
            codes.NO_API,
            "no remaining control plane answers",
            detail=_reasons(run, nodes),
            next_step=next_step,
        )
    _refuse_other_cluster(run)


def refuse_foreign(run: Run, nodes: Iterable[Node]) -> None:
    """Check that no node of these that was probed is of another cluster; contacts nothing.

    Raises:
        RefusedError: KB401.

    """
    for node in nodes:
        result = run.probes.get(node.name)
        facts = result.facts.get(identity.PHASE.id) if result else None
        if facts is None:  # not probed, or gone
            continue
        view = View(
            cluster=run.cluster,
            node=node,
            facts=facts,
            control_plane=run.api_connection.through,
            ca=run.api_connection.ca_pem,
            local=run.local,
        )
        for finding in identity.foreign(view):
            raise finding.at(node.name, identity.PHASE.id).error()


def _refuse_other_cluster(run: Run) -> None:
    """Check the control plane in use: its CA, and the name in kubeadm's configuration."""
    node = run.cluster.node(run.api_connection.through)
    refuse_foreign(run, [node])
    name = run.observe().kubeadm_config.data.get("clusterName", run.cluster.name)
    if name != run.cluster.name:
        message = f"its cluster is called {name!r} (ConfigMap kubeadm-config)"
        raise RefusedError(codes.FOREIGN_CLUSTER, message).at(node.name, identity.PHASE.id)


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
