"""Waits until the node is Ready, /readyz answers, and the pods of kubeadm run."""

from collections.abc import Iterator

from kbootstrap.action import Action, AwaitPods, AwaitReady
from kbootstrap.components import CONTROL_PLANE
from kbootstrap.engine.phase import NoFacts, Phase, View
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.observed import Observed, ObservedPod


def plan(view: View[NoFacts]) -> Iterator[Action]:
    """Wait if needed; without a pod network only for the node's registration."""
    cluster, node = view.cluster, view.node
    seen = view.api.node(node.name)
    network = cluster.cni.type != "none"
    settled = seen is not None and (seen.ready or (not network and "cni" in seen.reason.lower()))
    if not settled or not view.api.ready:
        yield AwaitReady(
            why="workloads need a Ready node",
            node=node.name,
            network=network,
            effect={"api": {"ready": True, "nodes": view.api.with_node(node.name, ready=True)}},
        )
    down = pods_down(cluster, node, view.api)
    if down:
        names = _wanted(cluster, node)
        yield AwaitPods(
            why="the node does not work without them",
            node=node.name,
            pods=names,
            also=_also(cluster),
            down=tuple(f"{pod.name}: {pod.reason}" for pod in down if pod.pod),
            effect={"api": {"own_pods": view.api.with_pods(node.name, names)}},
        )


def pods_down(cluster: Cluster, node: Node, api: Observed) -> tuple[ObservedPod, ...]:
    """The pods of kubeadm that should run on the node but do not."""
    return api.pods_down(node.name, _wanted(cluster, node), _also(cluster))


def unscheduled(cluster: Cluster, api: Observed) -> tuple[ObservedPod, ...]:
    """The pods of wanted addons that are on no node, with the scheduler's reason."""
    names = _addons(cluster)
    return tuple(p for p in api.own_pods if not p.node and p.reasons and p.name in names)


def _addons(cluster: Cluster) -> tuple[str, ...]:
    return (*(("kube-proxy",) if cluster.addons.kube_proxy else ()), *_also(cluster))


def _wanted(cluster: Cluster, node: Node) -> tuple[str, ...]:
    plane = CONTROL_PLANE if node.is_control_plane else ()
    etcd = ("etcd",) if node.is_control_plane and cluster.etcd.external is None else ()
    return (*plane, *etcd, *(("kube-proxy",) if cluster.addons.kube_proxy else ()))


def _also(cluster: Cluster) -> tuple[str, ...]:
    """CoreDNS, which belongs to the cluster and needs a pod network."""
    return ("coredns",) if cluster.addons.dns and cluster.cni.type != "none" else ()


PHASE = Phase(id="ready", title="Node Ready", facts=NoFacts, plan=plan, api=True)
