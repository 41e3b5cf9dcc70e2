"""Undoes interrupted changes of a control plane before a command needs its API."""

from kbootstrap.engine.phase import AnyPhase
from kbootstrap.errors import ExitCode
from kbootstrap.guards.ca_rotation import rotating
from kbootstrap.guards.certificates import ended
from kbootstrap.model.cluster import Node
from kbootstrap.run.apply import apply
from kbootstrap.run.control_plane import find_control_plane, refuse_foreign
from kbootstrap.run.report import Report
from kbootstrap.run.run import Run
from phases import certificates, control_plane_repair, identity

REPAIR: tuple[AnyPhase, ...] = (control_plane_repair.PHASE,)
READ: tuple[AnyPhase, ...] = (certificates.PHASE, *REPAIR)  # of `up`


def reach(run: Run, report: Report, nodes: tuple[Node, ...]) -> ExitCode | None:
    """Find a control plane, once interrupted changes are undone that keep it from starting.

    Returns:
        A status if the command ends with it.

    Raises:
        KbError: a certificate has expired, no control plane is up, or the CAs are being replaced;
            all is reported.

    """
    report.stop_on(ended(run))
    ends = _put_back(run, report, nodes)
    if ends is None:
        find_control_plane(run, nodes)
        report.stop_on(rotating(run))
    return ends


def _put_back(run: Run, report: Report, nodes: tuple[Node, ...]) -> ExitCode | None:
    """With an API, phase control-plane finishes the change or undoes it."""
    planes = tuple(n for n in nodes if n.is_control_plane and n.name in run.probes)
    if not any(step.actions for step in run.plan(planes, REPAIR).steps) or run.has_api():
        return None
    refuse_foreign(run, planes)
    with Run(run.options, run.cluster, (identity.PHASE, *REPAIR), report.bus) as repair:
        repair.probe(planes)
        plan = repair.plan(planes, REPAIR)
        report.plan(plan, repair.lock.text)
        status = apply(repair, plan, report)
    if run.options.dry_run:
        run.bus.note("", "", "the rest is planned once the API answers")
    if run.options.dry_run or status is not ExitCode.DONE:
        return status
    run.probe(nodes)
    return None
