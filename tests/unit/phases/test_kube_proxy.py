"""Changed settings of kube-proxy: what is planned, from the API alone."""

import dataclasses
from typing import Any

import pytest

from kbootstrap.action import Risk, RollOutProxy, SetStored
from kbootstrap.engine.phase import NoFacts, View, forward
from kbootstrap.model.cluster import Addons, Cluster
from kbootstrap.model.document import Document
from kbootstrap.model.observed import LAST_APPLIED, Observed, ObservedPod
from phases import kube_proxy
from tests.laws.clusters import cluster

KNOWN = cluster("single")
ANY = "0.0.0.0"  # noqa: S104 - not bound here
BY_KUBEADM = {
    "bindAddress": ANY,
    "clusterCIDR": "10.244.0.0/16",
    "clientConnection": {"kubeconfig": "/var/lib/kube-proxy/kubeconfig.conf"},
    "conntrack": {"maxPerCore": None},
    "mode": "",
    "syncPeriod": "0s",
}


def asks(**fields: Any) -> Cluster:
    return dataclasses.replace(KNOWN, kube_proxy=Document.of(fields))


def seen(
    live: dict[str, Any] | None = None,
    before: dict[str, Any] | None = None,
    *,
    older: bool = False,
    unfinished: bool = False,
) -> Observed:
    pods = (ObservedPod(node="n1", name="kube-proxy", pod="kube-proxy-a", older=older),)
    return Observed(
        reachable=True,
        workloads=frozenset({"kube-proxy"}),
        config_maps=frozenset({"kubeadm-config", "kubelet-config", "kube-proxy", LAST_APPLIED}),
        kube_proxy_config=Document.of({**BY_KUBEADM, **(live or {})}),
        last_applied=Document.of({} if before is None else {"kube_proxy": before}),
        own_pods=pods,
        kube_proxy_open=unfinished,
    )


def view(known: Cluster, api: Observed) -> View[NoFacts]:
    return View(cluster=known, node=known.first, facts=NoFacts(), api=api)


def texts(known: Cluster, api: Observed) -> list[str]:
    return [action.text for action in kube_proxy.plan(view(known, api))]


def test_what_kubeadm_stores_by_itself_is_no_difference() -> None:
    assert texts(asks(), seen()) == []


def test_a_changed_field_goes_to_the_config_map_and_then_to_the_pods() -> None:
    change, roll = kube_proxy.plan(view(asks(mode="nftables"), seen()))

    assert isinstance(change, SetStored)
    assert change.text == "change the ConfigMap kube-proxy: mode unset -> nftables"
    assert isinstance(roll, RollOutProxy)
    assert roll.risk is Risk.RESTART
    after = forward(view(asks(mode="nftables"), seen()), (change, roll))
    assert list(kube_proxy.plan(after)) == []


def test_a_removed_field_becomes_what_kubeadm_would_have_set() -> None:
    before = {"mode": "nftables", "clusterCIDR": "10.9.0.0/16", "bindAddress": "127.0.0.1"}

    change, roll = kube_proxy.plan(view(asks(), seen(before, before)))
    after = forward(view(asks(), seen(before, before)), (change, roll)).api.kube_proxy_config.data

    assert (after["clusterCIDR"], after["bindAddress"]) == ("10.244.0.0/16", ANY)
    assert "mode" not in after


def test_a_field_of_others_is_retained() -> None:
    assert texts(asks(), seen({"mode": "ipvs"})) == []


def test_pods_that_are_older_than_the_config_map_are_rolled_out() -> None:
    (action,) = kube_proxy.plan(view(asks(), seen(older=True)))

    assert isinstance(action, RollOutProxy)
    assert "older" in action.why


def test_an_unfinished_rollout_is_continued() -> None:
    (action,) = kube_proxy.plan(view(asks(), seen(unfinished=True)))

    assert isinstance(action, RollOutProxy)
    assert "interrupted" in action.why


@pytest.mark.parametrize("fields", [{}, {"mode": "ipvs"}])
def test_a_cluster_that_does_not_exist_yet_only_gets_the_record(fields: dict[str, Any]) -> None:
    planned = list(kube_proxy.plan(view(asks(**fields), Observed())))

    assert [type(action) for action in planned] == [SetStored] * bool(fields)
    assert all(action.risk is Risk.NONE for action in planned)


def test_without_the_addon_there_is_nothing_to_do() -> None:
    off = dataclasses.replace(asks(mode="ipvs"), addons=Addons(dns=True, kube_proxy=False))

    assert texts(off, seen(older=True, unfinished=True)) == []
