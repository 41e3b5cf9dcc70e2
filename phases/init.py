"""Runs ``kubeadm init`` on the first control plane: once, detached, and resumed if interrupted.

A finished cluster is never initialised again; missing parts are repaired by other phases or
reported. An interrupted init is resumed by running it again, with the preflight errors of its own
leftovers ignored by name: kubeadm reuses existing certificates, kubeconfigs and etcd data.
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
from kbootstrap.engine.phase import Phase, View, fact, on_first
from kbootstrap.errors import Finding
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.etcd import prefix
from kbootstrap.model.observed import CONTROL_PLANE_LABEL, FOR_UPGRADE
from kbootstrap.model.versions import Version
from kbootstrap.render import render

RUN = "init"
UPGRADES = "upgrade-"  # prefix of the names of detached upgrades; the release follows
STORED = frozenset({"kubeadm-config", "kubelet-config"})  # ConfigMaps every join reads


# Files of a finished init; the first alone may be from an early phase of it.
LEFT = (
    "/etc/kubernetes/admin.conf",
    "/etc/kubernetes/kubelet.conf",
    "/etc/kubernetes/manifests/kube-apiserver.yaml",
)


class Standing(Enum):
    """The progress of this cluster's init."""

    FRESH = "the cluster does not exist yet"
    RUNNING = "it is still running on the node"
    INTERRUPTED = "the last kubeadm init did not finish"
    DONE = "the cluster is initialised"
    DAMAGED = "the cluster was initialised, but parts of it are missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What templates/kubeadm/progress_probe.sh.j2 prints.

    Attributes:
        run: state of the detached init: none, running, ok, failed or lost.
        here: existing ones of `LEFT`, and etcd's data.
        finalized: the kubelet uses a certificate that it rotates itself, which the last phase
            before the addons sets up.

    """

    run: str = "none"
    here: tuple[str, ...] = ()
    finalized: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts(Progress):
    """What the probe prints."""

    begun: bool = False  # /etc/kubernetes has files of an init
    restoring: bool = False  # the manifests are moved aside for an etcd restore, see `identity`
    # Target releases of running or interrupted upgrades.
    upgrading: tuple[str, ...] = fact(Version.parse)


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
    """The progress of init, from the API and the node's facts.

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
        return Standing.INTERRUPTED
    return Standing.DAMAGED


def _stored(view: View[Any]) -> bool:
    return view.api.reachable and view.api.config_maps >= STORED


def _complete(view: View[Any]) -> bool:
    """Whether all phases of init before the addons have finished, whatever its record is."""
    node = view.api.node(view.node.name)
    return view.facts.finalized and node is not None and CONTROL_PLANE_LABEL in dict(node.labels)


def _has_others(view: View[Any]) -> bool:
    """Whether nodes have joined, which is possible only after a complete init."""
    return any(node.name != view.node.name for node in view.api.nodes)


