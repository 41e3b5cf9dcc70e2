"""Restores a static pod manifest that an interrupted upgrade lost.

``kubeadm upgrade`` moves the old manifest to a backup directory, then the new one to its place
(cmd/kubeadm/app/phases/upgrade/staticpods.go). A node that died between the two has neither, and
kubeadm would treat it as a worker. The old manifest is restored before any step needs the API.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from kbootstrap import codes
from kbootstrap.action import Action, Risk, Run
from kbootstrap.components import CONTROL_PLANE
from kbootstrap.engine.phase import Phase, View, fact, like
from kbootstrap.errors import Finding
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.render import render


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What templates/upgrade/repair_probe.sh.j2 prints.

    Attributes:
        underway: a kubeadm upgrade is running; it writes what is missing.
        missing: "copy name" of each missing manifest that has a backup.
        lost: names of missing manifests without a backup.

    """

    underway: bool = False
    missing: tuple[str, ...] = fact(like(r"/.+/.+ \S+"))
    lost: tuple[str, ...] = ()


def on_control_planes(cluster: Cluster, node: Node) -> bool:
    """Control planes, which have static pods."""
    del cluster
    return node.is_control_plane


def probe(cluster: Cluster, node: Node) -> str:
    """Read-only."""
    del node
    etcd = () if cluster.etcd.external else ("etcd",)
    return render("upgrade/repair_probe.sh.j2", manifests=(*etcd, *CONTROL_PLANE))


def plan(view: View[Facts]) -> Iterator[Action]:
    """Restore kubeadm's backups, unless kubeadm is still running."""
    facts = view.facts
    if facts.underway or not facts.missing:
        return
    copies = [(line.rpartition(" ")[2], line.rpartition(" ")[0]) for line in facts.missing]
    yield Run(
        why="an upgrade was interrupted between two moves of a manifest",
        title="restore from kubeadm's backups: "
        + ", ".join(f"{name}.yaml ({copy.split('/')[-2]})" for name, copy in copies),
        covers=tuple(f"restore {name}.yaml" for name, _ in copies),
        body=render(
            "upgrade/repair.sh.j2", copies=copies, serving=serving(view.cluster, view.node)
        ),
        risk=Risk.RESTART,
        effect={"missing": ()},
    )


def serving(cluster: Cluster, node: Node) -> str:
    """Shell that waits until the API server of this node is ready."""
    return render("upgrade/serving.sh.j2", server=cluster.server_url(node))


def check(view: View[Facts]) -> Iterator[Finding]:
    """Refuse if a manifest is missing and has no backup."""
    facts = view.facts
    if facts.lost and not facts.underway:
        yield Finding(codes.MANIFEST_LOST, f"missing: {', '.join(facts.lost)}")


PHASE = Phase(
    id="upgrade-repair",
    title="Manifests restored",
    facts=Facts,
    probe=probe,
    plan=plan,
    check=check,
    on=on_control_planes,
)
