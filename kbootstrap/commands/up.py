"""``up``, ``plan`` and ``join``: look at the nodes, print the plan, carry it out."""

from collections.abc import Iterable

from kbootstrap import codes_phase as codes
from kbootstrap.commands.options import Options
from kbootstrap.commands.report import Report
from kbootstrap.commands.seed import find_seed
from kbootstrap.commands.session import Session
from kbootstrap.commands.targets import chosen_phases, kubeconfig_path, limited, named
from kbootstrap.engine.plan import Plan
from kbootstrap.errors import ExitCode, InventoryError, KbError
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.load import load
from phases import UP, init
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
    phases = chosen_phases(UP, options)
    read = tuple(phase for phase in UP if phase in phases or phase.shared)
    session = Session(options, cluster, read, report.bus)
    try:
        report.begin(session, nodes)
        session.survey(nodes)
        find_seed(session, nodes)
        session.lock.look_at_lease()
        stop_on(session.errors, report)
        session.gather(kubeconfig_path(options, cluster))
        checked = tuple(p for p in UP if p in phases or p in ALWAYS_CHECKED)
        stop_on(session.check(nodes, checked), report)
        plan = session.plan(nodes, phases)
        report.plan(plan, session.lock.text)
        return carry_out(session, plan, report)
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


def stop_on(errors: Iterable[KbError], report: Report) -> None:
    """Show every error and raise the first: nothing was changed yet."""
    found = list(errors)
    if found:
        report.errors(found[1:])
        raise found[0]
