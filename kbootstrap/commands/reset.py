"""``reset NODE...`` removes nodes from the cluster; ``reset`` removes the cluster."""

from dataclasses import replace

from kbootstrap.console.confirm import confirm_reset
from kbootstrap.errors import ExitCode
from kbootstrap.guards import certificates as certificate_notes
from kbootstrap.guards import reset as guard
from kbootstrap.guards.differences import refusals
from kbootstrap.guards.etcd_backup import phases as snapshot_phases
from kbootstrap.guards.external_etcd import before_reset, report_remaining
from kbootstrap.guards.held_pods import report_held_pods
from kbootstrap.model.load import load
from kbootstrap.options import RunOptions
from kbootstrap.remote.kube import Asks
from kbootstrap.run.apply import apply
from kbootstrap.run.checks import check, unreached
from kbootstrap.run.report import Report
from kbootstrap.run.run import Run
from kbootstrap.run.selection import named_or_limited


def reset(options: RunOptions, report: Report) -> ExitCode:
    """Plan, ask, apply; the nodes are left as they were before they joined."""
    cluster = load(options.inventory)
    nodes = named_or_limited(cluster, options)
    phases = guard.phases(cluster, nodes, options)
    read = (*guard.READ, *snapshot_phases(guard.LABEL), *phases)
    asks = Asks(pods=True, etcd=True)
    run = Run(options, cluster, read, report.bus, nodes, asks=asks)
    with run, report.ending_with(run.connections.meter):
        report.begin(cluster.name, run.run_id, nodes)
        guard.probe(run, nodes)
        certificate_notes.note(run, near=False)
        report.stop_on((*unreached(run, nodes, phases), *refusals(guard.other_roles(run, nodes))))
        held = before_reset(run, nodes)
        phases, snapshot = guard.snapshot_first(run, nodes, phases)
        wipe = held if options.wipe_external_etcd else None
        run.local = replace(run.local, snapshot=snapshot, wipe=wipe)
        report.stop_on((*guard.alive(run, nodes), *check(run, nodes, phases)))
        plan = run.plan(nodes, phases)
        report.plan(plan, run.lock.text)
        report_held_pods(run, plan)
        report_remaining(run, nodes, held)
        if plan.changes and not options.dry_run:
            confirm_reset(options, cluster, nodes)
        remains = guard.remains(run, nodes, plan)
        status = apply(run, plan, report)
        guard.report_remains(run, status, remains)
        return status
