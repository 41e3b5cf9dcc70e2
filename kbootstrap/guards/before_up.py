"""What `up` and `join` check before they plan anything."""

from kbootstrap.engine.phase import AnyPhase
from kbootstrap.guards.certificates import ended
from kbootstrap.guards.differences import refusals
from kbootstrap.guards.external_etcd import before_init
from kbootstrap.model.cluster import Node
from kbootstrap.model.difference import Difference
from kbootstrap.run.checks import check, unreached
from kbootstrap.run.report import Report
from kbootstrap.run.run import Run
from kbootstrap.run.selection import checked, kubeconfig_path


def check_before(
    run: Run,
    report: Report,
    nodes: tuple[Node, ...],
    every: tuple[AnyPhase, ...],
    phases: tuple[AnyPhase, ...],
) -> tuple[Difference, ...]:
    """Check the nodes and the cluster, and read the operator's files.

    Args:
        run: whose nodes were probed.
        report: of the command.
        nodes: those that the command is about.
        every: all phases of the command.
        phases: those that were chosen.

    Returns:
        Where the live cluster differs from the inventory.

    Raises:
        KbError: the first of the reasons not to begin; all are reported.

    """
    run.lock.check_lease()
    asked = checked(every, phases)
    report.stop_on((*unreached(run, nodes, asked), *ended(run)))
    run.read_inputs(kubeconfig_path(run.options, run.cluster))
    found = run.differences(nodes)
    report.stop_on((*refusals(found), *check(run, nodes, asked)))
    report.stop_on(before_init(run, nodes, phases))
    return found
