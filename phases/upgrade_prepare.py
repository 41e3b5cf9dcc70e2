"""Everything an upgrade can do before the first node changes.

On control planes /etc/kubernetes is backed up. On every node the new binaries are staged beside
the old ones and their versions are checked; kubeadm, which no other process runs, is installed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from kbootstrap import codes, node_paths
from kbootstrap.action import Action, Run
from kbootstrap.artifacts import source_of
from kbootstrap.engine import file_diff
from kbootstrap.engine.phase import Phase, View
from kbootstrap.errors import Finding
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.render import render
from phases import images

SPARE_KIB = 512 * 1024  # the staged binaries, and some reserve


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the probe prints.

    Attributes:
        have: "identity place" of each artifact on the node, staged ones among them.
        kubeadm: version of the installed one.
        serves: version of the API server's manifest; control planes only.
        backup: there is a backup of /etc/kubernetes for `serves`.
        free_kib: free space in /var/lib.
        etcd_kib: size of etcd's data; only on control planes with local etcd.
        etc_free_kib: free space in /etc/kubernetes, where kubeadm copies etcd's data to.

    """

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
    return source_of(cluster).probe_staged() + render(
        "upgrade/prepare_probe.sh.j2",
        backup=node_paths.MANIFESTS_BACKUP,
        control_plane=node.is_control_plane,
        etcd_dir=cluster.etcd.data_dir if stacked else "",
    )


def plan(view: View[Facts]) -> Iterator[Action]:
    """Back up /etc/kubernetes, stage the new binaries, check their versions, install kubeadm."""
    facts, version, source = view.facts, str(view.cluster.version), source_of(view.cluster)
    if facts.serves not in {"", version} and not facts.backup:
        target = f"{node_paths.MANIFESTS_BACKUP}/{facts.serves}"
        yield Run(
            why="for a manual rollback",
            title=f"back up /etc/kubernetes to {target}",
            body=render("upgrade/backup.sh.j2", target=target),
            effect={"backup": True},
        )
    have = facts.have
    wanted = [
        (artifact.identity, source.stage(artifact, facts.have), artifact)
        for artifact in view.inputs.programs.get(view.host.arch, ())
    ]
    for artifact, then in file_diff.missing(have, wanted):
        have = then
        yield source.install(artifact, source.stage(artifact, facts.have), have)
    activated = source.kubeadm_activated(have)
    if facts.kubeadm != version or activated != have:
        yield Run(
            why="each release needs its own kubeadm",
            title=f"check that the new binaries are {version}, and install kubeadm",
            body=source.activate_kubeadm(),
            effect={"kubeadm": version, "have": activated},
        )


def check(view: View[Facts]) -> Iterator[Finding]:
    """Refuse if there is not enough disk space."""
    facts = view.facts
    needed = 2 * facts.etcd_kib + SPARE_KIB
    if facts.free_kib < needed:
        yield Finding(
            codes.DISK_FULL,
            f"/var/lib has {facts.free_kib // 1024} MiB free, {needed // 1024} are required"
            " for the new binaries and copies of etcd's data",
        )
    if facts.etc_free_kib < facts.etcd_kib:
        yield Finding(
            codes.DISK_FULL,
            f"/etc/kubernetes has {facts.etc_free_kib // 1024} MiB free,"
            f" {facts.etcd_kib // 1024 + 1} are required for kubeadm's copy of etcd's data",
        )


def probe_images(cluster: Cluster, node: Node) -> str:
    """Read-only; a node with the new kubelet needs no images."""
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
