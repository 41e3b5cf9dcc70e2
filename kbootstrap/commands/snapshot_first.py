"""A snapshot of etcd, copied here, before a verb changes what cannot be had back otherwise."""

import dataclasses
import time
from pathlib import Path

from kbootstrap.commands.session import Session
from kbootstrap.engine.phase import AnyPhase, SnapshotFile, Wait
from kbootstrap.model.cluster import Cluster, Node
from phases import etcd_snapshot

_COPY = "etcd-copy"


def snapshot_path(folder: Path, cluster: Cluster) -> Path:
    """Where a snapshot taken now goes, at the operator's."""
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    return folder / f"{cluster.name}-etcd-{now}.db"


def probed(label: str) -> tuple[AnyPhase, ...]:
    """The phases a session needs to know where etcd serves."""
    return (etcd_snapshot.take(label), etcd_snapshot.copy(label))


def snapshot_first(
    session: Session, nodes: tuple[Node, ...], phases: tuple[AnyPhase, ...], label: str
) -> tuple[AnyPhase, ...]:
    """The phases with a snapshot before them, if etcd serves on one of ``nodes``.

    None of them begins on any node before the copy is here.
    """
    source = next((node for node in nodes if _serves(session, node)), None)
    if source is None:
        return phases
    path = snapshot_path(session.options.inventory.parent.absolute(), session.cluster)
    session.bits = dataclasses.replace(session.bits, snapshot=SnapshotFile(path=str(path)))

    def there(cluster: Cluster, node: Node) -> bool:
        del cluster
        return node == source

    waits = (_COPY, Wait.CONTROL_PLANES)
    return (
        etcd_snapshot.take(label, there),
        etcd_snapshot.copy(label, there),
        *(dataclasses.replace(phase, waits=(*phase.waits, waits)) for phase in phases),
    )


def _serves(session: Session, node: Node) -> bool:
    facts = session.snapshots[node.name].facts.get("etcd-snapshot")
    return facts is not None and facts.serves
