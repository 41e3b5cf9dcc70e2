"""What `certs renew` probes and refuses, and what it leaves to the administrator."""

from collections.abc import Iterable

from kbootstrap.engine.phase import AnyPhase
from kbootstrap.engine.plan import Plan
from kbootstrap.guards.ca_rotation import rotating
from kbootstrap.guards.certificates import entries, skewed
from kbootstrap.model.cluster import Node
from kbootstrap.run.checks import check
from kbootstrap.run.control_plane import find_control_plane, refuse_foreign
from kbootstrap.run.left_out import answering
from kbootstrap.run.report import Report
from kbootstrap.run.run import Run
from phases import certs_renew, identity

DAY = 24 * 3600


def read(phases: tuple[AnyPhase, ...]) -> tuple[AnyPhase, ...]:
    """The phases whose probes are read."""
    return (identity.PHASE, *phases)


def reach(
    run: Run, report: Report, nodes: tuple[Node, ...], phases: Iterable[AnyPhase]
) -> tuple[Node, ...]:
    """Probe the nodes; a control plane as well, if only workers are named.

    Returns:
        Those that are renewed: workers that do not answer are left out.

    Raises:
        KbError: a control plane was not reached, or a node is of another cluster, has another
            time or cannot be renewed.

    """
    run.probe(nodes)
    nodes = answering(run, report, nodes)
    report.stop_on(error.finding for error in run.errors)
    refuse_foreign(run, nodes)
    report.stop_on(skewed(run))
    report.stop_on(rotating(run))
    report.stop_on(check(run, nodes, phases))
    if not any(node.is_control_plane for node in nodes):
        find_control_plane(run, nodes)
    return nodes


def report_rest(run: Run, plan: Plan) -> None:
    """Why nothing is to do; which kubeconfigs in home directories are not renewed here."""
    limit = certs_renew.seconds_left(run.options)
    if not plan.changes:
        renewed = "every certificate that kubeadm renews is valid for more than"
        run.bus.note("", "", f"{renewed} {limit // DAY} days")
    for entry in entries(run, limit):
        if entry.found.is_copy and entry.state != "ok":
            text = (
                f"{entry.found.path} has a certificate that expires in {entry.days} days: replace"
            )
            run.bus.note(entry.node, "certificates", f"{text} it by a copy of the new admin.conf")
