"""``up``, ``plan``, ``join`` and ``replace``: make the cluster, or what is missing of it."""

from kbootstrap.errors import ExitCode
from kbootstrap.guards.adoption import adopting
from kbootstrap.guards.before_up import check_before
from kbootstrap.guards.differences import unapplied, with_differences
from kbootstrap.guards.interrupted import READ, reach
from kbootstrap.guards.planned import settle
from kbootstrap.guards.replace import ONLY_ONE, take_out
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.load import load
from kbootstrap.options import RunOptions
from kbootstrap.remote.kube import Asks
from kbootstrap.run.apply import apply
from kbootstrap.run.left_out import answering
from kbootstrap.run.report import Report
from kbootstrap.run.run import Run
from kbootstrap.run.selection import chosen_phases, joining, limited
from phases import workflows


def up(options: RunOptions, report: Report) -> ExitCode:
    """From the inventory to a cluster; ``--dry-run`` returns with the plan."""
    cluster = adopting(load(options.inventory), options)
    return _bring_up(options, report, cluster, limited(cluster, options.limit))


def join(options: RunOptions, report: Report) -> ExitCode:
    """Join the named nodes through one control plane; no other node is contacted."""
    cluster = load(options.inventory)
    return _bring_up(options, report, cluster, joining(cluster, options.nodes))


def replace(options: RunOptions, report: Report) -> ExitCode:
    """Take a node out if it has to leave, and join the host that now has its name."""
    cluster = load(options.inventory)
    nodes = joining(cluster, options.nodes, next_step=ONLY_ONE)
    left = take_out(options, report, cluster, nodes[0])
    return left if isinstance(left, ExitCode) else _bring_up(left, report, cluster, nodes)


def _bring_up(
    options: RunOptions, report: Report, cluster: Cluster, nodes: tuple[Node, ...]
) -> ExitCode:
    every = workflows.up(cluster)
    phases = chosen_phases(every, options)
    read = (*READ, *(phase for phase in every if phase in phases or phase.shared))
    run = Run(options, cluster, read, report.bus, asks=Asks(own_pods=True, endpoint=True))
    with run, report.ending_with(run.connections.meter):
        report.begin(cluster.name, run.run_id, nodes)
        run.probe(nodes)
        if (ends := reach(run, report, nodes)) is not None:
            return ends
        nodes = answering(run, report, nodes)
        found = check_before(run, report, nodes, every, phases)
        plan = run.plan(nodes, phases)
        report.plan(plan, run.lock.text, unapplied(found))
        settle(run, report, plan)
        status = apply(run, plan, report)
        return with_differences(run, report, nodes, status, found)
