"""``certs rotate-ca``: replaces the CAs of the cluster while it serves."""

from kbootstrap.console.confirm import confirm_restarts
from kbootstrap.engine.inputs import LocalInputs
from kbootstrap.errors import ExitCode
from kbootstrap.guards import ca_rotation as guard
from kbootstrap.model.load import load
from kbootstrap.options import RunOptions
from kbootstrap.remote.kube import Asks
from kbootstrap.run.apply import apply
from kbootstrap.run.report import Report
from kbootstrap.run.run import Run
from kbootstrap.run.selection import kubeconfig_path
from phases import workflows


def rotate_ca(options: RunOptions, report: Report) -> ExitCode:
    """Plan, ask, apply: every node of the cluster, or none."""
    cluster = load(options.inventory)
    guard.whole(options)
    phases = workflows.rotate_ca(cluster)
    run = Run(options, cluster, guard.read(phases), report.bus, asks=Asks(etcd=True, own_pods=True))
    run.inputs = LocalInputs(kubeconfig=str(kubeconfig_path(options, cluster)))
    with run, report.ending_with(run.connections.meter):
        report.begin(cluster.name, run.run_id, cluster.nodes)
        guard.reach(run, report, phases)
        plan = run.plan(cluster.nodes, phases)
        report.plan(plan, run.lock.text)
        confirm_restarts(options, plan)
        status = apply(run, plan, report)
        guard.report_end(run, plan, status)
        return status
