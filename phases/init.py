"""``kubeadm init`` on the first control plane: once, detached, and finished if cut short.

Done means that the API shows what init's last phases leave. An init that died half-way is
finished by running it again with the errors of its own leftovers ignored by name: kubeadm
reuses certificates, kubeconfigs and etcd data it finds (contract, section 5.1), so nothing
is removed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kbootstrap import kubeadm
from kbootstrap.action import Action, Detached, Effects
from kbootstrap.codes_upgrade import OTHER_VERSION
from kbootstrap.engine.phase import Phase, View, on_first
from kbootstrap.errors import KbError, RefusedError
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.observed import FOR_UPGRADE
from kbootstrap.model.versions import Version
from kbootstrap.render import render

RUN = "init"
UPGRADES = "upgrade-"  # begins the names of detached upgrades; the release follows


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the probe prints."""

    run: str = "none"  # none, running, ok, failed or lost: the detached init's own state
    begun: bool = False  # /etc/kubernetes holds something of an init
    upgrading: tuple[str, ...] = ()  # releases to which a kubeadm upgrade runs, or was cut short


def probe(cluster: Cluster, node: Node) -> str:
    """Read-only."""
    del cluster, node
    return render("kubeadm/init_probe.sh.j2", run=RUN, upgrades=UPGRADES)


def _left(cluster: Cluster) -> frozenset[str]:
    """The ConfigMaps init's last phases make."""
    names = {"kubeadm-config", "kubelet-config"}
    if cluster.addons.dns:
        names.add("coredns")
    if cluster.addons.kube_proxy:
        names.add("kube-proxy")
    return frozenset(names)


def plan(view: View[Facts]) -> Iterator[Action]:
    """Run init, or go on with one that was begun."""
    facts = view.facts
    if not _holds(view) or (not unfinished(view) and facts.run in {"ok", "none"}):
        return
    resume = facts.begun and facts.run != "running"
    title = "finish the kubeadm init that was cut short" if resume else "kubeadm init"
    yield Detached(
        why={"running": "it still runs on the node", "none": "there is no cluster yet"}.get(
            facts.run, f"the last kubeadm init {facts.run}"
        ),
        name=RUN,
        title=f"{title} ({view.cluster.version}, endpoint {view.cluster.api.endpoint})",
        body=render(
            "kubeadm/init.sh.j2",
            config=kubeadm.CONFIG,
            ignore=_own_leftovers(view.cluster) if resume else (),
        ),
        seconds=_deadline(view.cluster),
        attach=facts.run == "running",
        effect={
            "run": "ok",
            "begun": True,
            "api": finished(view),
        },
    )


def unfinished(view: View[Any]) -> bool:
    """Whether the API does not show yet what this node's init is to leave."""
    api = view.api
    return _holds(view) and not (api.reachable and _left(view.cluster) <= api.config_maps)


def finished(view: View[Any]) -> Effects:
    """What the API shows once it has ended."""
    return {"reachable": True, "config_maps": view.api.config_maps | _left(view.cluster)}


def _holds(view: View[Any]) -> bool:
    """Or else another control plane holds the cluster, and this one joins it."""
    return view.seed in {"", view.node.name}


def _deadline(cluster: Cluster) -> int:
    waits = cluster.kubeadm.timeouts
    return waits.control_plane + waits.kubelet + 4 * waits.api_call + 900


def _own_leftovers(cluster: Cluster) -> tuple[str, ...]:
    """The preflight errors an interrupted init of our own causes (contract, section 4.2)."""
    manifests = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd")
    names = [f"FileAvailable--etc-kubernetes-manifests-{name}.yaml" for name in manifests]
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
    """Also before kubeadm upgrade has stored the new version, and where no node is drained."""
    for release in view.facts.upgrading:
        if Version.parse(release) > view.cluster.version:
            yield RefusedError(
                OTHER_VERSION,
                f"an upgrade to {release} was begun and has not ended",
                detail=f"run: kbootstrap upgrade --to {release}",
            )
            return
    yield from same_version(view)


PHASE = Phase(
    id="init",
    title="First control plane",
    facts=Facts,
    probe=probe,
    plan=plan,
    check=check,
    on=on_first,
    api=True,
    shared=True,
)
