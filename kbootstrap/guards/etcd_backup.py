"""Snapshots of etcd: the one before a change that cannot be undone, and what a restore refuses."""

import dataclasses
import time
from pathlib import Path

from kbootstrap import codes
from kbootstrap.engine.inputs import SnapshotFile
from kbootstrap.engine.phase import AnyPhase, Wait
from kbootstrap.errors import InventoryError, RefusedError
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.options import RunOptions
from kbootstrap.run.control_plane import refuse_foreign
from kbootstrap.run.report import Report
from kbootstrap.run.run import Run
from phases import certificates, etcd_restore, etcd_snapshot, identity

READ: tuple[AnyPhase, ...] = (identity.PHASE, certificates.PHASE)
_COPY = "etcd-copy"


def refuse_external(cluster: Cluster) -> None:
    """An external etcd has its own backups.

    Raises:
        RefusedError: KB431, the cluster uses one.

    """
    if cluster.etcd.external is not None:
        message = f"cluster {cluster.name} uses an etcd at {cluster.etcd.external.endpoints[0]}"
        raise RefusedError(codes.EXTERNAL_ETCD, message)


def new_file(options: RunOptions, cluster: Cluster) -> SnapshotFile:
    """The file of ``--to``, or one named after the cluster and the time.

    Raises:
        InventoryError: KB193, the file exists.

    """
    path = options.to or _path(options.inventory.parent, cluster)
    if path.exists():
        raise InventoryError(codes.FILE_EXISTS, f"{path} exists")
    return SnapshotFile(path=str(path))


def _path(directory: Path, cluster: Cluster) -> Path:
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    return directory / f"{cluster.name}-etcd-{now}.db"


def phases(label: str) -> tuple[AnyPhase, ...]:
    """The phases that take a snapshot; their probes find where etcd serves."""
    return (etcd_snapshot.take(label), etcd_snapshot.copy(label))


def manual() -> tuple[AnyPhase, ...]:
    """The phases of `etcd snapshot`; each call takes another snapshot."""
    return phases(f"manual-{int(time.time())}")


def first_member(run: Run, report: Report) -> Node:
    """The first control plane with etcd's data; no further node is contacted.

    Raises:
        KbError: there is none; the error of the first one.

    """
    for node in run.cluster.control_planes:
        run.probe([node])
        result = run.probes.get(node.name)
        if result is not None and result.facts[identity.PHASE.id].etcd_data:
            refuse_foreign(run, [node])
            return node
    report.stop_on(error.finding for error in run.errors)
    raise RefusedError(codes.NO_CONTROL_PLANE, "no control plane has data of etcd")


def snapshot_first(
    run: Run, nodes: tuple[Node, ...], later: tuple[AnyPhase, ...], label: str
) -> tuple[tuple[AnyPhase, ...], SnapshotFile]:
    """The phases ``later`` with a snapshot before them, if etcd serves on one of ``nodes``.

    None of them begins on any node before the snapshot is copied to the workstation.
    """
    source = next((node for node in nodes if _serves(run, node)), None)
    if source is None:
        return later, SnapshotFile(path="")
    path = _path(run.options.inventory.parent.absolute(), run.cluster)

    def there(cluster: Cluster, node: Node) -> bool:
        del cluster
        return node == source

    waits = (_COPY, Wait.CONTROL_PLANES)
    first = (etcd_snapshot.take(label, there), etcd_snapshot.copy(label, there))
    waiting = (dataclasses.replace(phase, waits=(*phase.waits, waits)) for phase in later)
    return (*first, *waiting), SnapshotFile(path=str(path))


def _serves(run: Run, node: Node) -> bool:
    facts = run.probes[node.name].facts.get("etcd-snapshot")
    return facts is not None and facts.serves


def refuse_half_restored(run: Run, snapshot: SnapshotFile) -> None:
    """A member that runs from this snapshot must not meet one that is yet to be restored from it.

    Raises:
        RefusedError: KB434.

    """
    facts = {
        node.name: run.probes[node.name].facts[etcd_restore.STOP.id]
        for node in run.cluster.control_planes
    }
    ahead = [n for n, f in facts.items() if f.restored == snapshot.sha256 and f.running]
    behind = [n for n, f in facts.items() if f.restored != snapshot.sha256]
    if ahead and behind:
        message = f"{', '.join(ahead)} run from it, {', '.join(behind)} do not hold its data"
        raise RefusedError(codes.HALF_RESTORED, message)
