"""``upgrade``: choose the releases to go through, then one run for each of them."""

from kbootstrap.errors import ExitCode
from kbootstrap.guards import upgrade as guard
from kbootstrap.guards.held_pods import report_held_pods
from kbootstrap.guards.upgrade_path import with_programs
from kbootstrap.guards.upgrade_stops import note_effects, stops
from kbootstrap.model.cluster import Node
from kbootstrap.model.load import load, load_at
from kbootstrap.model.versions import Version
from kbootstrap.options import RunOptions
from kbootstrap.remote.kube import Asks
from kbootstrap.run.apply import apply
from kbootstrap.run.checks import check
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
    for at in range(len(hops)):
        status = _hop(options, report, nodes, hops[at:])
        if options.dry_run or status not in {ExitCode.DONE, ExitCode.NOTHING_TO_DO}:
            return status
    guard.report_version_to_set(options, report, cluster, nodes)
    return status


def _hop(
    options: RunOptions, report: Report, nodes: tuple[Node, ...], hops: tuple[Version, ...]
) -> ExitCode:
    """The first of these releases: every node chosen, control planes first."""
    version, later = hops[0], hops[1:]
    cluster = with_programs(load_at(options.inventory, version), options)
    phases = guard.phases(options, cluster, nodes)
    run = Run(options, cluster, guard.read(cluster, phases), report.bus, asks=Asks(etcd=True))
    with guard.ending(run, report, later), run:
        report.begin(cluster.name, run.run_id, nodes)
        nodes, phases = guard.reach(run, report, nodes, phases, hops[-1])
        run.read_inputs(None)
        report.stop_on(check(run, nodes, (identity.PHASE, *phases)))
        guard.check_programs(run, later)
        plan = guard.plan(run, nodes, phases)
        guard.report_versions(run, report, plan, nodes, later)
        report.plan(plan, run.lock.text)
        report_held_pods(run, plan)
        note_effects(run, plan)
        report.stop_on(stops(run, plan))
        status = apply(run, plan, report)
        guard.report_cordoned(run)
        return status
