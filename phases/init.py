"""``kubeadm init`` on the first control plane: once, detached, and finished if cut short.

A cluster that is finished is never initialised again: what is missing there is repaired by a
phase of its own, or named. An init that was cut short is finished by running it again with
the errors of its own leftovers ignored by name: kubeadm reuses certificates, kubeconfigs and
etcd data it finds, so nothing is removed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from kbootstrap import codes, kubeadm, node_paths
from kbootstrap.action import Action, CheckEtcdEmpty, Detached, Effects
from kbootstrap.codes import OTHER_VERSION
from kbootstrap.components import CONTROL_PLANE, ETCD, STATIC_PODS
from kbootstrap.engine.leftovers import Leftovers
from kbootstrap.engine.phase import Phase, View, on_first
from kbootstrap.errors import KbError, RefusedError
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.etcd import prefix
from kbootstrap.model.observed import CONTROL_PLANE_LABEL, FOR_UPGRADE
from kbootstrap.model.versions import Version
from kbootstrap.render import render

RUN = "init"
UPGRADES = "upgrade-"  # begins the names of detached upgrades; the release follows
STORED = frozenset({"kubeadm-config", "kubelet-config"})  # ConfigMaps every join reads


# What a finished init leaves; the first alone may also be the work of an early phase.
LEFT = (
    "/etc/kubernetes/admin.conf",
    "/etc/kubernetes/kubelet.conf",
    "/etc/kubernetes/manifests/kube-apiserver.yaml",
)


class Standing(Enum):
    """How far the init of this cluster has come."""

    FRESH = "there is no cluster yet"
    RUNNING = "it still runs on the node"
    CUT_SHORT = "the last kubeadm init did not come to its end"
    DONE = "the cluster is initialised"
    DAMAGED = "the cluster was initialised, but something of it is missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What templates/kubeadm/progress_probe.sh.j2 prints.

    Attributes:
        run: none, running, ok, failed or lost: the detached init's own state.
        here: those of `LEFT` that are on the node, and etcd's data.
        finalized: the kubelet uses a certificate that it renews itself, which only the last
            phase before the addons sees to.

    """

    run: str = "none"
    here: tuple[str, ...] = ()
    finalized: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts(Progress):
    """What the probe prints."""

    begun: bool = False  # /etc/kubernetes holds something of an init
    restoring: bool = False  # a restore of etcd holds the manifests, which `identity` reports
    upgrading: tuple[str, ...] = ()  # releases to which a kubeadm upgrade runs, or was cut short


def progress(cluster: Cluster, node: Node) -> str:
    """Read-only; prints `Progress`."""
    del node
    member = f"{cluster.etcd.data_dir}/member"
    return render("kubeadm/progress_probe.sh.j2", run=RUN, paths=(*LEFT, member))


def probe(cluster: Cluster, node: Node) -> str:
    """Read-only."""
    return progress(cluster, node) + render(
        "kubeadm/init_probe.sh.j2", upgrades=UPGRADES, restore=node_paths.ETCD_RESTORE
    )


def standing(view: View[Any]) -> Standing:
    """How far init has come, by what the API shows and what is on the node.

    Args:
        view: of a phase whose facts are a `Progress`.

    """
    facts: Progress = view.facts
    if facts.run == "running":
        return Standing.RUNNING
    if _stored(view) and (facts.run in {"ok", "none"} or _complete(view)):
        return Standing.DONE
    if facts.run == "none" and not set(facts.here) - {LEFT[0]}:
        return Standing.FRESH
    if facts.run in {"failed", "lost"} and not _has_others(view):
        return Standing.CUT_SHORT
    return Standing.DAMAGED


def _stored(view: View[Any]) -> bool:
    return view.api.reachable and view.api.config_maps >= STORED


def _complete(view: View[Any]) -> bool:
    """Whether all phases of init before the addons have ended, whatever its record says."""
    node = view.api.node(view.node.name)
    return view.facts.finalized and node is not None and CONTROL_PLANE_LABEL in dict(node.labels)


def _has_others(view: View[Any]) -> bool:
    """Whether nodes have joined, which is possible only after a whole init."""
    return any(node.name != view.node.name for node in view.api.nodes)


def plan(view: View[Facts]) -> Iterator[Action]:
    """Run init, or finish one that was begun."""
    facts, now = view.facts, standing(view)
    if not holds(view) or now in {Standing.DONE, Standing.DAMAGED}:
        return
    resume = facts.begun and now is Standing.CUT_SHORT
    if now is Standing.FRESH:
        yield from _empty_etcd(view)
    title = "finish the kubeadm init that was cut short" if resume else "kubeadm init"
    yield Detached(
        why=now.value if now is not Standing.CUT_SHORT else f"the last kubeadm init {facts.run}",
        name=RUN,
        title=f"{title} ({view.cluster.version}, endpoint {view.cluster.api.endpoint})",
        body=render(
            "kubeadm/init.sh.j2",
            pods=STATIC_PODS,
            config=kubeadm.CONFIG,
            ignore=_own_leftovers(view.cluster) if resume else (),
        ),
        seconds=_deadline(view.cluster),
        attach=now is Standing.RUNNING,
        effect={"run": "ok", "begun": True, "api": finished(view)},
    )


