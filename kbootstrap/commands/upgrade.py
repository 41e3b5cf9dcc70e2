"""``upgrade``: choose the releases to go through, then one run for each of them."""

from kbootstrap.engine.inputs import LocalState
from kbootstrap.errors import ExitCode
from kbootstrap.guards import upgrade as guard
from kbootstrap.guards.certificates import ended
from kbootstrap.guards.etcd_backup import phases as snapshot_phases
from kbootstrap.guards.etcd_backup import snapshot_first
from kbootstrap.guards.held_pods import report_held_pods
from kbootstrap.guards.upgrade_path import with_programs
from kbootstrap.model.cluster import Node
from kbootstrap.model.load import load, load_at
from kbootstrap.model.versions import Version
from kbootstrap.options import RunOptions
from kbootstrap.remote.kube import Asks
from kbootstrap.run.apply import apply
from kbootstrap.run.control_plane import find_control_plane
from kbootstrap.run.report import Report
from kbootstrap.run.run import Run
from kbootstrap.run.selection import upgrading
from phases import identity


def upgrade(options: RunOptions, report: Report) -> ExitCode:
    """From what runs to ``--to``, one minor after the other; the same command resumes."""
    cluster = with_programs(load(options.inventory), options)
    nodes = upgrading(cluster, options)
    hops = guard.choose_hops(options, report, cluster, nodes)
    if isinstance(hops, ExitCode):
        return hops
    status = ExitCode.DONE
    for at, version in enumerate(hops):
        status = _hop(options, report, version, nodes, hops[at + 1 :])
        if options.dry_run or status not in {ExitCode.DONE, ExitCode.NOTHING_TO_DO}:
            return status
    guard.report_version_to_set(options, report, cluster, nodes)
    return status


def _hop(
    options: RunOptions,
    report: Report,
    version: Version,
    nodes: tuple[Node, ...],
    later: tuple[Version, ...],
) -> ExitCode:
    """One release: every node chosen, control planes first."""
    cluster = with_programs(load_at(options.inventory, version), options)
    phases, label = guard.phases(options, cluster, nodes), f"before-{version}"
    read = (*guard.READ, *snapshot_phases(label), *phases)
    run = Run(options, cluster, read, report.bus, asks=Asks(etcd=True))
    with guard.ending(run, report, later), run:
        report.begin(cluster.name, run.run_id, nodes)
        run.probe(nodes)
        report.stop_on(ended(run))
        find_control_plane(run, nodes)
        report.stop_on((*run.errors, *ended(run)))
        run.read_inputs(None)
        report.stop_on(run.check(nodes, (identity.PHASE, *phases)))
        guard.check_programs(run, later)
        plan = run.plan(nodes, phases)
        if plan.changes:
            phases, snapshot = snapshot_first(run, nodes, phases, label)
            run.local = LocalState(snapshot=snapshot)
            plan = run.plan(nodes, phases)
            guard.report_versions(run, report, nodes, later)
        report.plan(plan, run.lock.text)
        report_held_pods(run, plan)
        status = apply(run, plan, report)
        guard.report_cordoned(run)
        return status
