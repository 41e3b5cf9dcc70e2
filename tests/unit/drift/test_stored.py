"""The merge of a stored configuration: fields of the inventory, old ones, those of others."""

import dataclasses
from typing import Any

import pytest

from kbootstrap.drift import settings, stored
from kbootstrap.drift.kubelet import flags_with, line_of, patched_fields
from kbootstrap.drift.stored import KUBELET
from kbootstrap.model.cluster import Arg, Cluster
from kbootstrap.model.document import Document
from kbootstrap.model.observed import Observed
from tests.laws.clusters import cluster

KNOWN = cluster("single")
BY_KUBEADM = {
    "clusterDNS": ["10.96.0.10"],
    "healthzPort": 10248,
    "syncFrequency": "0s",
    "kind": "KubeletConfiguration",
}


def asks(**fields: Any) -> Cluster:
    return dataclasses.replace(KNOWN, kubelet=Document.of(fields))


def seen(live: dict[str, Any], before: dict[str, Any] | None = None) -> Observed:
    record = {} if before is None else {"kubelet": before}
    return Observed(
        reachable=True,
        kubelet_config=Document.of({**BY_KUBEADM, **live}),
        last_applied=Document.of(record),
    )


def changes(known: Cluster, api: Observed) -> list[str]:
    return [f"{one.key} {one.live} -> {one.wanted}" for one in stored.changes(KUBELET, known, api)]


def test_a_field_is_added_changed_and_removed() -> None:
    assert changes(asks(maxPods=77), seen({})) == ["kubelet.maxPods unset -> 77"]
    assert changes(asks(maxPods=60), seen({"maxPods": 77}, {"maxPods": 77})) == [
        "kubelet.maxPods 77 -> 60"
    ]
    assert changes(asks(), seen({"maxPods": 77}, {"maxPods": 77})) == [
        "kubelet.maxPods 77 -> unset"
    ]
    assert changes(asks(maxPods=77), seen({"maxPods": 77}, {"maxPods": 77})) == []


def test_a_removed_field_becomes_what_kubeadm_would_have_set() -> None:
    before = {"clusterDNS": ["10.96.0.99"], "healthzPort": 1, "resolvConf": "/etc/mine"}

    after = stored.becomes(KUBELET, asks(), seen(before, before))

    assert (after["clusterDNS"], after["healthzPort"]) == (["10.96.0.10"], 10248)
    assert "resolvConf" not in after


def test_fields_of_others_stay_and_are_named() -> None:
    api = seen({"podsPerCore": 4, "evictionHard": {"nodefs.available": "5%"}})
    known = asks(evictionHard={"memory.available": "2%"})

    after = stored.becomes(KUBELET, known, api)

    assert after["podsPerCore"] == 4
    assert after["evictionHard"] == {"nodefs.available": "5%", "memory.available": "2%"}
    others = list(stored.of_others(KUBELET, known, api))
    assert [one.key for one in others] == [
        "kubelet.evictionHard.nodefs.available",
        "kubelet.podsPerCore",
    ]
    assert all("kubelet-config" in one.remedy for one in others)


def test_a_document_that_is_not_there_has_no_fields_of_others() -> None:
    assert list(stored.of_others(KUBELET, asks(maxPods=77), Observed())) == []


def test_an_entry_that_is_removed_goes_and_its_neighbour_of_others_stays() -> None:
    live = {"evictionHard": {"nodefs.available": "5%", "memory.available": "2%"}}
    api = seen(live, {"evictionHard": {"memory.available": "2%"}})

    assert stored.becomes(KUBELET, asks(), api)["evictionHard"] == {"nodefs.available": "5%"}


def test_what_is_not_recorded_yet_is() -> None:
    assert not stored.recorded(KUBELET, asks(maxPods=77), seen({"maxPods": 77}))
    assert stored.recorded(KUBELET, asks(maxPods=77), seen({}, {"maxPods": 60, "podsPerCore": 1}))
    assert stored.recorded(KUBELET, asks(), seen({}))


@pytest.mark.parametrize(
    ("want", "have", "differs"),
    [
        ({"syncFrequency": "90m"}, {"syncFrequency": "1h30m0s"}, False),
        ({"syncFrequency": "90m"}, {"syncFrequency": "90s"}, True),
        ({"failSwapOn": False}, {}, True),  # a pointer in Go: false is not unset
        ({}, {"failSwapOn": False}, True),
        ({"serverTLSBootstrap": False}, {}, False),
        ({"featureGates": {"Some": False}}, {"featureGates": {}}, True),
        ({}, {"featureGates": {"Some": False}}, True),
        ({"taints": [{"key": "a"}]}, {"taints": [{"key": "a", "x": None}]}, False),
        ({"taints": [{"key": "a"}]}, {"taints": [{"key": "b"}]}, True),
    ],
)  # fmt: skip
def test_values_are_compared_by_meaning(
    want: dict[str, Any],
    have: dict[str, Any],
    differs: bool,  # noqa: FBT001
) -> None:
    assert bool([*settings("kubelet", want, have, {})]) == differs


def test_the_flags_of_kubeadm_stay_and_those_that_are_removed_go() -> None:
    have = ("--container-runtime-endpoint=unix:///x", "--node-ip=192.0.2.11", "--v=2", "--old=1")

    assert flags_with(have, [Arg("v", "4"), Arg("node-ip", "192.0.2.12")]) == (
        "--container-runtime-endpoint=unix:///x",
        "--node-ip=192.0.2.12",
        "--v=4",
    )
    assert line_of(["--v=4", "--a=b c"]) == 'KUBELET_KUBEADM_ARGS="--a=b c --v=4"'


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("", set()),
        ("---\nmaxPods: 5\n---\nevictionHard: {a: b}\n", {"maxPods", "evictionHard"}),
        ('---\n[{"op": "add", "path": "/featureGates/A", "value": true}]\n', {"featureGates"}),
        ("---\n[{}]\n", None),
        ("---\n{\n", None),
    ],
)
def test_the_fields_of_patches_are_known(text: str, fields: set[str] | None) -> None:
    assert patched_fields(text) == (None if fields is None else frozenset(fields))
