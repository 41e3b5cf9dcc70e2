"""``etcd snapshot`` takes one and copies it here; ``etcd restore`` makes all members from one.

Neither looks at the API: they are needed most when there is none.
"""

import dataclasses
import time
from pathlib import Path

from kbootstrap import codes
from kbootstrap.commands import snapshots
from kbootstrap.commands.certificates import ended, note
from kbootstrap.commands.confirm import ask
from kbootstrap.commands.options import Options
from kbootstrap.commands.report import Report
from kbootstrap.commands.session import Session
from kbootstrap.commands.snapshot_first import probed, snapshot_path
from kbootstrap.commands.up import carry_out, stop_on
from kbootstrap.engine.phase import AnyPhase, SnapshotFile
from kbootstrap.errors import ExitCode, InventoryError, RefusedError
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.load import load
from phases import certificates, etcd_restore, identity, workflows


def etcd(options: Options, report: Report) -> ExitCode:
    """The sub-verb."""
    cluster = load(options.inventory)
    if cluster.etcd.external is not None:
        words = f"cluster {cluster.name} uses an etcd at {cluster.etcd.external.endpoints[0]}"
        raise RefusedError(codes.EXTERNAL_ETCD, words)
    return {"snapshot": _snapshot, "restore": _restore}[options.sub](options, report, cluster)


def _session(
    options: Options, cluster: Cluster, phases: tuple[AnyPhase, ...], report: Report
) -> Session:
    """One that goes through no control plane to the API."""
    phases = (identity.PHASE, certificates.PHASE, *phases)
    return Session(options, cluster, phases, report.bus, leaving=cluster.nodes)


def _snapshot(options: Options, report: Report, cluster: Cluster) -> ExitCode:
    path = options.to or snapshot_path(options.inventory.parent, cluster)
    if path.exists():
        raise InventoryError(codes.FILE_EXISTS, f"{path} exists")
    phases = probed(f"manual-{int(time.time())}")
    session = _session(options, cluster, phases, report)
    session.bits = dataclasses.replace(session.bits, snapshot=SnapshotFile(path=str(path)))
    try:
        nodes = (_one_that_answers(session, report),)
        report.begin(session, nodes)
        note(session, near=False)
        stop_on(ended(session, below=certificates.ETCD_PKI), report)
        stop_on(session.check(nodes, phases), report)
        plan = session.plan(nodes, phases)
        report.plan(plan, session.lock.text)
        return carry_out(session, plan, report)
    finally:
        report.end(session)
        session.close()


def _one_that_answers(session: Session, report: Report) -> Node:
    """The first control plane that is up; no other node is contacted after it.

    Raises:
        KbError: none is; that of the first one.

    """
    for node in session.cluster.control_planes:
        session.survey([node])
        snapshot = session.snapshots.get(node.name)
        if snapshot is not None and snapshot.facts[identity.PHASE.id].etcd_data:
            return node
    stop_on(session.errors, report)
    raise RefusedError(codes.NO_CONTROL_PLANE, "no control plane has data of etcd")


def _restore(options: Options, report: Report, cluster: Cluster) -> ExitCode:
    found = snapshots.read((options.file or Path()).absolute())
    nodes = cluster.control_planes
    phases = workflows.etcd_restore(cluster)
    session = _session(options, cluster, phases, report)
    session.bits = dataclasses.replace(session.bits, snapshot=found)
    try:
        report.begin(session, nodes)
        session.survey(nodes)
        stop_on(session.errors, report)
        stop_on(session.check(nodes, phases), report)
        _refuse_half(session, found)
        plan = session.plan(nodes, phases)
        report.plan(plan, session.lock.text)
        if plan.changes and not options.dry_run and not options.yes:
            ask(f"this puts etcd of cluster {cluster.name} back to {found.path}", cluster.name)
        return carry_out(session, plan, report)
    finally:
        report.end(session)
        session.close()


def _refuse_half(session: Session, found: SnapshotFile) -> None:
    """Members that went on from this snapshot never meet one that begins with it.

    Raises:
        RefusedError: KB434.

    """
    facts = {
        node.name: session.snapshots[node.name].facts[etcd_restore.STOP.id]
        for node in session.cluster.control_planes
    }
    ahead = [n for n, f in facts.items() if f.restored == found.sha256 and f.running]
    behind = [n for n, f in facts.items() if f.restored != found.sha256]
    if ahead and behind:
        words = f"{', '.join(ahead)} run from it, {', '.join(behind)} do not hold its data"
        raise RefusedError(codes.HALF_RESTORED, words)
