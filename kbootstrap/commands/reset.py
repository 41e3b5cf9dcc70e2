"""``reset NODE...`` takes nodes out of the cluster; ``reset`` takes the cluster down."""

import dataclasses
import time
from collections.abc import Iterator, Mapping

from kbootstrap import codes
from kbootstrap.commands import certificates as certificate_notes
from kbootstrap.commands.confirm import ask
from kbootstrap.commands.drift import refusals
from kbootstrap.commands.external import before_reset, check_wipe, stays
from kbootstrap.commands.options import Options
from kbootstrap.commands.report import Report
from kbootstrap.commands.seed import find_remaining
from kbootstrap.commands.session import Session
from kbootstrap.commands.snapshot_first import probed, snapshot_first
from kbootstrap.commands.targets import kubeconfig_path, limited, named
from kbootstrap.commands.up import carry_out, say_held_pods, stop_on
from kbootstrap.drift import of_node
from kbootstrap.engine.phase import AnyPhase, Bits
from kbootstrap.engine.survey import Snapshot
from kbootstrap.errors import ExitCode, InventoryError, KbError, RefusedError
from kbootstrap.kubeconfig_file import trusted_ca
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.difference import Difference
from kbootstrap.model.load import load
from kbootstrap.remote.kube import Asks
from phases import certificates, identity, init, workflows
from phases.reset import LEAVE
from phases.reset_clean import CLEAN, kept


def reset(options: Options, report: Report) -> ExitCode:
    """Plan, ask, carry out; the nodes are left as they were before they joined."""
    cluster = load(options.inventory)
    nodes = named(cluster, options.nodes) if options.nodes else limited(cluster, options.limit)
    ends = _ends(cluster, nodes)
    if options.wipe_external_etcd:
        check_wipe(cluster, ends=ends)
    if options.unreachable and (ends or not options.nodes):
        raise InventoryError(codes.NOT_GONE, "--unreachable needs names, and a control plane left")
    return _go(options, report, cluster, nodes)


def _ends(cluster: Cluster, nodes: tuple[Node, ...]) -> bool:
    """Whether no control plane is left."""
    return set(cluster.control_planes) <= set(nodes)


def _without_api(options: Options, cluster: Cluster, nodes: tuple[Node, ...]) -> bool:
    """Whether the API takes no part: no control plane is left, or the user says so."""
    return not options.unreachable and (options.without_api or _ends(cluster, nodes))


def _phases(options: Options, cluster: Cluster, nodes: tuple[Node, ...]) -> tuple[AnyPhase, ...]:
    if options.unreachable:
        return workflows.reset_unreachable(cluster)
    if _without_api(options, cluster, nodes):
        return workflows.reset_all(cluster)
    return workflows.reset(cluster)


_ASKS = Asks(pods=True, etcd=True)
LABEL = "reset"  # of the snapshot that is taken before a cluster, or its quorum, goes


def _go(options: Options, report: Report, cluster: Cluster, nodes: tuple[Node, ...]) -> ExitCode:
    phases = _phases(options, cluster, nodes)
    known: tuple[AnyPhase, ...] = (identity.PHASE, certificates.PHASE, *probed(LABEL), *phases)
    session = Session(options, cluster, known, report.bus, nodes, asks=_ASKS)
    ends = _ends(cluster, nodes)
    try:
        report.begin(session, nodes)
        _look(session, nodes)
        certificate_notes.note(session, near=False)
        stop_on((*session.errors, *refusals(_other_roles(session, nodes))), report)
        session.bits = _said(options, cluster, session.bits)
        held = before_reset(session, ends=ends)
        if _without_api(options, cluster, nodes) or options.destroy_cluster:
            asked = tuple(node for node in nodes if not _has_nothing_to_keep(session, node))
            phases = snapshot_first(session, asked, phases, LABEL)
        stop_on((*_alive(session, nodes, options), *session.check(nodes, phases)), report)
        plan = session.plan(nodes, phases)
        report.plan(plan, session.lock.text)
        say_held_pods(session, plan)
        if ends and (words := stays(session, held)):
            session.bus.note("", "", words)
        if plan.changes and not options.dry_run:
            _confirm(options, cluster, nodes)
        left = {node: tuple(_kept(session, node)) for node in nodes} if plan.changes else {}
        result = carry_out(session, plan, report)
        if result is ExitCode.DONE and not options.dry_run:
            _say_what_stays(session, left)
        return result
    finally:
        report.end(session)
        session.close()


