"""Which nodes, phases and files the flags select."""

from collections.abc import Iterable
from pathlib import Path

from kbootstrap import codes
from kbootstrap.engine.phase import AnyPhase
from kbootstrap.errors import InventoryError
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.options import RunOptions
from phases import init, join


def named(cluster: Cluster, names: Iterable[str]) -> tuple[Node, ...]:
    """The nodes of these names, in inventory order.

    Raises:
        InventoryError: KB190, the inventory has no node of that name.

    """
    known = {node.name for node in cluster.nodes}
    wanted = set(names)
    for name in sorted(wanted - known):
        raise InventoryError(
            codes.UNKNOWN_NODE,
            f"the inventory has no node {name!r}; it has: {', '.join(sorted(known))}",
        )
    return tuple(node for node in cluster.nodes if node.name in wanted)


def limited(cluster: Cluster, limit: tuple[str, ...]) -> tuple[Node, ...]:
    """The nodes of ``--limit``: names, or the roles control-plane and worker."""
    if not limit:
        return cluster.nodes
    roles = {"control-plane", "worker"} & set(limit)
    chosen = named(cluster, set(limit) - roles)
    return tuple(n for n in cluster.nodes if n in chosen or roles & n.roles)


def joining(cluster: Cluster, names: Iterable[str], *, next_step: str = "") -> tuple[Node, ...]:
    """The nodes to join; ``next_step``: if no control plane is left, and it is not that of `join`.

    Raises:
        InventoryError: KB190, or KB192: no control plane is left to join through.

    """
    nodes = named(cluster, names)
    if no_control_plane_left(cluster, nodes):
        raise InventoryError(
            codes.JOIN_FIRST,
            "no control plane of the inventory is left to join through",
            next_step=next_step,
        )
    return nodes


def named_or_limited(cluster: Cluster, options: RunOptions) -> tuple[Node, ...]:
    """The nodes that the command line names, else those of ``--limit``."""
    return named(cluster, options.nodes) if options.nodes else limited(cluster, options.limit)


def upgrading(cluster: Cluster, options: RunOptions) -> tuple[Node, ...]:
    """The nodes to upgrade: those of ``--limit`` with the role of ``--control-plane-only``, ..."""
    nodes = limited(cluster, options.limit)
    planes = options.only == "control-plane"
    return tuple(n for n in nodes if not options.only or n.is_control_plane == planes)


def no_control_plane_left(cluster: Cluster, nodes: Iterable[Node]) -> bool:
    """Whether ``nodes`` include every control plane."""
    return set(cluster.control_planes) <= set(nodes)


def chosen_phases(phases: tuple[AnyPhase, ...], options: RunOptions) -> tuple[AnyPhase, ...]:
    """The phases of ``--phase``, or between ``--from`` and ``--until``.

    Raises:
        InventoryError: KB191, no phase has that name.

    """
    ids = [phase.id for phase in phases]
    for name in filter(None, (options.phase, options.from_phase, options.until_phase)):
        if name not in ids:
            raise InventoryError(
                codes.UNKNOWN_PHASE, f"there is no phase {name!r}; there are: {', '.join(ids)}"
            )
    if options.phase:
        return tuple(phase for phase in phases if phase.id == options.phase)
    start = ids.index(options.from_phase) if options.from_phase else 0
    end = ids.index(options.until_phase) + 1 if options.until_phase else len(ids)
    return phases[start:end]


def checked(phases: tuple[AnyPhase, ...], chosen: tuple[AnyPhase, ...]) -> tuple[AnyPhase, ...]:
    """The phases whose checks run: also `--phase programs` alone must not change a version."""
    always = (init.PHASE, join.CONTROL_PLANE, join.WORKER)
    return tuple(phase for phase in phases if phase in (*chosen, *always))


def kubeconfig_path(options: RunOptions, cluster: Cluster) -> Path:
    """The path of the operator's kubeconfig."""
    return options.kubeconfig or options.inventory.parent / f"{cluster.name}.kubeconfig"
