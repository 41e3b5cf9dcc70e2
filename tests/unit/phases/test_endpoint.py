"""The plan for another endpoint of the API: the cluster's objects, then each node."""

from dataclasses import replace
from typing import Any

import pytest

from kbootstrap import codes, kubeadm
from kbootstrap.action import AwaitReady, Detached, Risk, Run
from kbootstrap.engine.phase import View, forward
from kbootstrap.model.document import Document
from kbootstrap.model.observed import Observed, ObservedNode
from kbootstrap.options import RunOptions
from phases import control_plane_config, endpoint, endpoint_files, kubeconfig
from phases.endpoint_files import Facts
from tests.laws.clusters import CA, cluster, workstation

OLD, NEW = "192.0.2.11:6443", "api.example.org:8443"
HOME = cluster("cri-o")  # cp1, w1 and w2
KNOWN = replace(HOME, api=replace(HOME.api, endpoint=NEW))
LIVE = Observed(
    reachable=True,
    ready=True,
    nodes=tuple(ObservedNode(name=node.name, ready=True) for node in KNOWN.nodes),
    kubeadm_config=Document.of(kubeadm.cluster_configuration(HOME)),
    workloads=frozenset({"kube-proxy"}),
    cluster_info=OLD,
    proxy_server=OLD,
)
PLANE = Facts(server=(f"admin.conf https://{OLD}", f"kubelet.conf https://{OLD}"))
WORKER = Facts(server=(f"kubelet.conf https://{OLD}",))


def view(facts: Any, node: str = "cp1", api: Observed = LIVE, **changes: Any) -> View[Any]:
    at = KNOWN.node(node)
    return View(
        cluster=KNOWN, node=at, facts=facts, api=api, ca=CA, **workstation(KNOWN), **changes
    )


def texts(seen: View[Any]) -> list[str]:
    return [action.text for action in endpoint.plan(seen)]


def test_the_objects_of_the_api_are_changed_in_order_once_the_endpoint_answers() -> None:
    assert texts(view(endpoint.Facts())) == [
        f"check that {NEW} answers by its name with the cluster's CA",
        f"record the endpoints that the cluster leaves: {OLD}",
        f"name {NEW} in the ConfigMap kube-public/cluster-info",
        f"name {NEW} in the ConfigMap kube-proxy, and restart its pods",
    ]
    assert len(texts(view(endpoint.Facts(named=True)))) == 3


def test_the_endpoint_is_asked_from_the_control_plane_in_use() -> None:
    """The first one may have been reset, and join again."""
    hosts = []
    for name in ("cp1", "cp2"):
        first = next(endpoint.plan(view(endpoint.Facts(), control_plane=name)))
        assert isinstance(first, Run)
        hosts.append(first.host)

    assert hosts == ["", "cp2"]


def test_each_object_is_judged_by_what_is_live() -> None:
    record = {"api": {"endpoints": [OLD]}}
    restarts = Document.of(record | {"kube-proxy-endpoint": {"endpoint": NEW}})
    half = replace(LIVE, last_applied=restarts, cluster_info=NEW, proxy_server=NEW)
    done = replace(half, last_applied=Document.of(record))

    assert texts(view(endpoint.Facts(named=True), api=half)) == [
        f"name {NEW} in the ConfigMap kube-proxy, and restart its pods"
    ]
    assert texts(view(endpoint.Facts(), api=done)) == []
    assert texts(view(endpoint.Facts(), api=replace(LIVE, kubeadm_config=Document()))) == []


def test_a_proxy_that_names_something_of_the_sites_is_left_alone() -> None:
    local = replace(LIVE, proxy_server="127.0.0.1:7443")

    assert not any("kube-proxy" in text for text in texts(view(endpoint.Facts(), api=local)))


def test_a_run_about_some_nodes_refuses() -> None:
    limited = RunOptions(limit=("w1",))

    assert texts(view(endpoint.Facts(), options=limited)) == []
    (found,) = endpoint_files.drift(view(WORKER, "w1", options=limited))
    assert (found.key, found.live, found.wanted, found.fixed) == ("api.endpoint", OLD, NEW, True)
    assert "kbootstrap up" in found.remedy
    assert list(endpoint_files.drift(view(WORKER, "w1"))) == []


def one(seen: View[Any]) -> Detached:
    first, second = endpoint_files.plan(seen)
    assert isinstance(first, Detached)
    assert isinstance(second, AwaitReady)
    assert list(endpoint_files.plan(forward(seen, (first, second)))) == []
    return first


def test_a_worker_is_one_action_that_restarts_its_kubelet() -> None:
    action = one(view(WORKER, "w1"))

    assert action.text == f"name {NEW} in kubelet.conf and restart the kubelet"
    assert action.risk is Risk.RESTART


def test_files_of_a_control_plane_that_name_its_own_api_server_stay() -> None:
    """Since kubeadm 1.33 its kubelet.conf does, which is the old endpoint of a single one."""
    (action,) = endpoint_files.plan(view(PLANE))

    assert action.text == f"name {NEW} in admin.conf"
    assert action.risk is Risk.NONE
    other = Facts(server=("kubelet.conf https://old.example:6443",))
    record = Document.of({"api": {"endpoints": ["old.example:6443"]}})
    assert "kubelet.conf" in one(view(other, api=replace(LIVE, last_applied=record))).text


def test_a_file_that_names_something_else_stays() -> None:
    assert list(endpoint_files.plan(view(Facts(server=("kubelet.conf https://x:1",)), "w1"))) == []
    assert list(endpoint_files.plan(view(WORKER, "w1", api=replace(LIVE, nodes=())))) == []


def test_an_interrupted_change_is_checked_again() -> None:
    left = Facts(server=(f"kubelet.conf https://{NEW}",), unfinished=True)

    assert one(view(left, "w1")).why == "an earlier change was interrupted before it was checked"
    assert one(view(replace(WORKER, run="running"), "w1")).attach


def test_an_endpoint_that_does_not_answer_from_a_node_is_refused() -> None:
    silent = replace(WORKER, silent="Unable to connect to the server: no route to host")

    (found,) = endpoint_files.check(view(silent, "w1"))

    assert found.code is codes.ENDPOINT_SILENT
    assert NEW in found.message
    assert "no route to host" in found.detail
    assert list(endpoint_files.check(view(WORKER, "w1"))) == []


@pytest.mark.parametrize(("server", "written"), [(OLD, True), (NEW, False), ("x:1", False)])
def test_the_operators_kubeconfig_follows(server: str, *, written: bool) -> None:
    here = view(None)
    state = replace(here.local, kubeconfig_ca=CA, kubeconfig_server=server)

    assert bool([*kubeconfig.plan(replace(here, local=state))]) is written


def test_the_configuration_of_kubeadm_is_stored_too() -> None:
    (action,) = control_plane_config.plan(view(None))

    assert action.text == "store in the ConfigMap kubeadm-config: api.endpoint"
