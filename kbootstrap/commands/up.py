"""``up``, ``plan`` and ``join``: look at the nodes, print the plan, carry it out."""

from collections.abc import Iterable

from kbootstrap import codes
from kbootstrap.action import Drain, Risk
from kbootstrap.commands.certificates import ended
from kbootstrap.commands.confirm import ask
from kbootstrap.commands.drift import Differences, refusals, unapplied
from kbootstrap.commands.external import before_init
from kbootstrap.commands.options import Options
from kbootstrap.commands.report import Report
from kbootstrap.commands.seed import find_seed
from kbootstrap.commands.session import Session
from kbootstrap.commands.targets import chosen_phases, kubeconfig_path, limited, named
from kbootstrap.engine.plan import Plan
from kbootstrap.errors import ExitCode, InventoryError, KbError, NoticeError
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.load import load
from kbootstrap.remote.drain import is_allowed
from kbootstrap.remote.kube import Asks
from phases import certificates, init, workflows
from phases import join as joining

# Asked whatever phases are chosen: a single `--phase programs` must not change a version either.
ALWAYS_CHECKED = (init.PHASE, joining.CONTROL_PLANE, joining.WORKER)


def up(options: Options, report: Report) -> ExitCode:
    """From the inventory to a cluster; ``--dry-run`` returns with the plan."""
    cluster = load(options.inventory)
    nodes = limited(cluster, options.limit)
    return _go(options, report, cluster, nodes)


def join(options: Options, report: Report) -> ExitCode:
    """Join the named nodes through one control plane; no other node is contacted."""
    cluster = load(options.inventory)
    nodes = named(cluster, options.nodes)
    if set(cluster.control_planes) <= set(nodes):
        raise InventoryError(
            codes.JOIN_FIRST, "no control plane of the inventory is left to join through"
        )
    return _go(options, report, cluster, nodes)


def _go(options: Options, report: Report, cluster: Cluster, nodes: tuple[Node, ...]) -> ExitCode:
    every = workflows.up(cluster)
    phases = chosen_phases(every, options)
    read = tuple(phase for phase in every if phase in phases or phase.shared)
    read = (certificates.PHASE, *read)
    session = Session(options, cluster, read, report.bus, asks=Asks(own_pods=True))
    try:
        report.begin(session, nodes)
        session.survey(nodes)
        stop_on(ended(session), report)
        find_seed(session, nodes)
        session.lock.look_at_lease()
        stop_on((*session.errors, *ended(session)), report)
        session.gather(kubeconfig_path(options, cluster))
        checked = tuple(p for p in every if p in phases or p in ALWAYS_CHECKED)
        found = session.differences(nodes)
        stop_on((*refusals(found), *session.check(nodes, checked)), report)
        stop_on(before_init(session, nodes, phases), report)
        plan, left = session.plan(nodes, phases), unapplied(found)
        report.plan(plan, session.lock.text, left)
        _confirm(options, cluster, plan)
        ends = carry_out(session, plan, report)
        if options.verb == "join":
            return ends
        if plan.changes and not options.dry_run and ends is ExitCode.DONE:
            before, left = left, unapplied(session.differences(nodes))
            if left != before:
                report.differences(left)
        return with_differences(ends, left)
    finally:
        report.end(session)
        session.close()


def carry_out(session: Session, plan: Plan, report: Report) -> ExitCode:
    """Run the plan, unless there is nothing to do or it is only to be seen."""
    options = session.options
    if not plan.changes:
        return ExitCode.NOTHING_TO_DO if options.exit_code else ExitCode.DONE
    if options.dry_run:
        return ExitCode.CHANGES_PENDING if options.exit_code else ExitCode.DONE
    outcomes = session.run(plan)
    report.outcomes(outcomes)
    if session.lost is not None:
        raise session.lost
    errors = [outcome.error for outcome in outcomes if outcome.error is not None]
    if session.interrupted:
        return ExitCode.INTERRUPTED
    first = next((e for e in errors if e.code is not codes.BLOCKED), None)
    report.done(well=first is None)
    return first.exit_code if first else ExitCode.DONE


def with_differences(ends: ExitCode, left: Differences) -> ExitCode:
    """The exit status of a command that went well, with what it did not change."""
    well = ends in {ExitCode.DONE, ExitCode.NOTHING_TO_DO}
    return ExitCode.DIFFERS if well and left else ends


def _confirm(options: Options, cluster: Cluster, plan: Plan) -> None:
    """What removes data, if only that of a half-done join, is confirmed.

    Raises:
        RefusedError: KB405, the answer was no, or there is no terminal to ask at.

    """
    if plan.risk is not Risk.DESTROY or options.dry_run or options.yes:
        return
    nodes = (s.node for s in plan.changes if any(a.risk is Risk.DESTROY for a in s.actions))
    ask(f"this runs kubeadm reset on {', '.join(dict.fromkeys(nodes))}", cluster.name)


def say_held_pods(session: Session, plan: Plan) -> None:
    """Name the pods that the plan's drains will refuse to evict; nothing is changed yet."""
    drains = [(s, a) for s in plan.changes for a in s.actions if isinstance(a, Drain)]
    api = session.access.api() if drains else None
    if api is None:
        return
    held = api.held_pods()
    for step, action in drains:
        for pod in held:
            if pod.node == action.node and not is_allowed(pod, action):
                session.bus.note(step.node, step.phase.id, f"the drain will stop at pod {pod.text}")


def stop_on(errors: Iterable[KbError], report: Report) -> None:
    """Show every error and raise the first: nothing was changed yet. Notices stop nothing."""
    every = list(errors)
    found = [error for error in every if not isinstance(error, NoticeError)]
    report.errors(error for error in every if isinstance(error, NoticeError))
    if found:
        report.errors(found[1:])
        raise found[0]
