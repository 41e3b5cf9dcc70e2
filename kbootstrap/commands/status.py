"""``status``: one line per node, from probes and the API; changes nothing, waits for nothing."""

import json

from kbootstrap.commands.certificates import ended, note
from kbootstrap.commands.options import Options
from kbootstrap.commands.report import Report
from kbootstrap.commands.seed import ask_others
from kbootstrap.commands.session import Session
from kbootstrap.commands.targets import limited
from kbootstrap.commands.up import with_differences
from kbootstrap.engine import checkpoint
from kbootstrap.errors import ExitCode, KbError
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.etcd import EtcdMember, strays
from kbootstrap.model.load import load
from kbootstrap.model.observed import NOTHING, Observed
from kbootstrap.remote.kube import Asks
from phases import certificates, ready, workflows


def status(options: Options, report: Report) -> ExitCode:
    """What is, what is still to do, and what each node's record says was done last."""
    cluster = load(options.inventory)
    phases = (certificates.PHASE, *workflows.up(cluster))
    session = Session(options, cluster, phases, report.bus, asks=Asks(own_pods=True))
    nodes = limited(cluster, options.limit)
    try:
        session.survey(nodes)
        observed, api_error = _observe(session, nodes)
        members, etcd_error = _members(session) if observed.reachable else ((), None)
        locks = [found for found in session.lock.found(lease=observed.reachable) if found[1].held]
        session.gather(None)
        rows = [_row(session, node, observed, known=api_error is None) for node in nodes]
        probed = [node for node in nodes if node.name in session.snapshots]
        left = session.differences(probed) if api_error is None else ()
    finally:
        report.end(session)
        session.close()
    _show(options, report, cluster, rows, observed)
    report.differences(left)
    for member, why in strays(members, cluster, {node.name for node in observed.nodes}):
        report.member(member.label, why)
    for place, seen in locks:
        report.holder(place.name, seen)
    show_leftovers(report, observed, "kept for a run at work, or left by one that was killed")
    note(session, near=True)
    failed = api_error or etcd_error
    errors = [*session.errors, *ended(session), *([failed] if failed else [])]
    report.errors(errors)
    return errors[0].exit_code if errors else with_differences(ExitCode.DONE, left)


def show_leftovers(report: Report, observed: Observed, words: str) -> None:
    """Name the bootstrap tokens and uploaded certificates of ours that the cluster has."""
    for leftover in observed.leftovers:
        report.note(f"{leftover}: {words}; `kbootstrap unlock` deletes it")


def _observe(session: Session, nodes: tuple[Node, ...]) -> tuple[Observed, KbError | None]:
    """The cluster, through a control plane that is not among ``nodes`` if none of them answers."""
    try:
        if not session.has_api():
            ask_others(session, nodes)
        return session.observe(), None
    except KbError as error:
        return NOTHING, error


def _members(session: Session) -> tuple[tuple[EtcdMember, ...], KbError | None]:
    try:
        return session.members(), None
    except KbError as error:
        return (), error


def _pods(cluster: Cluster, node: Node, observed: Observed) -> str:
    """Why pods of Kubernetes itself do not run there; empty if they do."""
    down = ready.pods_down(cluster, node, observed)
    return "; ".join(f"{pod.name}: {pod.reason}" for pod in down)


Row = dict[str, str]


def _row(session: Session, node: Node, observed: Observed, *, known: bool) -> Row:
    """One node; what is to do is ``known`` only if the API answered or there is none yet."""
    snapshot = session.snapshots.get(node.name)
    seen = observed.node(node.name)
    record = checkpoint.read(snapshot.state).get("phases", {}) if snapshot else {}
    last = max(record.items(), key=lambda item: item[1]["at"], default=("", {"at": ""}))
    state = "unreachable" if snapshot is None else "not joined"
    if seen:
        state = "Ready" if seen.ready else "NotReady"
    return {
        "node": node.name,
        "role": node.role_text,
        "state": state + (", cordoned" if seen and seen.unschedulable else ""),
        "kubelet": seen.kubelet_version if seen else "",
        "pods": _pods(session.cluster, node, observed) if seen else "",
        "to do": _todo(session, node) if snapshot and known else "",
        "last phase": f"{last[0]} {last[1]['at']}".strip(),
    }


def _todo(session: Session, node: Node) -> str:
    plan = session.plan([node], workflows.up(session.cluster))
    phases = [step.phase.id for step in plan.changes if step.phase.id != "kubeconfig"]
    return ", ".join(phases) or "nothing"


def _show(
    options: Options, report: Report, cluster: Cluster, rows: list[Row], observed: Observed
) -> None:
    if options.output == "json":
        for row in rows:
            print(json.dumps({"event": "status", **row}))
        return
    api = "ready" if observed.ready else "reachable" if observed.reachable else "not there"
    report.line(f"cluster {cluster.name}, Kubernetes {cluster.version}, API {api}")
    keys = [key for key in rows[0] if key != "pods"]
    widths = {key: max(len(key), *(len(row[key]) for row in rows)) for key in keys}
    for row in [{key: key for key in widths}, *rows]:
        report.line("  ".join(f"{row[key]:<{widths[key]}}" for key in widths).rstrip())
    for row in rows:
        if row["pods"]:
            report.line(f"{row['node']}: not running: {row['pods']}")
