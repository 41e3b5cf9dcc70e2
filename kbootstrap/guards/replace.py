"""The first half of `replace`: the node leaves the cluster, unless it is a member as it should be.

It is a run of its own, since the join is planned on the facts of a clean node.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from kbootstrap import codes
from kbootstrap.console.confirm import confirm_replace
from kbootstrap.drift.endpoint import host
from kbootstrap.engine.phase import AnyPhase
from kbootstrap.engine.plan import Plan
from kbootstrap.errors import ExitCode, Finding
from kbootstrap.guards.ca_rotation import rotating
from kbootstrap.guards.differences import refusals
from kbootstrap.guards.held_pods import report_held_pods
from kbootstrap.guards.joins_later import joins_later
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.difference import Difference
from kbootstrap.model.etcd import EtcdMember, node_of
from kbootstrap.model.observed import Observed
from kbootstrap.options import RunOptions
from kbootstrap.remote.kube import Asks
from kbootstrap.run.apply import apply
from kbootstrap.run.checks import check, unreached
from kbootstrap.run.control_plane import find_remaining_control_plane
from kbootstrap.run.report import Report
from kbootstrap.run.run import Run
from kbootstrap.run.selection import kubeconfig_path
from kbootstrap.wait import until
from phases import identity, init, join, member, workflows
from phases.reset import DRAIN, LEAVE
from phases.reset_clean import CLEAN

JOINS = (join.CONTROL_PLANE, join.WORKER)
READ: tuple[AnyPhase, ...] = (identity.PHASE, member.PHASE, *JOINS)
ONLY_ONE = "Join another control plane first, since no other one serves the API."
NO_OTHER = (
    "Repair one, or rebuild etcd from a snapshot with `kbootstrap etcd restore` (docs/etcd.md). "
    "Then run the same command again."
)
JOIN_SECONDS = 300  # from the Node object of a join until Ready
SILENT_SECONDS = 90  # until the API shows that a kubelet is gone: 40 s or 50 s by default


def take_out(
    options: RunOptions, report: Report, cluster: Cluster, node: Node
) -> RunOptions | ExitCode:
    """Plan, ask, apply.

    Returns:
        The options of the join that follows, or the status with which the command ends.

    """
    nodes, phases = (node,), workflows.leave_for_another(cluster)
    asks = Asks(pods=True, etcd=True)
    run = Run(options, cluster, (*READ, *phases), report.bus, nodes, asks=asks)
    with run, report.ending_with(run.connections.meter):
        report.begin(cluster.name, run.run_id, nodes)
        run.probe(nodes)
        report.stop_on(unreached(run, nodes, phases))
        find_remaining_control_plane(run, nodes, next_step=NO_OTHER)
        run.lock.check_lease()
        report.stop_on(rotating(run))
        found = run.differences(nodes)
        if not must_leave(run, node, found):
            return replace(options, verb="join")
        report.stop_on((*refused(run, node, found), *check(run, nodes, phases)))
        run.read_inputs(kubeconfig_path(options, cluster))
        report.stop_on(alive_elsewhere(run, node))
        if not drains(run, node):
            phases = tuple(phase for phase in phases if phase is not DRAIN)
        plan = run.plan(nodes, phases)
        report.plan(_shown(run, report, node, plan), run.lock.text)
        report_held_pods(run, plan)
        confirm_replace(options, node, plan)
        status = apply(run, plan, report)
    if options.dry_run or status is not ExitCode.DONE:
        return status
    return replace(options, verb="join", yes=True)


def must_leave(run: Run, node: Node, found: Iterable[Difference]) -> bool:
    """Whether the cluster still has a node of this name that is not as it should be.

    The Node object is deleted last, so after that only the join is left. A join that runs is
    followed, and a node that has just joined may not be Ready yet.
    """
    observed = run.observe()
    seen, members = observed.node(node.name), _members(run.cluster, node, observed)
    joined = _joined(run, node)
    if joined.run == "running":
        return False
    if seen is None:
        return bool(members)
    stacked = node.is_control_plane and run.cluster.etcd.external is None
    well = all(not one.ill for one in members) and len(members) == stacked
    differs = any(difference.node == node.name for difference in found)
    ready = seen.ready or seen.age < JOIN_SECONDS
    return differs or not (ready and joined.joined and well)


def _joined(run: Run, node: Node) -> join.Facts:
    facts = run.probes[node.name].facts
    found: join.Facts = next(facts[phase.id] for phase in JOINS if phase.id in facts)
    return found


def _members(cluster: Cluster, node: Node, observed: Observed) -> tuple[EtcdMember, ...]:
    return tuple(one for one in observed.etcd or () if node_of(one, cluster) == node)


def _runs_here(run: Run, node: Node) -> bool:
    """Whether the host runs Kubernetes; a reinstalled one does not."""
    return bool(run.probes[node.name].facts[LEAVE.id].kubernetes)


def _shown(run: Run, report: Report, node: Node, plan: Plan) -> Plan:
    """The plan with that of the join, which is made on a clean host only."""
    if any(step.phase.id in {LEAVE.id, CLEAN.id} for step in plan.changes):
        text = f"then {node.name} joins; `kbootstrap join {node.name}` is planned once it is clean"
        run.bus.note(node.name, "join", text)
        return plan
    return Plan((*plan.steps, *joins_later(run, report, node).steps))


def drains(run: Run, node: Node) -> bool:
    """Whether its kubelet would end the pods."""
    seen = run.observe().node(node.name)
    return seen is not None and seen.ready and _runs_here(run, node)


def refused(run: Run, node: Node, found: Iterable[Difference]) -> Iterator[Finding]:
    """What the join would refuse, too, once the old node is gone."""
    runs = _runs_here(run, node)
    yield from refusals(one for one in found if not _is_replaced(one, node, runs=runs))
    (phase,) = (phase for phase in JOINS if phase.on(run.cluster, node))
    yield from init.same_version(run.view(phase, node))
    if not runs:
        yield from check(run, (node,), (identity.PHASE,))
    seen = run.observe().node(node.name)
    old = {node.address, node.advertise_address, *(seen.addresses if seen else ())}
    if host(run.cluster.api.endpoint) in old:
        message = f"api.endpoint is {run.cluster.api.endpoint}, an address of {node.name}"
        yield Finding(codes.ENDPOINT_LEAVES, message).at(node.name)


def _is_replaced(difference: Difference, node: Node, *, runs: bool) -> bool:
    """Whether the difference ends with the old node.

    The containers of another runtime can only be removed with that runtime in the inventory.
    """
    own = difference.key.startswith(f"nodes.{node.name}.")
    return own or (difference.key == "runtime.type" and not runs)


def alive_elsewhere(run: Run, node: Node) -> Iterator[Finding]:
    """Wait until the API shows that the old kubelet is gone, if it was not on this host."""
    if _runs_here(run, node) or run.options.dry_run:
        return

    def is_silent() -> bool:
        seen = run.observe().node(node.name)
        return seen is None or not seen.ready

    if is_silent():
        return
    run.bus.note(node.name, LEAVE.id, "waiting until the API shows that its old kubelet is gone")
    if not until(is_silent, SILENT_SECONDS):
        yield Finding(
            codes.STILL_THERE,
            f"Kubernetes does not run on {node.address}, but the kubelet of {node.name} reports",
            next_step=f"Stop the host that still runs as {node.name}, or correct its `address` in"
            " the inventory. Then run the same command again.",
        ).at(node.name)
