"""Restores etcd from one snapshot, on every control plane: stop, restore, start, wait.

All static pods of the control plane are moved aside before any data is changed, and moved back
when every member is restored, so that members with different data never connect. The old data is
retained. A file inside the new data with the snapshot's sha256 marks a member as restored; data
and mark are placed by one rename.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from kbootstrap import codes, node_paths
from kbootstrap.action import Action, Detached, PutSnapshot, Remove, Risk, Run
from kbootstrap.components import STATIC_PODS
from kbootstrap.engine.phase import Phase, View, Wait
from kbootstrap.errors import Finding
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.render import render
from phases import ownership
from phases.etcd_snapshot import stacked

RUN = "etcd-restore"
FOLDER = node_paths.ETCD_RESTORE
SNAPSHOT = f"{FOLDER}/snapshot.db"
MARK = "kbootstrap-restored"
BUMP = 1_000_000_000  # added to the revision, so that watchers never see it decrease
SECONDS = 20 * 60
READY_SECONDS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Running(ownership.Record):
    """Facts before the stop, from templates/etcd/restore_probe.sh.j2."""

    restored: str = ""  # sha256 of the snapshot from which the data was restored
    peer: str = ""  # the member's URL in etcd's manifest
    running: tuple[str, ...] = ()  # static pods that have a manifest or are still running


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """Facts about the data directory."""

    restored: str = ""
    run: str = "none"  # the state of the detached run
    placed: str = ""  # sha256 of the snapshot on the node
    image: str = ""  # in etcd's manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """Facts after the restore."""

    restored: str = ""
    aside: tuple[str, ...] = ()  # static pods whose manifest is moved aside
    kubelet: bool = False  # the kubelet runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """Facts after the start."""

    restored: str = ""
    aside: tuple[str, ...] = ()
    ready: bool = False  # /readyz of the node's API server


def _values(cluster: Cluster, node: Node) -> dict[str, object]:
    return {
        "socket": cluster.runtime.socket,
        "data_dir": cluster.etcd.data_dir,
        "folder": FOLDER,
        "snapshot": SNAPSHOT,
        "names": STATIC_PODS,
        "mark": MARK,
        "run": RUN,
        "marker": node_paths.CLUSTER_NAME,
        "ca": ownership.CA_FILE,
        "server": cluster.server_url(node),
        "seconds": READY_SECONDS,
    }


def peer_url(node: Node) -> str:
    """The peer URL of the node's member, as kubeadm writes it."""
    return f"https://{node.url_host}:2380"


def probe_running(cluster: Cluster, node: Node) -> str:
    """Read-only."""
    return _probe(cluster, node, "manifest")


def probe_data(cluster: Cluster, node: Node) -> str:
    """Read-only."""
    return _probe(cluster, node, "run")


def probe_aside(cluster: Cluster, node: Node) -> str:
    """Read-only."""
    return _probe(cluster, node, "aside", "kubelet")


def probe_serving(cluster: Cluster, node: Node) -> str:
    """Read-only."""
    return _probe(cluster, node, "aside", "ready")


def _probe(cluster: Cluster, node: Node, *wants: str) -> str:
    return render("etcd/restore_probe.sh.j2", wants=wants, **_values(cluster, node))


def check_running(view: View[Running]) -> Iterator[Finding]:
    """Refuse a node of another cluster, or one whose member has another peer URL."""
    facts, wanted = view.facts, peer_url(view.node)
    refusals = [*ownership.foreign(view)]
    yield from refusals
    if not refusals and facts.peer != wanted:
        found = facts.peer or "no etcd.yaml"
        yield Finding(codes.NOT_A_MEMBER, f"etcd should be {wanted} on the node: {found}")


def plan_stop(view: View[Running]) -> Iterator[Action]:
    """Move the manifests aside and wait until the pods are gone."""
    if view.facts.running and view.facts.restored != view.local.snapshot.sha256:
        yield Run(
            why="running: " + ", ".join(view.facts.running),
            title=f"stop {', '.join(STATIC_PODS)} (manifests are moved to {FOLDER}/manifests)",
            body=render("etcd/stop.sh.j2", **_values(view.cluster, view.node)),
            risk=Risk.DISRUPT,
            effect={"running": ()},
        )