def _said(options: Options, cluster: Cluster, bits: Bits) -> Bits:
    """What the flags say, for the plan."""
    return dataclasses.replace(
        bits,
        force_drain=options.force_drain,
        delete_emptydir_data=options.delete_emptydir_data,
        restore_host=options.restore_host,
        destroy=options.destroy_cluster,
        kubeconfig_ca=trusted_ca(kubeconfig_path(options, cluster)),
    )


def _other_roles(session: Session, nodes: tuple[Node, ...]) -> Iterator[Difference]:
    """A control plane that the file calls a worker would leave its etcd member behind."""
    observed = session.observe()
    for node in nodes:
        for difference in of_node(session.cluster, node, observed):
            if difference.key.endswith(".role"):
                yield difference


def _has_nothing_to_keep(session: Session, node: Node) -> bool:
    """Whether the node's etcd needs no snapshot, and may be unable to give one.

    An earlier run's ``kubeadm reset`` goes on there, and that run took a snapshot before; or
    ``kubeadm init`` goes on, so there has never been a cluster.
    """
    facts = session.snapshots[node.name].facts.get(LEAVE.id)
    return facts is not None and (facts.run == "running" or init.RUN in facts.unit)


def _say_what_stays(session: Session, left: Mapping[Node, tuple[str, ...]]) -> None:
    for node, words in left.items():
        if not words:
            continue  # of a machine that is gone
        session.bus.note(node.name, CLEAN.id, f"left in place: {'; '.join(words)}")
    if session.bits.snapshot.path:
        session.bus.note("", "", f"etcd as it was: {session.bits.snapshot.path}")


def _look(session: Session, nodes: tuple[Node, ...]) -> None:
    """Probe the nodes, but for those that are gone, and find who stays."""
    if session.options.unreachable:
        nothing = Snapshot(facts={}, kubeconfig=None, state="", at=int(time.time()))
        session.snapshots |= {node.name: nothing for node in nodes}
    else:
        session.survey(nodes)
    if not _without_api(session.options, session.cluster, nodes):
        find_remaining(session, nodes)
        session.lock.look_at_lease()


def _alive(session: Session, nodes: tuple[Node, ...], options: Options) -> Iterator[KbError]:
    """A machine that is not gone has to be cleaned, not forgotten."""
    if not options.unreachable:
        return
    observed = session.observe()
    for node in nodes:
        seen = observed.node(node.name)
        if seen is not None and seen.ready:
            yield RefusedError(codes.STILL_THERE, "its kubelet still reports").at(node.name)


def _kept(session: Session, node: Node) -> list[str]:
    facts = session.snapshots[node.name].facts.get(CLEAN.id)
    return list(kept(session.cluster, facts, session.bits)) if facts is not None else []


def _confirm(options: Options, cluster: Cluster, nodes: tuple[Node, ...]) -> None:
    """A whole cluster goes only when its name is typed; a node when its name is.

    Raises:
        RefusedError: KB405, the answer was another one, or nobody can answer.

    """
    ends = _ends(cluster, nodes)
    if options.yes and (options.destroy_cluster or not ends):
        return
    wanted = cluster.name if ends else ",".join(node.name for node in nodes)
    what = f"the whole cluster {cluster.name}, with all its data" if ends else wanted
    if options.yes:
        raise RefusedError(codes.NOT_CONFIRMED, f"this takes down {what}; --yes is not enough")
    ask(f"this takes down {what}", wanted)