def plan(view: View[Facts]) -> Iterator[Action]:
    """Run init, or resume an interrupted one."""
    facts, now = view.facts, standing(view)
    if not holds(view) or now in {Standing.DONE, Standing.DAMAGED}:
        return
    resume = facts.begun and now is Standing.INTERRUPTED
    if now is Standing.FRESH:
        yield from _empty_etcd(view)
    title = "resume the interrupted kubeadm init" if resume else "kubeadm init"
    yield Detached(
        why=now.value if now is not Standing.INTERRUPTED else f"the last kubeadm init {facts.run}",
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
    """Also checked before any change, if the client certificate is available by then."""
    external = view.cluster.etcd.external
    if external is not None:
        yield CheckEtcdEmpty(
            why="kubeadm init would reuse another cluster's objects",
            prefix=prefix(view.cluster),
            endpoint=external.endpoints[0],
        )


def finished(view: View[Any]) -> Effects:
    """The API's state once init has finished."""
    addons = {"coredns"} if view.cluster.addons.dns else set()
    addons |= {"kube-proxy"} if view.cluster.addons.kube_proxy else set()
    return {
        "reachable": True,
        "config_maps": view.api.config_maps | STORED | addons,
        "workloads": view.api.workloads | addons,
    }


def holds(view: View[Any]) -> bool:
    """Whether this node runs init; if not, another control plane has the cluster."""
    return view.control_plane in {"", view.node.name}


def _deadline(cluster: Cluster) -> int:
    waits = cluster.kubeadm.timeouts
    return waits.control_plane + waits.kubelet + 4 * waits.api_call + 900


def _own_leftovers(cluster: Cluster) -> tuple[str, ...]:
    """The preflight errors that files of an interrupted init cause (preflight/checks.go)."""
    pods = (*CONTROL_PLANE, ETCD)
    names = [f"FileAvailable--etc-kubernetes-manifests-{pod}.yaml" for pod in pods]
    ports = (cluster.api.bind_port, 10250, 10257, 10259, 2379, 2380)
    names += [f"Port-{port}" for port in ports]
    return (*names, "DirAvailable-" + cluster.etcd.data_dir.replace("/", "-"))


def same_version(view: View[Any]) -> Iterator[Finding]:
    """Refuse to mix versions in ``up`` and ``join``, which kubeadm join does not check.

    Nor does either replace the kubelet of a running node, which is done by an upgrade.
    """
    wanted = str(view.cluster.version)
    running = view.api.kubeadm_config.data.get("kubernetesVersion", "")
    if running and running != wanted:
        yield Finding(
            OTHER_VERSION,
            f"the cluster runs {running}, the inventory has {wanted}",
            detail=f"set kubernetes.version to {running}"
            f" or, to change the cluster, run: kbootstrap upgrade --to {wanted}",
        )
        return
    members = {view.node.name, *(node.name for node in view.cluster.control_planes)}
    for node in view.api.nodes:
        if node.name not in members:
            continue
        if node.kubelet_version not in {"", wanted}:
            yield Finding(
                OTHER_VERSION,
                f"an upgrade to {wanted} is not finished: the kubelet of {node.name} is"
                f" {node.kubelet_version}",
                detail=f"run: kbootstrap upgrade --to {wanted}",
            )
            return
        if FOR_UPGRADE in {node.cordoned_by, node.drained_by}:
            yield Finding(
                OTHER_VERSION,
                f"an upgrade is not finished: {node.name} is cordoned for it",
                detail="run the same kbootstrap upgrade --to again",
            )
            return


def check(view: View[Facts]) -> Iterator[Finding]:
    """Refuse a damaged cluster, and mixed versions.

    Versions are checked also before kubeadm upgrade has stored the new one.
    """
    if holds(view) and standing(view) is Standing.DAMAGED and not view.facts.restoring:
        yield _damaged(view)
    for release in view.facts.upgrading:
        if Version.parse(release) > view.cluster.version:
            yield Finding(
                OTHER_VERSION,
                f"an upgrade to {release} was started and is not finished",
                detail=f"run: kbootstrap upgrade --to {release}",
            )
            return
    yield from same_version(view)


def _damaged(view: View[Facts]) -> Finding:
    """The error with what is missing, and the phase of kubeadm init that recreates it."""
    found = ", ".join(view.facts.here) or "its record of kubeadm init"
    if view.api.reachable:
        lacks = sorted(STORED - view.api.config_maps)
        missing = f"missing in kube-system: ConfigMap {', '.join(lacks)}" if lacks else found
        what = f"upload-config {lacks[0].removesuffix('-config') if len(lacks) == 1 else 'all'}"
    else:
        gone = ", ".join(path for path in LEFT if path not in view.facts.here)
        missing = f"missing: {gone}" if gone else "its API server does not answer"
        what = "kubeconfig all, or control-plane all"
    return Finding(
        codes.DAMAGED,
        f"this cluster is already initialised; {missing}",
        detail=f"found: {found}\nto recreate it, run on {view.node.name}:"
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
