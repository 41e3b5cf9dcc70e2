"""Everything an upgrade can do before the first node changes.

On control planes /etc/kubernetes is copied; on every node the new programs are placed
beside the old ones and asked for their version, and kubeadm, which runs only when it is
called, goes to its place.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from kbootstrap import codes, node_paths
from kbootstrap.action import Action, Run
from kbootstrap.components import BINARIES
from kbootstrap.engine import file_diff
from kbootstrap.engine.phase import Phase, Program, View
from kbootstrap.errors import KbError, PhaseError
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.render import render
from phases import images, programs

STAGE = f"{node_paths.STATE_DIR}/upgrade"
SPARE_KIB = 512 * 1024  # the staged programs, and some air


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the probe prints.

    Attributes:
        arch: ``amd64`` or ``arm64``.
        have: "sha256 path" of each program in its place, and beside it.
        kubeadm: version of the one in its place.
        serves: version of the API server's manifest; control planes only.
        backup: /etc/kubernetes as it was for `serves` is kept already.
        free_kib: in /var/lib.
        etcd_kib: etcd's data; control planes with an etcd of their own only.
        etc_free_kib: in /etc/kubernetes, where kubeadm copies etcd's data; likewise.

    """

    arch: str = ""
    have: tuple[str, ...] = ()
    kubeadm: str = ""
    serves: str = ""
    backup: bool = False
    free_kib: int = 0
    etcd_kib: int = 0
    etc_free_kib: int = 0


def probe(cluster: Cluster, node: Node) -> str:
    """Read-only."""
    stacked = cluster.etcd.external is None
    found = render(
        "programs/probe.sh.j2",
        record=node_paths.BINARY_SUMS,
        folders=(cluster.programs.bin_dir, node_paths.CNI_BINARY_DIR, STAGE),
        names=(*BINARIES, "crictl"),
        preinstalled=False,
    )
    return found + render(
        "upgrade/prepare_probe.sh.j2",
        backup=node_paths.MANIFESTS_BACKUP,
        control_plane=node.is_control_plane,
        etcd_dir=cluster.etcd.data_dir if stacked else "",
    )


def plan(view: View[Facts]) -> Iterator[Action]:
    """Copy, place beside, ask, and put kubeadm in its place."""
    facts, version = view.facts, str(view.cluster.version)
    if facts.serves not in {"", version} and not facts.backup:
        target = f"{node_paths.MANIFESTS_BACKUP}/{facts.serves}"
        yield Run(
            why="to go back to by hand",
            title=f"copy /etc/kubernetes to {target}",
            body=render("upgrade/backup.sh.j2", target=target),
            effect={"backup": True},
        )
    have = facts.have
    wanted = [
        (program.sha256, _place(view, program), program)
        for program in view.bits.programs.get(facts.arch, ())
    ]
    for program, placed in file_diff.missing(have, wanted):
        have = placed
        yield programs.place(program, _place(view, program), have)
    beside = next((h for h in have if h.endswith(f" {STAGE}/kubeadm")), "")
    if facts.kubeadm != version or beside:
        yield _kubeadm(view, have, beside)


def _kubeadm(view: View[Facts], have: tuple[str, ...], beside: str) -> Action:
    version, folder = str(view.cluster.version), view.cluster.programs.bin_dir
    place = into_place(view.cluster, "kubeadm")
    if beside:
        path = f"{folder}/kubeadm"
        kept = (h for h in have if h != beside and not h.endswith(f" {path}"))
        have = (*kept, f"{beside.partition(' ')[0]} {path}")
    return Run(
        why="kubeadm makes each release's own files",
        title=f"ask the programs whether they are {version}, and place kubeadm",
        body=render("upgrade/kubeadm.sh.j2", version=version, stage=STAGE, place=place),
        effect={"kubeadm": version, "have": have},
    )


def into_place(cluster: Cluster, *names: str) -> str:
    """Shell that moves programs from beside to where they run from."""
    return render(
        "upgrade/place.sh.j2",
        stage=STAGE,
        bin_dir=cluster.programs.bin_dir,
        names=names,
        record=node_paths.BINARY_SUMS,
    )


def _place(view: View[Facts], program: Program) -> str:
    """Where a program goes now; one that is in its place stays there."""
    path = programs.target(view.cluster, program)
    if program.cni or program.name not in BINARIES or f"{program.sha256} {path}" in view.facts.have:
        return path
    return f"{STAGE}/{program.name}"


def check(view: View[Facts]) -> Iterator[KbError]:
    """There is room for it all."""
    facts = view.facts
    needed = 2 * facts.etcd_kib + SPARE_KIB
    if facts.free_kib < needed:
        yield PhaseError(
            codes.DISK_FULL,
            f"/var/lib has {facts.free_kib // 1024} MiB free, {needed // 1024} are needed"
            " for the new programs and copies of etcd's data",
        )
    if facts.etc_free_kib < facts.etcd_kib:
        yield PhaseError(
            codes.DISK_FULL,
            f"/etc/kubernetes has {facts.etc_free_kib // 1024} MiB free,"
            f" {facts.etcd_kib // 1024 + 1} are needed for kubeadm's copy of etcd's data",
        )


def probe_images(cluster: Cluster, node: Node) -> str:
    """Read-only; a node whose kubelet is the new one already has what it runs."""
    return images.probe(cluster, node, beyond=str(cluster.version))


PHASE = Phase(
    id="upgrade-prepare",
    title="Preparation of the upgrade",
    facts=Facts,
    probe=probe,
    plan=plan,
    check=check,
)

IMAGES = replace(images.PHASE, id="upgrade-images", probe=probe_images)
