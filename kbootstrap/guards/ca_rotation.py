"""What `certs rotate-ca` needs before it begins, what others refuse until it has ended."""

from collections.abc import Iterable, Iterator

from kbootstrap import codes
from kbootstrap.engine.phase import AnyPhase
from kbootstrap.engine.plan import Plan
from kbootstrap.errors import ExitCode, Finding, RefusedError
from kbootstrap.guards.certificates import ended, skewed
from kbootstrap.options import RunOptions
from kbootstrap.run.checks import check
from kbootstrap.run.control_plane import refuse_foreign
from kbootstrap.run.report import Report
from kbootstrap.run.run import Run
from phases import certificates, identity, init, join
from phases.ownership import ca_hash


def whole(options: RunOptions) -> None:
    """The CAs are those of all nodes.

    Raises:
        RefusedError: KB447, the command names some of the nodes.

    """
    if options.nodes or options.limit:
        raise RefusedError(
            codes.NOT_ALL_MEMBERS,
            "the CAs of single nodes cannot be replaced",
            next_step="Run the command without --limit and without nodes.",
        )


def read(phases: tuple[AnyPhase, ...]) -> tuple[AnyPhase, ...]:
    """The phases whose probes are read."""
    return (identity.PHASE, certificates.PHASE, init.PHASE, join.CONTROL_PLANE, *phases)


def reach(run: Run, report: Report, phases: Iterable[AnyPhase]) -> None:
    """Probe every node, and make sure that they are the members of the cluster.

    Raises:
        KbError: a node was not reached, is of another cluster, is no member, or has no CA key; the
            API does not serve; a certificate has expired, or a clock differs.

    """
    nodes = run.cluster.nodes
    run.probe(nodes)
    report.stop_on(error.finding for error in run.errors)
    report.stop_on(skewed(run))
    report.stop_on(ended(run))
    if not run.has_api():
        refuse_foreign(run, nodes)
        raise RefusedError(codes.NO_CONTROL_PLANE, "no control plane of the inventory is up")
    refuse_foreign(run, nodes)
    report.stop_on((*_others(run), *check(run, nodes, phases)))


def _others(run: Run) -> Iterator[Finding]:
    """Nodes of the inventory and of the cluster that are not in both."""
    wanted = {node.name for node in run.cluster.nodes}
    live = {node.name for node in run.observe().nodes}
    for name in sorted(wanted ^ live):
        where = "the inventory" if name in live else "the cluster"
        yield Finding(codes.NOT_ALL_MEMBERS, f"{name} is not in {where}").at(name, "ca-next")


def rotating(run: Run) -> Iterator[Finding]:
    """A refusal for each probed node with the CAs of an unfinished rotation."""
    for name, result in run.probes.items():
        facts = result.facts.get(identity.PHASE.id)
        if facts is not None:
            for finding in identity.rotating(facts):
                yield finding.at(name, identity.PHASE.id)


def report_end(run: Run, plan: Plan, status: ExitCode) -> None:
    """Why nothing is to do; what the inventory has to name from now on."""
    if run.options.dry_run or status not in {ExitCode.DONE, ExitCode.NOTHING_TO_DO}:
        return
    now = ca_hash(run.api_connection.ca_pem)
    if not plan.changes:
        run.bus.note("", "", f"the CA {now} is from a rotation that ended less than a day ago")
    pinned = run.cluster.ca_hash
    if pinned and now and pinned != now:
        run.bus.note("", "", f"now set cluster.ca_hash to {now} in {run.options.inventory}")
