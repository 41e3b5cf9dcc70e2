"""What phase ready waits for on a node: Ready, and the pods kubeadm makes."""

from dataclasses import replace

from kbootstrap.action import AwaitPods, AwaitReady
from kbootstrap.components import CONTROL_PLANE
from kbootstrap.engine.phase import NoFacts, View
from kbootstrap.model.cluster import Addons
from kbootstrap.model.observed import NO_POD, Observed, ObservedNode, ObservedPod, PodReason
from phases import ready
from tests.laws.clusters import cluster


def seen(name: str, *pods: ObservedPod) -> Observed:
    node = ObservedNode(name=name, ready=True)
    return Observed(reachable=True, ready=True, nodes=(node,), own_pods=pods)


def planned(site: str, name: str, *pods: ObservedPod) -> list[object]:
    known = cluster(site)
    view = View(cluster=known, node=known.node(name), facts=NoFacts(), api=seen(name, *pods))
    return list(ready.plan(view))


def running(node: str, *names: str) -> tuple[ObservedPod, ...]:
    return tuple(ObservedPod(node=node, name=name, pod=f"{name}-{node}") for name in names)


def down(name: str, reason: str, message: str = "") -> ObservedPod:
    why = (PodReason(reason=reason, message=message),)
    return ObservedPod(node="w1", name=name, pod="p", reasons=why)


def test_a_node_whose_pods_run_is_done() -> None:
    assert planned("ha", "cp1", *running("cp1", *CONTROL_PLANE, "etcd", "kube-proxy")) == []
    assert planned("ha", "w1", *running("w1", "kube-proxy")) == []


def test_a_ready_node_without_kube_proxy_is_not_done() -> None:
    (action,) = planned("ha", "w1", *running("cp1", "kube-proxy"))
    assert isinstance(action, AwaitPods)
    assert (action.node, action.pods) == ("w1", ("kube-proxy",))


def test_the_plan_says_why_one_does_not_run() -> None:
    broken = down("kube-proxy", "CreateContainerError", "no")
    (action,) = planned("ha", "w1", broken)
    assert isinstance(action, AwaitPods)
    assert "kube-proxy: CreateContainerError: no" in action.text


def test_only_what_the_inventory_asks_for_is_waited_for() -> None:
    """No kube-proxy, and an etcd that others run."""
    assert planned("dual-stack", "w1") == []
    pods = running("cp1", *CONTROL_PLANE, "kube-proxy")
    assert planned("external-etcd", "cp1", *pods) == []
    (action,) = planned("external-etcd", "cp1", *pods[1:])
    assert isinstance(action, AwaitPods)


def test_coredns_counts_where_it_is_once_there_is_a_pod_network() -> None:
    pending = down("coredns", "ContainerCreating")
    proxy = running("w1", "kube-proxy")
    assert planned("cri-o", "w1", *proxy, pending) == []  # cni.type none
    assert len(planned("ha", "w1", *proxy, pending)) == 1
    assert planned("ha", "w1", *proxy, *running("w1", "coredns")) == []


def test_an_empty_cluster_waits_for_both() -> None:
    known = cluster("ha")
    view = View(cluster=known, node=known.first, facts=NoFacts())
    first, second = ready.plan(view)
    assert isinstance(first, AwaitReady)
    assert second.text == "wait until the node's own pods run"


def test_the_pods_of_a_node_keep_their_names_once_they_run() -> None:
    """The effect of the wait for them; one that does not exist yet has no name."""
    down = ObservedPod(node="w1", name="coredns", pod="coredns-1", reasons=NO_POD)
    runs, other = (ObservedPod(node=n, name="kube-proxy", pod=f"proxy-{n}") for n in ("w1", "w2"))

    after = Observed(own_pods=(down, runs, other)).with_pods("w1", ("kube-proxy", "etcd"))

    assert after == (
        other,
        replace(down, reasons=()),
        runs,
        ObservedPod(node="w1", name="etcd"),
    )


def test_pods_of_addons_that_are_on_no_node_are_named() -> None:
    why = (PodReason(reason="Unschedulable", message="0/2 nodes are available"),)
    waiting = ObservedPod(node="", name="coredns", pod="coredns-a", reasons=why)
    api = Observed(own_pods=(waiting, ObservedPod(node="w1", name="coredns", pod="coredns-b")))
    known = cluster("single")
    off = replace(known, addons=Addons(dns=False))

    assert ready.unscheduled(known, api) == (waiting,)
    assert ready.unscheduled(off, api) == ()
