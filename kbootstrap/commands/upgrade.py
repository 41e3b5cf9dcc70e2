"""``upgrade``: look, choose the releases to go through, then one session for each of them."""

import dataclasses

from kbootstrap import codes
from kbootstrap.commands import local_inputs
from kbootstrap.commands.certificates import ended
from kbootstrap.commands.options import Options
from kbootstrap.commands.report import Report
from kbootstrap.commands.seed import find_seed
from kbootstrap.commands.session import Session
from kbootstrap.commands.snapshot_first import probed, snapshot_first
from kbootstrap.commands.targets import limited
from kbootstrap.commands.up import carry_out, say_held_pods, stop_on
from kbootstrap.commands.upgrade_chain import chain, with_programs
from kbootstrap.commands.upgrade_notes import further, notes, table
from kbootstrap.engine.phase import AnyPhase, Bits, Window
from kbootstrap.engine.runner import Outcome
from kbootstrap.errors import ExitCode, KbError, RefusedError
from kbootstrap.model import skew
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.load import load, load_at
from kbootstrap.model.observed import FOR_UPGRADE
from kbootstrap.model.versions import Version
from kbootstrap.remote.kube import Asks
from phases import certificates, identity, upgrade_repair, workflows
from phases import upgrade as window

_ASKS = Asks(etcd=True)
LOOK: tuple[AnyPhase, ...] = (identity.PHASE, certificates.PHASE, upgrade_repair.PHASE)


def upgrade(options: Options, report: Report) -> ExitCode:
    """From what runs to ``--to``, one minor after the other; again, it goes on."""
    cluster = with_programs(load(options.inventory), options)
    nodes = tuple(
        n for n in limited(cluster, options.limit) if not options.only or _role(n, options)
    )
    target = Version.parse(options.version)
    hops = _look(options, report, cluster, nodes, target)
    if isinstance(hops, ExitCode):
        return hops
    ends = ExitCode.DONE
    for at, version in enumerate(hops):
        ends = _hop(options, report, version, nodes, hops[at + 1 :])
        if options.dry_run or ends not in {ExitCode.DONE, ExitCode.NOTHING_TO_DO}:
            return ends
    whole = nodes == cluster.nodes or options.only == "worker"
    if whole and cluster.version != target:
        report.bus.note("", "", f"now set kubernetes.version to {target} in {options.inventory}")
    return ends


def _role(node: Node, options: Options) -> bool:
    return node.is_control_plane == (options.only == "control-plane")


def _look(
    options: Options, report: Report, cluster: Cluster, nodes: tuple[Node, ...], target: Version
) -> tuple[Version, ...] | ExitCode:
    """The releases to go through; first a control plane cut off between two moves is mended."""
    planes = tuple(node for node in nodes if node.is_control_plane)
    session = Session(options, cluster, LOOK, report.bus, asks=_ASKS)
    try:
        report.begin(session, nodes)
        session.survey(planes)
        stop_on([*session.errors, *ended(session)], report)
        stop_on(session.check(planes, (upgrade_repair.PHASE,)), report)
        plan = session.plan(planes, (upgrade_repair.PHASE,))
        if plan.changes:
            report.plan(plan, session.lock.text)
            ends = carry_out(session, plan, report)
            if options.dry_run:
                report.bus.note("", "", "the upgrade itself is planned once the API answers")
            if options.dry_run or ends is not ExitCode.DONE:
                return ends
            session.survey(planes)
        find_seed(session, planes)
        if not session.has_api():
            raise RefusedError(codes.NO_CONTROL_PLANE, "no control plane is up")
        return chain(options, cluster, nodes, session.observe(), target)
    finally:
        session.close()


def _hop(
    options: Options,
    report: Report,
    version: Version,
    nodes: tuple[Node, ...],
    later: tuple[Version, ...],
) -> ExitCode:
    """One release: every node chosen, control planes first."""
    cluster = with_programs(load_at(options.inventory, version), options)
    phases = _phases(options, cluster, nodes)
    label = f"before-{version}"
    known = (*LOOK, *probed(label), *phases)
    session = Session(options, cluster, known, report.bus, asks=_ASKS)
    try:
        report.begin(session, nodes)
        session.survey(nodes)
        stop_on(ended(session), report)
        find_seed(session, nodes)
        stop_on((*session.errors, *ended(session)), report)
        session.gather(None)
        session.bits = _with_drain(session.bits, options)
        stop_on(session.check(nodes, (identity.PHASE, *phases)), report)
        _all_there(session, later)
        plan = session.plan(nodes, phases)
        if plan.changes:
            plan = session.plan(nodes, snapshot_first(session, nodes, phases, label))
            _show(session, report, nodes, later)
        report.plan(plan, session.lock.text)
        say_held_pods(session, plan)
        ends = carry_out(session, plan, report)
        _left_cordoned(session)
        return ends
    finally:
        session.close()
        if not later or options.dry_run:
            report.end(session)


def _with_drain(bits: Bits, options: Options) -> Bits:
    """The user's words on draining."""
    return dataclasses.replace(
        bits,
        force_drain=options.force_drain,
        delete_emptydir_data=options.delete_emptydir_data,
        drain=not options.no_drain,
    )


def _phases(options: Options, cluster: Cluster, nodes: tuple[Node, ...]) -> tuple[AnyPhase, ...]:
    """One hop's, with as many workers away at once as the user allows."""
    workers = sum(not node.is_control_plane for node in nodes)
    size = skew.batch(max(workers, 1), options.max_unavailable)
    return tuple(
        dataclasses.replace(phase, window=Window(size)) if phase is window.WORKER else phase
        for phase in workflows.upgrade(cluster)
    )


def _all_there(session: Session, later: tuple[Version, ...]) -> None:
    """The programs of every release on the way can be had; said before the first change."""
    for version in later:
        local_inputs.gather(
            dataclasses.replace(session.cluster, version=version), session.arches, None
        )


def _show(
    session: Session, report: Report, nodes: tuple[Node, ...], later: tuple[Version, ...]
) -> None:
    observed = session.observe()
    for line in table(session.cluster, nodes, session.snapshots, observed):
        report.line(line)
    for name, note in notes(session.cluster, nodes, session.snapshots, observed):
        session.bus.note(name, "upgrade", note)
    for line in further(later):
        session.bus.note("", "upgrade", line)


def _left_cordoned(session: Session) -> None:
    """Say which nodes keep their cordon, since their window did not come to its end."""
    failed = [o for o in session.outcomes if _failed(o)]
    if not failed:
        return
    try:
        observed = session.observe()
    except KbError:
        return
    for outcome in failed:
        node = observed.node(outcome.node)
        if node and node.cordoned_by == FOR_UPGRADE:
            session.bus.note(
                outcome.node, outcome.phase, f"{outcome.node} stays cordoned until this is mended"
            )


def _failed(outcome: Outcome) -> bool:
    error = outcome.error
    return error is not None and error.code is not codes.BLOCKED
