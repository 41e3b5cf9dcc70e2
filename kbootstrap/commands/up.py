"""``up``, ``plan`` and ``join``: make the cluster, or what is missing of it."""

from kbootstrap.console.confirm import confirm_resets
from kbootstrap.errors import ExitCode
from kbootstrap.guards.certificates import ended
from kbootstrap.guards.differences import refusals, unapplied, with_differences
from kbootstrap.guards.external_etcd import before_init
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.load import load
from kbootstrap.options import RunOptions
from kbootstrap.remote.kube import Asks
from kbootstrap.run.apply import apply
from kbootstrap.run.control_plane import find_control_plane
from kbootstrap.run.report import Report
from kbootstrap.run.run import Run
from kbootstrap.run.selection import chosen_phases, joining, kubeconfig_path, limited
from phases import certificates, init, workflows
from phases import join as join_phases

# Checked whatever phases are chosen: `--phase programs` alone must not change a version either.
ALWAYS_CHECKED = (init.PHASE, join_phases.CONTROL_PLANE, join_phases.WORKER)


def up(options: RunOptions, report: Report) -> ExitCode:
    """From the inventory to a cluster; ``--dry-run`` returns with the plan."""
    cluster = load(options.inventory)
    return _bring_up(options, report, cluster, limited(cluster, options.limit))


def join(options: RunOptions, report: Report) -> ExitCode:
    """Join the named nodes through one control plane; no other node is contacted."""
    cluster = load(options.inventory)
    return _bring_up(options, report, cluster, joining(cluster, options.nodes))


def _bring_up(
    options: RunOptions, report: Report, cluster: Cluster, nodes: tuple[Node, ...]
) -> ExitCode:
    every = workflows.up(cluster)
    phases = chosen_phases(every, options)
    read = (certificates.PHASE, *(phase for phase in every if phase in phases or phase.shared))
    run = Run(options, cluster, read, report.bus, asks=Asks(own_pods=True))
    with run, report.ending_with(run.connections.meter):
        report.begin(cluster.name, run.run_id, nodes)
        run.probe(nodes)
        report.stop_on(ended(run))
        find_control_plane(run, nodes)
        run.lock.check_lease()
        report.stop_on((*run.errors, *ended(run)))
        run.read_inputs(kubeconfig_path(options, cluster))
        checked = tuple(p for p in every if p in phases or p in ALWAYS_CHECKED)
        found = run.differences(nodes)
        report.stop_on((*refusals(found), *run.check(nodes, checked)))
        report.stop_on(before_init(run, nodes, phases))
        plan = run.plan(nodes, phases)
        report.plan(plan, run.lock.text, unapplied(found))
        confirm_resets(options, cluster, plan)
        status = apply(run, plan, report)
        if options.verb == "join":
            return status
        return with_differences(run, report, nodes, status, found)
