"""The plan of a join is that of a cluster without the old node of that name."""

from kbootstrap.engine.phase import View
from kbootstrap.guards.joins_later import without
from kbootstrap.model.etcd import EtcdMember
from kbootstrap.model.observed import Observed, ObservedNode, ObservedPod, StaticPod
from phases import join, labels
from tests.laws.clusters import cluster

HA = cluster("ha")
CP2 = HA.node("cp2")


def test_nothing_of_the_old_node_is_left() -> None:
    names = ("cp1", "cp2")
    api = Observed(
        reachable=True,
        nodes=tuple(ObservedNode(name=name, ready=True) for name in names),
        own_pods=tuple(ObservedPod(node=name, name="kube-proxy") for name in names),
        static_pods=tuple(StaticPod(node=name, component="etcd", version="1") for name in names),
        etcd=tuple(EtcdMember(id=name, name=name, peer_url="https://x:2380") for name in names),
    )
    view = View(cluster=HA, node=CP2, facts=join.Facts(), api=api, control_plane="cp1")

    left = without(view, CP2).api

    assert [node.name for node in left.nodes] == ["cp1"]
    assert [pod.node for pod in left.own_pods] == ["cp1"]
    assert [pod.node for pod in left.static_pods] == ["cp1"]
    assert [member.name for member in left.etcd or ()] == ["cp1"]
    assert without(View(cluster=HA, node=CP2, facts=join.Facts()), CP2).api.etcd is None


def test_labels_of_the_inventory_are_set_again() -> None:
    """The old Node has them already."""
    node = HA.node("w1")
    old = ObservedNode(
        name="w1",
        ready=True,
        labels=tuple(node.labels),
        taints=node.taints or (),
        our_labels=tuple(key for key, _ in node.labels),
        our_taints=tuple(map(str, node.taints or ())),
    )
    view = View(cluster=HA, node=node, facts=labels.PHASE.facts(), api=Observed(nodes=(old,)))

    assert list(labels.PHASE.plan(without(view, node)))
