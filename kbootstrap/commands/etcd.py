"""``etcd snapshot`` takes a snapshot and copies it; ``etcd restore`` makes all members from one.

Neither uses the API: they are needed most when there is none.
"""

from dataclasses import replace
from pathlib import Path

from kbootstrap.console.confirm import confirm_restore
from kbootstrap.errors import ExitCode
from kbootstrap.guards import etcd_backup
from kbootstrap.guards.certificates import ended, note
from kbootstrap.model.cluster import Cluster
from kbootstrap.model.load import load
from kbootstrap.options import RunOptions
from kbootstrap.run import etcd_snapshot_file
from kbootstrap.run.apply import apply
from kbootstrap.run.checks import check
from kbootstrap.run.report import Report
from kbootstrap.run.run import Run
from phases import certificates, workflows


def etcd(options: RunOptions, report: Report) -> ExitCode:
    """Take a snapshot, or restore one."""
    cluster = load(options.inventory)
    etcd_backup.refuse_external(cluster)
    return {"snapshot": _snapshot, "restore": _restore}[options.sub](options, report, cluster)


def _snapshot(options: RunOptions, report: Report, cluster: Cluster) -> ExitCode:
    file = etcd_backup.new_file(options, cluster)
    phases = etcd_backup.manual()
    run = Run(options, cluster, (*etcd_backup.READ, *phases), report.bus, leaving=cluster.nodes)
    run.local = replace(run.local, snapshot=file)
    with run, report.ending_with(run.connections.meter):
        nodes = (etcd_backup.first_member(run, report),)
        report.begin(cluster.name, run.run_id, nodes)
        note(run, near=False)
        report.stop_on((*ended(run, below=certificates.ETCD_PKI), *check(run, nodes, phases)))
        plan = run.plan(nodes, phases)
        report.plan(plan, run.lock.text)
        return apply(run, plan, report)


def _restore(options: RunOptions, report: Report, cluster: Cluster) -> ExitCode:
    snapshot = etcd_snapshot_file.read((options.file or Path()).absolute())
    nodes, phases = cluster.control_planes, workflows.etcd_restore(cluster)
    run = Run(options, cluster, (*etcd_backup.READ, *phases), report.bus, leaving=cluster.nodes)
    run.local = replace(run.local, snapshot=snapshot)
    with run, report.ending_with(run.connections.meter):
        report.begin(cluster.name, run.run_id, nodes)
        run.probe(nodes)
        report.stop_on((*ended(run), *check(run, nodes, phases)))
        etcd_backup.refuse_half_restored(run, snapshot)
        plan = run.plan(nodes, phases)
        report.plan(plan, run.lock.text)
        confirm_restore(options, cluster, plan, snapshot.path)
        return apply(run, plan, report)
