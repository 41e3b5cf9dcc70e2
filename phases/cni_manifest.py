"""A pod network from manifests: applies what is missing, then waits for the rollout."""

from collections.abc import Iterator

from kbootstrap.action import Action, ApplyManifest, AwaitRollout
from kbootstrap.engine.leftovers import Leftovers
from kbootstrap.engine.phase import NoFacts, Phase, View
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.document import Document
from kbootstrap.model.observed import manifest_ref
from kbootstrap.node_paths import CNI_CONFIG_DIR

WORKLOADS = ("DaemonSet", "Deployment", "StatefulSet")
_HEX = "[0-9a-f]" * 5  # lxcbr0, for one, is not Cilium's


def plan(view: View[NoFacts]) -> Iterator[Action]:
    """Apply each object that is missing or differs."""
    applied, up = view.api.applied, view.api.rolled_out
    for source, manifest in view.inputs.manifests:
        ref = manifest_ref(manifest)
        if ref in applied:
            continue
        applied = applied | {ref}
        up = up - {_workload(manifest)}
        yield ApplyManifest(
            why="missing, or another version of it",
            manifest=manifest,
            source=source,
            effect={"api": {"applied": applied, "rolled_out": up}},
        )
    workloads = tuple(w for _, manifest in view.inputs.manifests if (w := _workload(manifest)))
    if not set(workloads) <= up:
        yield AwaitRollout(
            why="nodes are Ready only with a pod network",
            workloads=workloads,
            nodes=len(view.cluster.nodes),
            effect={"api": {"rolled_out": frozenset(workloads)}},
        )


def _workload(manifest: Document) -> tuple[str, str, str] | None:
    data = manifest.data
    if data.get("kind") not in WORKLOADS:
        return None
    meta = data["metadata"]
    return data["kind"], meta.get("namespace", "default"), meta["name"]


def _wanted(cluster: Cluster, node: Node) -> bool:
    return node == cluster.first and cluster.cni.type == "manifest"


def leaves(cluster: Cluster, node: Node) -> Leftovers:
    """What flannel, Calico and Cilium make on a node; other pod networks are not known."""
    del cluster, node
    calico = ("vxlan.calico", "vxlan-v6.calico", f"cali{_HEX}*")
    return Leftovers(
        links=("flannel.*", "flannel-*", *calico, "cilium_*", f"lxc{_HEX}*"),
        chains=("FLANNEL-", "CILIUM_", "cali-"),
        ipsets=("cali",),
        directories=(CNI_CONFIG_DIR, "/etc/cni", "/var/lib/cni"),
    )


PHASE = Phase(
    id="cni-manifest",
    title="Pod network",
    facts=NoFacts,
    plan=plan,
    leaves=leaves,
    on=_wanted,
    api=True,
    manifests=True,
)
