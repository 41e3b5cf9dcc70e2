"""The inventory of a live cluster: made from what one of ours stores, it describes the same."""

from dataclasses import replace
from typing import Any

import pytest

from kbootstrap import kubeadm
from kbootstrap.drift import imported, of_cluster
from kbootstrap.drift.configuration import PATHS, at
from kbootstrap.drift.imported import Origin
from kbootstrap.guards.adoption import text
from kbootstrap.model.cluster import Cluster, Node, Taint
from kbootstrap.model.document import Document
from kbootstrap.model.load import load_text
from kbootstrap.model.observed import CONTROL_PLANE_LABEL, Observed, ObservedNode
from tests.laws.clusters import NAMES, cluster

HASH = "sha256:" + "ab" * 32


def seen(known: Cluster, **settings: Any) -> Observed:
    """The API of the cluster, with these settings of the kubelet by hand."""
    addons = {"coredns": known.addons.dns, "kube-proxy": known.addons.kube_proxy}
    return Observed(
        reachable=True,
        nodes=tuple(_node(known, node) for node in reversed(known.nodes)),
        workloads=frozenset(name for name, there in addons.items() if there),
        kubeadm_config=Document.of(kubeadm.cluster_configuration(known)),
        kubelet_config=Document.of({"staticPodPath": "/etc/kubernetes/manifests"} | settings),
    )


def _node(known: Cluster, node: Node) -> ObservedNode:
    plane = node.is_control_plane
    tainted = plane and len(node.roles) == 1
    addresses = (node.advertise_address, node.second_address)
    return ObservedNode(
        name=node.name,
        ready=True,
        labels=((CONTROL_PLANE_LABEL, ""),) if plane else (),
        taints=(Taint(CONTROL_PLANE_LABEL, "", "NoSchedule"),) if tainted else (),
        runtime=f"{known.runtime.type}://1.6.20",
        address=node.advertise_address,
        addresses=tuple(filter(None, addresses)),
    )


def origin(known: Cluster, **changes: Any) -> Origin:
    first = known.first
    found = Origin(
        host=first.address,
        advertised=first.advertise_address,
        port=known.api.bind_port,
        ca_hash=HASH,
        kubelet=f"{known.programs.bin_dir}/kubelet",
        ssh=Document.of({"user": "ops"}),
    )
    return replace(found, **changes)


@pytest.mark.parametrize("name", NAMES)
def test_the_cluster_does_not_differ_from_its_own_inventory(name: str) -> None:
    known = cluster(name)
    api = seen(known)

    again = load_text(text(imported.inventory(api, origin(known))), "import")

    for path in PATHS:
        stored, made = (at(path, kubeadm.cluster_configuration(one)) for one in (known, again))
        assert made == stored, path
    roles = {node.name: (node.roles, node.advertise_address) for node in known.nodes}
    assert {node.name: (node.roles, node.advertise_address) for node in again.nodes} == roles
    assert (again.first.name, again.version, again.ca_hash) == (
        known.first.name,
        known.version,
        HASH,
    )
    assert again.runtime.type is known.runtime.type
    assert list(of_cluster(again, api)) == []


def test_settings_by_hand_are_named_and_their_names_may_have_dots() -> None:
    known = cluster("single")
    by_hand = {"maxPods": 60, "evictionHard": {"memory.available": "50Mi"}, "failSwapOn": False}
    api = seen(known, **by_hand)
    plain = imported.inventory(api, origin(known))
    before = load_text(text(plain), "import")
    assert {one.key for one in of_cluster(before, api)} == {
        "kubelet.maxPods",
        "kubelet.evictionHard.memory.available",
        "kubelet.failSwapOn",
    }

    found = imported.with_settings(plain, before, api)

    assert found.data["kubelet"] == by_hand
    assert list(of_cluster(load_text(text(found), "import"), api)) == []


def test_what_only_the_node_knows() -> None:
    known = cluster("single")
    found = imported.inventory(
        seen(known), origin(known, host="node.example.org", port=7443, kubelet="/usr/bin/kubelet")
    ).data
    first = known.first
    assert found["nodes"][0] == {
        "name": first.name,
        "address": "node.example.org",
        "advertise_address": first.advertise_address,
        "role": "both",
    }
    assert found["api"]["bind_port"] == 7443
    assert found["programs"] == {"source": "preinstalled", "bin_dir": "/usr/bin"}


@pytest.mark.parametrize(
    ("named", "found"),
    [("192.0.2.11:6443", None), ("api.example.org:6443", "api.example.org:6443")],
)
def test_without_a_stored_endpoint_that_of_cluster_info_counts_unless_it_is_the_node(
    named: str, found: str | None
) -> None:
    known = cluster("single")
    stored = kubeadm.cluster_configuration(known)
    del stored["controlPlaneEndpoint"]
    api = replace(seen(known), kubeadm_config=Document.of(stored), cluster_info=named)
    made = imported.inventory(api, origin(known)).data
    assert made.get("api", {}).get("endpoint") == found
    assert "registry" not in made  # kubeadm's default


def test_what_an_inventory_of_ours_has_set_is_named_too() -> None:
    """Of a cluster whose inventory was lost; without it `up` would reset the field."""
    known = cluster("single")
    record = Document.of({"kubelet": {"failSwapOn": False}})
    api = replace(seen(known, failSwapOn=False), last_applied=record)
    plain = imported.inventory(api, origin(known))

    found = imported.with_settings(plain, load_text(text(plain), "import"), api)

    assert found.data["kubelet"] == {"failSwapOn": False}
