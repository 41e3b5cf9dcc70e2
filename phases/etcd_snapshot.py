"""Takes a snapshot of etcd on a control plane, and copies it to the workstation.

etcd writes the snapshot into its data directory; it is checked there (etcdutl, its revision, the
sha256 at its end) and moved to `FOLDER`. The label is the purpose: a resumed run uses the
snapshot of its label, unless it is too old.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from kbootstrap import codes
from kbootstrap.action import Action, Detached, FetchFile, StoreSnapshot
from kbootstrap.engine.phase import Phase, View
from kbootstrap.errors import Finding
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.node_paths import STATE_DIR
from kbootstrap.render import render

FOLDER = f"{STATE_DIR}/snapshots"
RUN = "etcd-snapshot"
KEEP = 3  # the newest snapshots are retained on the node
FRESH = 6 * 60 * 60  # seconds after which a snapshot is taken again
SECONDS = 30 * 60

On = Callable[[Cluster, Node], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What templates/etcd/snapshot_probe.sh.j2 prints of the snapshot of one label."""

    run: str = "none"  # the state of the detached run
    serves: bool = False  # a member answers clients on the node
    taken: int = 0  # seconds since 1970; 0 if there is no complete one


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The facts for the copy."""

    sha256: str = ""


def check_take(view: View[Facts]) -> Iterator[Finding]:
    """Refuse if etcd does not answer."""
    if not view.facts.serves and view.facts.run != "running":
        yield Finding(codes.ETCD_DOWN, "etcd does not answer on port 2379")


def stacked(cluster: Cluster, node: Node) -> bool:
    """Whether the node has a member of the cluster's own etcd."""
    return node.is_control_plane and cluster.etcd.external is None


def file_of(label: str) -> str:
    """The path of a label's snapshot on the node."""
    return f"{FOLDER}/{label}.db"


def plan_take(view: View[Facts], label: str) -> Iterator[Action]:
    """Take a snapshot if there is no recent one of this label."""
    running = view.facts.run == "running"
    if running or not recent(view.facts.taken, view.now):
        why = "it is being taken" if running else "there is no recent one"
        effect = {"taken": view.now, "run": "ok"}
        yield replace(action(view.cluster, label, why), attach=running, effect=effect)


def recent(taken: int, now: int) -> bool:
    """Whether a snapshot of that time is used again."""
    return bool(taken) and now - taken <= FRESH


def action(cluster: Cluster, label: str, why: str) -> Detached:
    """Takes a snapshot on the node; it has no effect yet."""
    return Detached(
        why=why,
        name=RUN,
        title=f"take a snapshot of etcd, check it and store it as {file_of(label)}",
        body=render(
            "etcd/snapshot.sh.j2",
            socket=cluster.runtime.socket,
            data_dir=cluster.etcd.data_dir,
            folder=FOLDER,
            label=label,
            keep=KEEP,
        ),
        seconds=SECONDS,
    )


def plan_copy(view: View[Kept], label: str) -> Iterator[Action]:
    """Download the snapshot."""
    here = view.local.snapshot
    if here.sha256 and here.sha256 == view.facts.sha256:
        return
    part = f"{here.path}.part"
    yield FetchFile(why="the copy must outlive the node", path=file_of(label), into=part)
    yield StoreSnapshot(why="only a complete snapshot gets its name", path=here.path)


def take(label: str, on: On = stacked) -> Phase[Facts]:
    """The phase that takes a snapshot for a purpose."""

    def probe(cluster: Cluster, node: Node) -> str:
        del cluster, node
        return render("etcd/snapshot_probe.sh.j2", file=file_of(label), run=RUN)

    return Phase(
        id="etcd-snapshot",
        title="Snapshot of etcd",
        facts=Facts,
        probe=probe,
        plan=lambda view: plan_take(view, label),
        check=check_take,
        on=on,
    )


def copy(label: str, on: On = stacked) -> Phase[Kept]:
    """The phase that downloads it."""

    def probe(cluster: Cluster, node: Node) -> str:
        del cluster, node
        return render("etcd/snapshot_probe.sh.j2", file=file_of(label), run="")

    return Phase(
        id="etcd-copy",
        title="Copy of the snapshot",
        facts=Kept,
        probe=probe,
        plan=lambda view: plan_copy(view, label),
        on=on,
        recorded=False,
    )
