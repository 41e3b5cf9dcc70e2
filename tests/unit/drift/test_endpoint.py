"""Which endpoints the cluster has left, and what names the API server has to answer to."""

from dataclasses import replace

from kbootstrap import kubeadm
from kbootstrap.drift import endpoint, san_change
from kbootstrap.model.cluster import Cluster
from kbootstrap.model.document import Document
from kbootstrap.model.observed import Observed
from tests.laws.clusters import cluster

OLD, NEW = "192.0.2.11:6443", "api.example.org:8443"
BEFORE = cluster("single")
WANTED = replace(BEFORE, api=replace(BEFORE.api, endpoint=NEW))
SANS = ("kubernetes", "n1", "10.96.0.1", "192.0.2.11")


def live(stored: str = OLD, info: str = OLD, *recorded: str) -> Observed:
    record = {"api": {"endpoints": [*recorded]}} if recorded else {}
    document = kubeadm.cluster_configuration(BEFORE) | {"controlPlaneEndpoint": stored}
    return Observed(
        reachable=True,
        kubeadm_config=Document.of(document),
        cluster_info=info,
        last_applied=Document.of(record),
    )


def test_what_the_cluster_stores_is_left_when_the_inventory_names_another() -> None:
    assert endpoint.left(BEFORE, live()) == ()
    assert endpoint.left(WANTED, live()) == (OLD,)
    assert endpoint.left(WANTED, live(NEW, NEW)) == ()


def test_an_interrupted_move_and_one_to_a_third_endpoint_are_found_by_what_is_live() -> None:
    assert endpoint.left(WANTED, live(OLD, "other.example:6443")) == (OLD, "other.example:6443")


def test_a_node_that_was_off_is_found_by_the_record() -> None:
    assert endpoint.left(WANTED, live(NEW, NEW, OLD)) == (OLD,)
    assert endpoint.left(BEFORE, live(NEW, NEW, OLD)) == (NEW,)


def test_a_cluster_that_stores_none_or_a_damaged_record_leaves_none() -> None:
    broken = replace(live("", ""), last_applied=Document.of({"api": {"endpoints": "x"}}))

    assert endpoint.left(WANTED, broken) == ()


def names(known: Cluster, have: tuple[str, ...], stored: str) -> tuple[tuple[str, ...], set[str]]:
    document = kubeadm.cluster_configuration(BEFORE) | {"controlPlaneEndpoint": stored}
    found = san_change(known, known.first, document, have)
    return found.texts, set(found.args)


def test_the_new_endpoint_is_added_to_the_certificate_and_the_old_one_stays() -> None:
    texts, after = names(WANTED, (*SANS, "old.example"), "old.example:6443")

    assert texts == ("add api.example.org",)
    assert {"api.example.org", "old.example", "192.0.2.11"} <= after
    assert names(WANTED, tuple(after), "old.example:6443")[0] == ()


def test_a_certificate_that_has_the_name_is_not_made_again() -> None:
    assert names(WANTED, (*SANS, "api.example.org"), OLD)[0] == ()
    assert names(BEFORE, SANS, OLD)[0] == ()
