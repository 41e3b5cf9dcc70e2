"""What `reset` checks before it removes anything, and what it reports afterwards."""

import time
from collections.abc import Iterator, Mapping

from kbootstrap import codes
from kbootstrap.drift import of_node
from kbootstrap.engine.inputs import SnapshotFile
from kbootstrap.engine.phase import AnyPhase
from kbootstrap.engine.plan import Plan
from kbootstrap.engine.probe import ProbeResult
from kbootstrap.errors import ExitCode, Finding, InventoryError
from kbootstrap.guards import etcd_backup
from kbootstrap.guards.external_etcd import check_wipe
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.difference import Difference
from kbootstrap.options import RunOptions
from kbootstrap.run.control_plane import find_remaining_control_plane
from kbootstrap.run.run import Run
from kbootstrap.run.selection import no_control_plane_left
from phases import certificates, identity, init, workflows
from phases.reset import LEAVE
from phases.reset_clean import CLEAN, kept

READ: tuple[AnyPhase, ...] = (identity.PHASE, certificates.PHASE)
LABEL = "reset"  # of the snapshot that is taken before a cluster, or its quorum, is removed


def phases(cluster: Cluster, nodes: tuple[Node, ...], options: RunOptions) -> tuple[AnyPhase, ...]:
    """The phases for these flags.

    Raises:
        RefusedError: KB438, there is no external etcd to wipe.
        InventoryError: KB196, --unreachable without names, or for the last control plane.

    """
    whole = no_control_plane_left(cluster, nodes)
    if options.wipe_external_etcd:
        check_wipe(cluster, whole=whole)
    if options.unreachable and (whole or not options.nodes):
        raise InventoryError(
            codes.NOT_GONE,
            "--unreachable needs node names, and at least one remaining control plane",
        )
    if options.unreachable:
        return workflows.reset_unreachable(cluster)
    if _without_api(options, cluster, nodes):
        return workflows.reset_all(cluster)
    return workflows.reset(cluster)


def _without_api(options: RunOptions, cluster: Cluster, nodes: tuple[Node, ...]) -> bool:
    """Whether the API takes no part: no control plane is left, or the user says so."""
    whole = no_control_plane_left(cluster, nodes)
    return not options.unreachable and (options.without_api or whole)


def probe(run: Run, nodes: tuple[Node, ...]) -> None:
    """Probe the nodes, except those that are gone, and find a control plane that stays."""
    if run.options.unreachable:
        nothing = ProbeResult(facts={}, kubeconfig=None, state="", at=int(time.time()))
        run.probes.update({node.name: nothing for node in nodes})
    else:
        run.probe(nodes)
    if not _without_api(run.options, run.cluster, nodes):
        find_remaining_control_plane(run, nodes)
        run.lock.check_lease()


def other_roles(run: Run, nodes: tuple[Node, ...]) -> Iterator[Difference]:
    """A control plane that the file calls a worker would leave its etcd member behind."""
    observed = run.observe()
    for node in nodes:
        for difference in of_node(run.cluster, node, observed):
            if difference.key.endswith(".role"):
                yield difference


def snapshot_first(
    run: Run, nodes: tuple[Node, ...], phases: tuple[AnyPhase, ...]
) -> tuple[tuple[AnyPhase, ...], SnapshotFile]:
    """The phases, after a snapshot of etcd if the cluster or its quorum is removed."""
    whole = _without_api(run.options, run.cluster, nodes)
    if not whole and not run.options.destroy_cluster:
        return phases, SnapshotFile(path="")
    asked = tuple(node for node in nodes if not has_nothing_to_keep(run, node))
    return etcd_backup.snapshot_first(run, asked, phases, LABEL)


def has_nothing_to_keep(run: Run, node: Node) -> bool:
    """Whether the node's etcd needs no snapshot, and may be unable to give one.

    ``kubeadm reset`` of an earlier run, which took a snapshot before, continues there; or
    ``kubeadm init`` continues, so there has never been a cluster.
    """
    facts = run.probes[node.name].facts.get(LEAVE.id)
    return facts is not None and (facts.run == "running" or init.RUN in facts.unit)


def alive(run: Run, nodes: tuple[Node, ...]) -> Iterator[Finding]:
    """A node of --unreachable that still reports has to be cleaned instead."""
    if not run.options.unreachable:
        return
    observed = run.observe()
    for node in nodes:
        seen = observed.node(node.name)
        if seen is not None and seen.ready:
            yield Finding(codes.STILL_THERE, "its kubelet still reports").at(node.name)


def remains(run: Run, nodes: tuple[Node, ...], plan: Plan) -> Mapping[Node, tuple[str, ...]]:
    """What the plan leaves on each node; read before it is applied."""
    return {node: tuple(_remains_on(run, node)) for node in nodes} if plan.changes else {}


def _remains_on(run: Run, node: Node) -> list[str]:
    facts = run.probes[node.name].facts.get(CLEAN.id)
    if facts is None:
        return []
    return list(kept(run.cluster, facts, restore_host=run.options.restore_host))


def report_remains(run: Run, status: ExitCode, remains: Mapping[Node, tuple[str, ...]]) -> None:
    """Say what was left on the nodes, and where the snapshot is."""
    if status is not ExitCode.DONE or run.options.dry_run:
        return
    for node, retained in remains.items():
        if retained:  # none of a node that is gone
            run.bus.note(node.name, CLEAN.id, f"retained: {'; '.join(retained)}")
    if run.local.snapshot.path:
        run.bus.note("", "", f"snapshot of etcd: {run.local.snapshot.path}")
