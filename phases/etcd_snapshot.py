"""A snapshot of etcd on a control plane, taken once for each purpose, and a copy of it here.

etcd itself writes the snapshot into its data folder; it is checked there (etcd's own tool, its
revision, the sha256 at its end) and moved to `FOLDER`. The label says what it is for: a run that
was cut short finds the snapshot of that label and takes none twice, unless it is too old.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from kbootstrap import codes
from kbootstrap.action import Action, Detached, FetchFile, StoreSnapshot
from kbootstrap.engine.phase import Phase, View
from kbootstrap.errors import KbError, PhaseError
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.node_paths import STATE_DIR
from kbootstrap.render import render

FOLDER = f"{STATE_DIR}/snapshots"
RUN = "etcd-snapshot"
KEEP = 3  # the newest ones stay on the machine
FRESH = 6 * 60 * 60  # seconds after which a snapshot is too old for what it was taken for
SECONDS = 30 * 60

On = Callable[[Cluster, Node], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What templates/etcd/snapshot_probe.sh.j2 prints of the snapshot of one label."""

    run: str = "none"  # the detached run's own state
    serves: bool = False  # a member answers clients on this machine
    taken: int = 0  # seconds since 1970; 0 when there is none that is whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Likewise, for who copies it."""

    sha256: str = ""


def check_take(view: View[Facts]) -> Iterator[KbError]:
    """Only an etcd that serves can be asked."""
    if not view.facts.serves and view.facts.run != "running":
        yield PhaseError(codes.ETCD_DOWN, "nobody answers on port 2379")


def stacked(cluster: Cluster, node: Node) -> bool:
    """Run where a member of the cluster's own etcd is."""
    return node.is_control_plane and cluster.etcd.external is None


def file_of(label: str) -> str:
    """Where the snapshot of a label is, on the machine."""
    return f"{FOLDER}/{label}.db"


def plan_take(view: View[Facts], label: str) -> Iterator[Action]:
    """A snapshot, if there is no fresh one of this label."""
    facts = view.facts
    if facts.taken and view.now - facts.taken <= FRESH and facts.run != "running":
        return
    yield Detached(
        why="it is being taken" if facts.run == "running" else "there is no fresh one",
        name=RUN,
        title=f"take a snapshot of etcd, check it and keep it as {file_of(label)}",
        body=render(
            "etcd/snapshot.sh.j2",
            socket=view.cluster.runtime.socket,
            data_dir=view.cluster.etcd.data_dir,
            folder=FOLDER,
            label=label,
            keep=KEEP,
        ),
        seconds=SECONDS,
        attach=facts.run == "running",
        effect={"taken": view.now, "run": "ok"},
    )


def plan_copy(view: View[Kept], label: str) -> Iterator[Action]:
    """The same bytes here."""
    here = view.local.snapshot
    if here.sha256 and here.sha256 == view.facts.sha256:
        return
    part = f"{here.path}.part"
    yield FetchFile(why="the copy is to outlive the machine", path=file_of(label), into=part)
    yield StoreSnapshot(why="only a whole snapshot is worth its name", path=here.path)


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
    """The phase that copies it here."""

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
        noted=False,
    )
