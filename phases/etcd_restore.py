"""All of etcd from one snapshot, on every control plane: stop, restore, start, wait.

The control plane's static pods are moved aside everywhere before any data is touched, and come
back when every member is restored: so no member ever meets one with other data. The old data
stays beside the new. What marks a member as restored is a file inside its data, put in place with
it by one rename; it holds the snapshot's sha256.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from kbootstrap import codes, node_paths
from kbootstrap.action import Action, Detached, PutSnapshot, Remove, Risk, Run
from kbootstrap.components import STATIC_PODS
from kbootstrap.engine.phase import Phase, View, Wait
from kbootstrap.errors import KbError, RefusedError
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.render import render
from phases.etcd_snapshot import stacked

RUN = "etcd-restore"
FOLDER = node_paths.ETCD_RESTORE
SNAPSHOT = f"{FOLDER}/snapshot.db"
MARK = "kbootstrap-restored"
BUMP = 1_000_000_000  # revisions nobody has seen: watchers must not find time going back
SECONDS = 20 * 60
READY_SECONDS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """Before: what templates/etcd/restore_probe.sh.j2 prints."""

    restored: str = ""  # sha256 of the snapshot that the data here was made from
    marker: str = ""  # the cluster's name, as we left it
    peer: str = ""  # the member's URL by etcd's own manifest
    running: tuple[str, ...] = ()  # static pods whose manifest is in place, or that still run


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """The data folder."""

    restored: str = ""
    run: str = "none"  # the detached run's own state
    placed: str = ""  # sha256 of the snapshot on this machine
    image: str = ""  # by etcd's own manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """After."""

    restored: str = ""
    aside: tuple[str, ...] = ()  # static pods whose manifest we hold
    kubelet: bool = False  # it runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """At the end."""

    restored: str = ""
    aside: tuple[str, ...] = ()
    ready: bool = False  # /readyz of this machine's API server


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
        "server": _server(cluster, node),
        "seconds": READY_SECONDS,
    }


def _server(cluster: Cluster, node: Node) -> str:
    return f"https://{_host(node)}:{cluster.api.bind_port}"


def _host(node: Node) -> str:
    address = node.advertise_address
    return f"[{address}]" if ":" in address else address


def peer_url(node: Node) -> str:
    """Where the node's member answers the others, as kubeadm writes it."""
    return f"https://{_host(node)}:2380"


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


def check_running(view: View[Running]) -> Iterator[KbError]:
    """Only a control plane of this cluster, whose member is where the inventory says."""
    facts, wanted = view.facts, peer_url(view.node)
    if facts.marker and facts.marker != view.cluster.name:
        words = f"the node belongs to cluster {facts.marker!r}"
        yield RefusedError(codes.FOREIGN_CLUSTER, words)
    elif facts.peer != wanted:
        found = facts.peer or "there is no etcd.yaml"
        yield RefusedError(codes.NOT_A_MEMBER, f"etcd should be {wanted} here: {found}")


def plan_stop(view: View[Running]) -> Iterator[Action]:
    """Move the manifests aside and wait until the pods are gone."""
    if view.facts.running and view.facts.restored != view.local.snapshot.sha256:
        yield Run(
            why="running: " + ", ".join(view.facts.running),
            title=f"stop {', '.join(STATIC_PODS)} (their manifests wait in {FOLDER}/manifests)",
            body=render("etcd/stop.sh.j2", **_values(view.cluster, view.node)),
            risk=Risk.DISRUPT,
            effect={"running": ()},
        )


def plan_restore(view: View[Data]) -> Iterator[Action]:
    """New data from the snapshot; the old data moves aside."""
    facts, snapshot = view.facts, view.local.snapshot
    if facts.restored == snapshot.sha256 and facts.run != "running":
        if facts.placed:
            yield Remove(why="it was used", path=SNAPSHOT, effect={"placed": ""})
        return
    if facts.placed != snapshot.sha256:
        yield PutSnapshot(
            why="etcd's tool reads it here",
            path=SNAPSHOT,
            source=snapshot.path,
            size=snapshot.size,
            sha256=snapshot.sha256,
            effect={"placed": snapshot.sha256},
        )
    yield Detached(
        why="it still runs" if facts.run == "running" else "the data is not from this snapshot",
        name=RUN,
        title=f"restore {view.cluster.etcd.data_dir} from the snapshot; the old data moves aside",
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
    """The restore as etcd's newest tool does it, and as older ones can."""
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
    """Bring the manifests back."""
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
    """Wait for this machine's API server, and so for etcd."""
    facts, wanted = view.facts, view.local.snapshot.sha256
    if facts.aside or not facts.ready or facts.restored != wanted:
        yield Run(
            why="it was started anew",
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
    noted=False,
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
    noted=False,
)

READY = Phase(
    id="etcd-ready",
    title="API ready",
    facts=Serving,
    probe=probe_serving,
    plan=plan_ready,
    on=stacked,
    waits=(("etcd-start", Wait.CONTROL_PLANES),),
    noted=False,
)