def plan_restore(view: View[Data]) -> Iterator[Action]:
    """Restore the data from the snapshot; the old data is moved aside."""
    facts, snapshot = view.facts, view.local.snapshot
    if facts.restored == snapshot.sha256 and facts.run != "running":
        if facts.placed:
            yield Remove(why="it was used", path=SNAPSHOT, effect={"placed": ""})
        return
    if facts.placed != snapshot.sha256:
        yield PutSnapshot(
            why="etcdutl reads it there",
            path=SNAPSHOT,
            source=snapshot.path,
            size=snapshot.size,
            sha256=snapshot.sha256,
            effect={"placed": snapshot.sha256},
        )
    yield Detached(
        why="it is still running"
        if facts.run == "running"
        else "the data is not from this snapshot",
        name=RUN,
        title=f"restore {view.cluster.etcd.data_dir} from the snapshot; move the old data aside",
        body=render(
            "etcd/restore.sh.j2",
            commands=_commands(view),
            image=facts.image,
            sha256=snapshot.sha256,
            **_values(view.cluster, view.node),
        ),
        seconds=SECONDS,
        attach=facts.run == "running",
        risk=Risk.DISRUPT,
        effect={"restored": snapshot.sha256, "run": "ok"},
    )
    yield Remove(why="it was used", path=SNAPSHOT, effect={"placed": ""})


def _commands(view: View[Data]) -> tuple[tuple[str, ...], ...]:
    """The commands of a restore: with the newest etcdutl first, then for older ones."""
    members = (f"{node.name}={peer_url(node)}" for node in view.cluster.control_planes)
    words = (
        *("snapshot", "restore", SNAPSHOT),
        *("--name", view.node.name),
        *("--initial-cluster", ",".join(members)),
        *("--initial-cluster-token", f"kbootstrap-{view.local.snapshot.sha256[:16]}"),
        *("--initial-advertise-peer-urls", peer_url(view.node)),
        *("--data-dir", f"{view.cluster.etcd.data_dir}/kbootstrap-restore"),
    )
    bumped = (*words, "--bump-revision", str(BUMP), "--mark-compacted")
    return ("etcdutl", *bumped), ("etcdutl", *words), ("etcdctl", *words)


def plan_start(view: View[Aside]) -> Iterator[Action]:
    """Move the manifests back."""
    facts, wanted = view.facts, view.local.snapshot.sha256
    if facts.aside or not facts.kubelet or facts.restored != wanted:
        yield Run(
            why="every member has its data",
            title=f"start {', '.join(STATIC_PODS)}",
            body=render("etcd/start.sh.j2", **_values(view.cluster, view.node)),
            risk=Risk.RESTART,
            effect={"aside": (), "kubelet": True, "restored": wanted},
        )


def plan_ready(view: View[Serving]) -> Iterator[Action]:
    """Wait for the node's API server, which needs etcd."""
    facts, wanted = view.facts, view.local.snapshot.sha256
    if facts.aside or not facts.ready or facts.restored != wanted:
        yield Run(
            why="it was restarted",
            title="wait until etcd and the API server are ready",
            body=render("etcd/ready.sh.j2", **_values(view.cluster, view.node)),
            waits=True,
            effect={"aside": (), "ready": True, "restored": wanted},
        )


STOP = Phase(
    id="etcd-stop",
    title="Stop the control plane",
    facts=Running,
    probe=probe_running,
    plan=plan_stop,
    check=check_running,
    on=stacked,
    recorded=False,
)

RESTORE = Phase(
    id="etcd-restore",
    title="Restore etcd",
    facts=Data,
    probe=probe_data,
    plan=plan_restore,
    on=stacked,
    waits=(("etcd-stop", Wait.CONTROL_PLANES),),
)

START = Phase(
    id="etcd-start",
    title="Start the control plane",
    facts=Aside,
    probe=probe_aside,
    plan=plan_start,
    on=stacked,
    waits=(("etcd-restore", Wait.CONTROL_PLANES),),
    recorded=False,
)

READY = Phase(
    id="etcd-ready",
    title="API ready",
    facts=Serving,
    probe=probe_serving,
    plan=plan_ready,
    on=stacked,
    waits=(("etcd-start", Wait.CONTROL_PLANES),),
    recorded=False,
)
