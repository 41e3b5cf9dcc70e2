"""Which nodes and phases the flags mean."""

from collections.abc import Iterable
from pathlib import Path

from kbootstrap import codes
from kbootstrap.commands.options import Options
from kbootstrap.engine.phase import AnyPhase
from kbootstrap.errors import InventoryError
from kbootstrap.model.cluster import Cluster, Node


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


def chosen_phases(phases: tuple[AnyPhase, ...], options: Options) -> tuple[AnyPhase, ...]:
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


def kubeconfig_path(options: Options, cluster: Cluster) -> Path:
    """Where the operator's kubeconfig is."""
    return options.kubeconfig or options.inventory.parent / f"{cluster.name}.kubeconfig"