def _empty_etcd(view: View[Facts]) -> Iterator[Action]:
    """Also looked at before anything changes, if the certificate for it is there by then."""
    external = view.cluster.etcd.external
    if external is not None:
        yield CheckEtcdEmpty(
            why="kubeadm init would take another cluster's objects over",
            prefix=prefix(view.cluster),
            endpoint=external.endpoints[0],
        )


def finished(view: View[Any]) -> Effects:
    """What the API shows once init has ended."""
    addons = {"coredns"} if view.cluster.addons.dns else set()
    addons |= {"kube-proxy"} if view.cluster.addons.kube_proxy else set()
    return {
        "reachable": True,
        "config_maps": view.api.config_maps | STORED | addons,
        "workloads": view.api.workloads | addons,
    }


def holds(view: View[Any]) -> bool:
    """Or else another control plane holds the cluster, and this one joins it."""
    return view.control_plane in {"", view.node.name}


def _deadline(cluster: Cluster) -> int:
    waits = cluster.kubeadm.timeouts
    return waits.control_plane + waits.kubelet + 4 * waits.api_call + 900


def _own_leftovers(cluster: Cluster) -> tuple[str, ...]:
    """The preflight errors an interrupted init of our own causes (contract, section 4.2)."""
    pods = (*CONTROL_PLANE, ETCD)
    names = [f"FileAvailable--etc-kubernetes-manifests-{pod}.yaml" for pod in pods]
    ports = (cluster.api.bind_port, 10250, 10257, 10259, 2379, 2380)
    names += [f"Port-{port}" for port in ports]
    return (*names, "DirAvailable-" + cluster.etcd.data_dir.replace("/", "-"))


def same_version(view: View[Any]) -> Iterator[KbError]:
    """Neither ``up`` nor ``join`` mixes versions: kubeadm join would not notice (section 11.23).

    Nor does either place another kubelet under a running node: that is an upgrade's to do.
    """
    wanted = str(view.cluster.version)
    running = view.api.kubeadm_config.data.get("kubernetesVersion", "")
    if running and running != wanted:
        yield RefusedError(
            OTHER_VERSION,
            f"the cluster runs {running}, the inventory says {wanted}",
            detail=f"set kubernetes.version to {running}"
            f" or, to change the cluster, run: kbootstrap upgrade --to {wanted}",
        )
        return
    members = {view.node.name, *(node.name for node in view.cluster.control_planes)}
    for node in view.api.nodes:
        if node.name not in members:
            continue
        if node.kubelet_version not in {"", wanted}:
            yield RefusedError(
                OTHER_VERSION,
                f"an upgrade to {wanted} is half done: the kubelet of {node.name} is"
                f" {node.kubelet_version}",
                detail=f"run: kbootstrap upgrade --to {wanted}",
            )
            return
        if FOR_UPGRADE in {node.cordoned_by, node.drained_by}:
            yield RefusedError(
                OTHER_VERSION,
                f"an upgrade has not ended: {node.name} is out of service for it",
                detail="run the same kbootstrap upgrade --to again",
            )
            return


def check(view: View[Facts]) -> Iterator[KbError]:
    """Nothing is initialised twice, and no version is mixed.

    A version also before kubeadm upgrade has stored it, and where no node is drained.
    """
    if holds(view) and standing(view) is Standing.DAMAGED and not view.facts.restoring:
        yield _damaged(view)
    for release in view.facts.upgrading:
        if Version.parse(release) > view.cluster.version:
            yield RefusedError(
                OTHER_VERSION,
                f"an upgrade to {release} was begun and has not ended",
                detail=f"run: kbootstrap upgrade --to {release}",
            )
            return
    yield from same_version(view)


def _damaged(view: View[Facts]) -> KbError:
    """What is missing, and the part of kubeadm init that makes it."""
    found = ", ".join(view.facts.here) or "its record of kubeadm init"
    if view.api.reachable:
        lacks = sorted(STORED - view.api.config_maps)
        words = f"missing in kube-system: ConfigMap {', '.join(lacks)}" if lacks else found
        what = f"upload-config {lacks[0].removesuffix('-config') if len(lacks) == 1 else 'all'}"
    else:
        gone = ", ".join(path for path in LEFT if path not in view.facts.here)
        words = f"missing: {gone}" if gone else "its API server does not answer"
        what = "kubeconfig all, or control-plane all"
    return RefusedError(
        codes.DAMAGED,
        f"this cluster was initialised before; {words}",
        detail=f"found here: {found}\nkubeadm makes it again, on {view.node.name}:"
        f" kubeadm init phase {what} --config {kubeadm.CONFIG}",
    )


def leaves(cluster: Cluster, node: Node) -> Leftovers:
    """What kubeadm init or join makes; etcd's data where kubeadm runs a member."""
    stacked = node.is_control_plane and cluster.etcd.external is None
    return Leftovers(emptied=("/etc/kubernetes", *((cluster.etcd.data_dir,) if stacked else ())))


PHASE = Phase(
    id="init",
    title="First control plane",
    facts=Facts,
    probe=probe,
    plan=plan,
    check=check,
    leaves=leaves,
    on=on_first,
    api=True,
    shared=True,
)
