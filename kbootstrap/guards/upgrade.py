"""What `upgrade` checks before the first change of a release, and what it reports about it."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager

from kbootstrap import codes
from kbootstrap.console.upgrade_notes import further, notes, table
from kbootstrap.engine.phase import AnyPhase, Window
from kbootstrap.engine.plan import Plan
from kbootstrap.engine.runner import Outcome
from kbootstrap.errors import ExitCode, KbError, RefusedError
from kbootstrap.guards import etcd_backup
from kbootstrap.guards.ca_rotation import rotating
from kbootstrap.guards.certificates import ended
from kbootstrap.guards.upgrade_path import chain, refuse_left_behind
from kbootstrap.model import skew
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.observed import FOR_UPGRADE
from kbootstrap.model.versions import Version
from kbootstrap.options import RunOptions
from kbootstrap.remote.kube import Asks
from kbootstrap.run import local_inputs
from kbootstrap.run.apply import apply
from kbootstrap.run.checks import check, unreached
from kbootstrap.run.control_plane import find_control_plane, refuse_foreign
from kbootstrap.run.left_out import absent, answering
from kbootstrap.run.report import Report
from kbootstrap.run.run import Run
from phases import certificates, identity, upgrade_repair, workflows
from phases import upgrade as window

READ: tuple[AnyPhase, ...] = (identity.PHASE, certificates.PHASE, upgrade_repair.PHASE)
REPAIR: tuple[AnyPhase, ...] = (upgrade_repair.PHASE,)


def choose_hops(
    options: RunOptions, report: Report, cluster: Cluster, nodes: tuple[Node, ...]
) -> tuple[Version, ...] | ExitCode:
    """The releases to go through; a control plane left between two moves is repaired first."""
    planes = tuple(node for node in nodes if node.is_control_plane)
    with Run(options, cluster, READ, report.bus, asks=Asks(etcd=True)) as run:
        report.begin(cluster.name, run.run_id, nodes)
        run.probe(planes)
        report.stop_on((*check(run, planes, REPAIR), *ended(run)))
        refuse_foreign(run, planes)
        plan = run.plan(planes, REPAIR)
        if plan.changes:
            report.plan(plan, run.lock.text)
            status = apply(run, plan, report)
            if options.dry_run:
                report.bus.note("", "", "the upgrade itself is planned once the API answers")
            if options.dry_run or status is not ExitCode.DONE:
                return status
            run.probe(planes)
        find_control_plane(run, planes)
        if not run.has_api():
            raise RefusedError(codes.NO_CONTROL_PLANE, "no control plane is up")
        return chain(options, cluster, nodes, run.observe(), Version.parse(options.version))


def reach(
    run: Run,
    report: Report,
    nodes: tuple[Node, ...],
    phases: tuple[AnyPhase, ...],
    target: Version,
) -> tuple[tuple[Node, ...], tuple[AnyPhase, ...]]:
    """Probe the nodes, and find a control plane.

    Returns the nodes that answer, and the phases with the window that is left to their workers.

    Raises:
        KbError: a node was not reached that cannot be left out, or a certificate has expired; all
            is reported.

    """
    run.probe(nodes)
    report.stop_on((*ended(run), *rotating(run)))
    find_control_plane(run, nodes)
    away = absent(run, nodes)
    full = no_room(run.options, nodes, len(away))
    for error in away if full else ():
        error.detail = "\n".join(filter(None, [error.detail, full]))
    there = nodes if full else answering(run, report, nodes)
    report.stop_on((*unreached(run, there, (identity.PHASE, *phases)), *ended(run)))
    refuse_left_behind(run.observe(), report.left_out, target)
    return there, _windowed(phases, _size(run.options, nodes) - len(away))


def no_room(options: RunOptions, nodes: tuple[Node, ...], away: int) -> str:
    """Why no other worker may be upgraded while so many are away; empty if one may."""
    workers = _workers(nodes)
    if away in {0, workers} or _size(options, nodes) > away:
        return ""
    limit = f"--max-unavailable {options.max_unavailable} of {workers} workers"
    return f"it counts against {limit}: no other one may be upgraded"


def phases(options: RunOptions, cluster: Cluster, nodes: tuple[Node, ...]) -> tuple[AnyPhase, ...]:
    """The phases of one release, with as many workers unavailable at once as the user allows."""
    return _windowed(workflows.upgrade(cluster), _size(options, nodes))


def _size(options: RunOptions, nodes: tuple[Node, ...]) -> int:
    return skew.batch(max(_workers(nodes), 1), options.max_unavailable)


def _workers(nodes: tuple[Node, ...]) -> int:
    return sum(not node.is_control_plane for node in nodes)


def _windowed(phases: tuple[AnyPhase, ...], size: int) -> tuple[AnyPhase, ...]:
    return tuple(
        dataclasses.replace(phase, window=Window(size)) if phase.id == window.WORKER.id else phase
        for phase in phases
    )


def _label(cluster: Cluster) -> str:
    """Names the snapshot of etcd."""
    return f"before-{cluster.version}"


@contextmanager
def ending(run: Run, report: Report, later: tuple[Version, ...]) -> Iterator[None]:
    """The figures are reported once, after the last release."""
    try:
        yield
    finally:
        if not later or run.options.dry_run:
            report.end(run.connections.meter)


def check_programs(run: Run, later: tuple[Version, ...]) -> None:
    """The binaries of every release on the way are available, before the first change."""
    for version in later:
        local_inputs.read(dataclasses.replace(run.cluster, version=version), run.arches, None)


def read(cluster: Cluster, phases: tuple[AnyPhase, ...]) -> tuple[AnyPhase, ...]:
    """The phases whose probes are read for one release."""
    return (*READ, *etcd_backup.phases(_label(cluster)), *phases)


def plan(run: Run, nodes: tuple[Node, ...], phases: tuple[AnyPhase, ...]) -> Plan:
    """The plan of one release; if it changes something, it takes a snapshot of etcd first."""
    plan = run.plan(nodes, phases)
    if not plan.changes:
        return plan
    phases, snapshot = etcd_backup.snapshot_first(run, nodes, phases, _label(run.cluster))
    run.local = dataclasses.replace(run.local, snapshot=snapshot)
    return run.plan(nodes, phases)


def report_versions(
    run: Run, report: Report, plan: Plan, nodes: tuple[Node, ...], later: tuple[Version, ...]
) -> None:
    """The versions now, what to know about this release, and the releases that follow.

    Nothing if the release is installed.
    """
    if not plan.changes:
        return
    observed = run.observe()
    report.line(f"{run.cluster.name}: to {run.cluster.version}")
    report.table(table(nodes, run.probes, observed))
    for name, note in notes(run.cluster, nodes, run.probes, observed):
        run.bus.note(name, "upgrade", note)
    for line in further(later):
        run.bus.note("", "upgrade", line)


def report_version_to_set(
    options: RunOptions, report: Report, cluster: Cluster, nodes: tuple[Node, ...]
) -> None:
    """After an upgrade of the whole cluster the inventory has to name the new version."""
    whole = nodes == cluster.nodes or options.only == "worker"
    if whole and not report.left_out and cluster.version != Version.parse(options.version):
        message = f"now set kubernetes.version to {options.version} in {options.inventory}"
        report.bus.note("", "", message)


def report_cordoned(run: Run) -> None:
    """Name the nodes that stay cordoned because their step failed."""
    failed = [o for o in run.outcomes if _failed(o)]
    if not failed:
        return
    try:
        observed = run.observe()
    except KbError:
        return
    for outcome in failed:
        node = observed.node(outcome.node)
        if node and node.cordoned_by == FOR_UPGRADE:
            message = f"{outcome.node} stays cordoned until this is fixed"
            run.bus.note(outcome.node, outcome.phase, message)


def _failed(outcome: Outcome) -> bool:
    error = outcome.error
    return error is not None and error.code is not codes.BLOCKED
