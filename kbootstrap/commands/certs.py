"""``certs``: every certificate on every node, without the API; ``certs renew``: renews them."""

from kbootstrap.console import certificate_table as table
from kbootstrap.console.confirm import confirm_restarts
from kbootstrap.engine.inputs import LocalInputs
from kbootstrap.errors import ExitCode
from kbootstrap.guards import certs_renew as guard
from kbootstrap.guards.certificates import entries
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.load import load
from kbootstrap.options import RunOptions
from kbootstrap.run.apply import apply
from kbootstrap.run.report import Report
from kbootstrap.run.run import Run
from kbootstrap.run.selection import kubeconfig_path, named_or_limited
from phases import certificates, workflows


def certs(options: RunOptions, report: Report) -> ExitCode:
    """List, or renew."""
    cluster = load(options.inventory)
    nodes = named_or_limited(cluster, options)
    return (_renew if options.sub else _list)(options, report, cluster, nodes)


def _list(
    options: RunOptions, report: Report, cluster: Cluster, nodes: tuple[Node, ...]
) -> ExitCode:
    """What expires first comes first; the exit status says whether that is soon."""
    within = certificates.NEAR_SECONDS if options.within is None else options.within
    run = Run(options, cluster, (certificates.EVERY,), report.bus)
    with run, report.ending_with(run.connections.meter):
        run.probe(nodes)
        found = table.ordered(entries(run, within))
    for entry in found:
        report.event(entry.record)
    report.line(table.summary(cluster.name, found, within))
    report.table((table.long if options.verbose else table.short)(found))
    report.errors(run.errors)
    if run.errors:
        return run.errors[0].exit_code
    return ExitCode.EXPIRES if any(entry.state != "ok" for entry in found) else ExitCode.DONE


def _renew(
    options: RunOptions, report: Report, cluster: Cluster, nodes: tuple[Node, ...]
) -> ExitCode:
    """Plan, ask, apply; the API may be down."""
    phases = workflows.renew_certs(cluster)
    run = Run(options, cluster, guard.read(phases), report.bus)
    run.inputs = LocalInputs(kubeconfig=str(kubeconfig_path(options, cluster)))
    with run, report.ending_with(run.connections.meter):
        report.begin(cluster.name, run.run_id, nodes)
        nodes = guard.reach(run, report, nodes, phases)
        plan = run.plan(nodes, phases)
        report.plan(plan, run.lock.text)
        guard.report_rest(run, plan)
        confirm_restarts(options, plan)
        return apply(run, plan, report)
