"""``etcd snapshot`` takes a snapshot and copies it; ``etcd restore`` makes all members from one.

Neither uses the API: they are needed most when there is none.
"""

import time
from pathlib import Path

from kbootstrap.console.confirm import ask
from kbootstrap.engine.inputs import LocalState
from kbootstrap.engine.phase import AnyPhase
from kbootstrap.errors import ExitCode
from kbootstrap.guards import etcd_backup
from kbootstrap.guards.certificates import ended, note
from kbootstrap.model.cluster import Cluster
from kbootstrap.model.load import load
from kbootstrap.options import RunOptions
from kbootstrap.run import etcd_snapshot_file
from kbootstrap.run.apply import apply
from kbootstrap.run.report import Report
from kbootstrap.run.run import Run
from phases import certificates, identity, workflows

READ: tuple[AnyPhase, ...] = (identity.PHASE, certificates.PHASE)


def etcd(options: RunOptions, report: Report) -> ExitCode:
    """Take a snapshot, or restore one."""
    cluster = load(options.inventory)
    etcd_backup.refuse_external(cluster)
    return {"snapshot": _snapshot, "restore": _restore}[options.sub](options, report, cluster)


def _snapshot(options: RunOptions, report: Report, cluster: Cluster) -> ExitCode:
    file = etcd_backup.new_file(options, cluster)
    phases = etcd_backup.phases(f"manual-{int(time.time())}")
    run = Run(options, cluster, (*READ, *phases), report.bus, leaving=cluster.nodes)
    run.local = LocalState(snapshot=file)
    with run, report.ending_with(run.connections.meter):
        nodes = (etcd_backup.first_member(run, report),)
        report.begin(cluster.name, run.run_id, nodes)
        note(run, near=False)
        report.stop_on(ended(run, below=certificates.ETCD_PKI))
        report.stop_on(run.check(nodes, phases))
        plan = run.plan(nodes, phases)
        report.plan(plan, run.lock.text)
        return apply(run, plan, report)


def _restore(options: RunOptions, report: Report, cluster: Cluster) -> ExitCode:
    snapshot = etcd_snapshot_file.read((options.file or Path()).absolute())
    nodes, phases = cluster.control_planes, workflows.etcd_restore(cluster)
    run = Run(options, cluster, (*READ, *phases), report.bus, leaving=cluster.nodes)
    run.local = LocalState(snapshot=snapshot)
    with run, report.ending_with(run.connections.meter):
        report.begin(cluster.name, run.run_id, nodes)
        run.probe(nodes)
        report.stop_on(run.errors)
        report.stop_on(run.check(nodes, phases))
        etcd_backup.refuse_half_restored(run, snapshot)
        plan = run.plan(nodes, phases)
        report.plan(plan, run.lock.text)
        if plan.changes and not options.dry_run and not options.yes:
            ask(f"this puts etcd of cluster {cluster.name} back to {snapshot.path}", cluster.name)
        return apply(run, plan, report)
