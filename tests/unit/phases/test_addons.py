"""kubeadm's addons, switched on and off in a running cluster."""

import dataclasses
from typing import Any

import pytest

from kbootstrap import kubeadm
from kbootstrap.action import RemoveAddon, Risk, Run, SwitchAddon
from kbootstrap.engine.phase import NoFacts, View, forward
from kbootstrap.model.cluster import Addons, Cluster
from kbootstrap.model.document import Document
from kbootstrap.model.observed import Observed
from phases import addons
from tests.laws.clusters import cluster

BOTH = frozenset({"coredns", "kube-proxy"})
STORED = frozenset({"kubeadm-config", "kubelet-config"})


def known(*, dns: bool = True, proxy: bool = True, name: str = "single") -> Cluster:
    return dataclasses.replace(cluster(name), addons=Addons(dns=dns, kube_proxy=proxy))


def seen(there: frozenset[str] = BOTH, made: frozenset[str] = BOTH, **stored: Any) -> Observed:
    return Observed(
        reachable=True,
        config_maps=STORED | there,
        workloads=there,
        made_by_kubeadm=made,
        kubeadm_config=Document.of(kubeadm.cluster_configuration(known()) | stored),
        kube_proxy_config=Document.of({"mode": ""}),
    )


def planned(wanted: Cluster, api: Observed) -> tuple[Any, ...]:
    view = View(cluster=wanted, node=wanted.first, facts=NoFacts(), api=api)
    found = tuple(addons.plan(view))
    assert tuple(addons.plan(forward(view, found))) == ()
    return found


def test_both_wanted_and_there_is_nothing_to_do() -> None:
    assert planned(known(), seen()) == ()


def test_dns_switched_off_is_removed_and_not_installed_by_the_next_upgrade() -> None:
    remove, switch = planned(known(dns=False), seen())

    assert isinstance(remove, RemoveAddon)
    assert remove.risk is Risk.DISRUPT
    assert remove.text == (
        "remove coredns from the cluster: Deployment coredns, Service kube-dns, "
        "ClusterRoleBinding system:coredns, ClusterRole system:coredns, ServiceAccount coredns, "
        "ConfigMap coredns"
    )
    assert isinstance(switch, SwitchAddon)
    assert (switch.key, switch.on) == ("dns", False)


def test_kube_proxy_switched_off() -> None:
    remove, switch = planned(known(proxy=False), seen())

    assert remove.text == (
        "remove kube-proxy from the cluster: DaemonSet kube-proxy, RoleBinding kube-proxy, "
        "Role kube-proxy, ClusterRoleBinding kubeadm:node-proxier, ServiceAccount kube-proxy, "
        "ConfigMap kube-proxy"
    )
    assert switch.key == "proxy"


def test_the_config_map_goes_last_since_it_is_the_evidence() -> None:
    for addon in (addons.DNS, addons.PROXY):
        assert addon.objects[-1][0] == "ConfigMap"


def test_an_interrupted_removal_is_continued() -> None:
    remove, _ = planned(known(dns=False), seen())
    left = dataclasses.replace(seen(), workloads=frozenset({"kube-proxy"}))

    assert planned(known(dns=False), left)[0].text == remove.text


def test_what_others_made_stays() -> None:
    own = seen(made=frozenset({"kube-proxy"}), dns={"disabled": True})

    assert planned(known(dns=False), own) == ()


def test_off_in_the_cluster_and_gone_is_nothing_to_do() -> None:
    gone = seen(frozenset({"kube-proxy"}), frozenset({"kube-proxy"}), dns={"disabled": True})

    assert planned(known(dns=False), gone) == ()


def test_on_again_is_enabled_and_installed() -> None:
    gone = seen(frozenset({"kube-proxy"}), frozenset({"kube-proxy"}), dns={"disabled": True})

    switch, install = planned(known(), gone)

    assert isinstance(switch, SwitchAddon)
    assert (switch.key, switch.on) == ("dns", True)
    assert switch.effect["api"]["kubeadm_config"].data["dns"] == {}  # type: ignore[index]
    assert isinstance(install, Run)
    assert install.text == "kubeadm init phase addon coredns"


def test_an_older_api_of_kubeadm_has_no_such_field() -> None:
    old = known(dns=False, name="cri-o")
    assert old.version.kubeadm_api == "v1beta3"

    assert [type(action) for action in planned(old, seen())] == [RemoveAddon]


@pytest.mark.parametrize("api", [Observed(), Observed(reachable=True)])
def test_nothing_before_init(api: Observed) -> None:
    assert planned(known(dns=False), api) == ()
