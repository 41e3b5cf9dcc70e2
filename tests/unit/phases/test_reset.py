"""Which nodes a reset may touch, and what it prints before it does."""

from dataclasses import replace
from typing import Any

import pytest

from kbootstrap import codes, node_paths
from kbootstrap.action import Detached, PutFile, Risk, Run
from kbootstrap.engine.phase import NoFacts, View
from kbootstrap.errors import ExitCode
from kbootstrap.model.etcd import EtcdMember
from kbootstrap.model.observed import Observed
from phases import identity, reset, reset_clean
from phases.ownership import ca_hash
from tests.laws.clusters import CA, OTHER_CA, cluster, workstation

FOUND = ("etcd data, /var/lib/etcd", "static pod manifests, /etc/kubernetes/manifests")


def view(facts: Any, node: str = "cp1", *, ca: str = "", kubeconfig_ca: str = "") -> View[Any]:
    known = cluster("ha")
    local = workstation(known, kubeconfig_ca=kubeconfig_ca)
    plane = known.first.name if ca else ""
    return View(
        cluster=known, node=known.node(node), facts=facts, control_plane=plane, ca=ca, **local
    )


def lines(ca: str) -> tuple[str, ...]:
    return tuple(ca.splitlines())


@pytest.mark.parametrize("node", ["cp1", "w1"])
@pytest.mark.parametrize("known", [{}, {"ca": lines(OTHER_CA)}, {"marker": "other"}])
def test_what_has_no_known_origin_is_refused(node: str, known: dict[str, Any]) -> None:
    facts = reset.Present(found=FOUND, **known)
    (error,) = reset.check_leave(view(facts, node, ca=CA, kubeconfig_ca=CA))
    assert error.code is codes.FOREIGN_CLUSTER
    assert error.exit_code is ExitCode.REFUSED
    assert known or error.detail == "found: " + ", ".join(FOUND)


@pytest.mark.parametrize(
    ("record", "fields", "source"),
    [
        ({}, {"ca": CA}, "cp1"),
        ({"marker_ca": ca_hash(CA)}, {}, node_paths.CLUSTER_NAME),
        ({"marker_ca": ca_hash(OTHER_CA)}, {"kubeconfig_ca": CA}, "the local kubeconfig"),
    ],
)
def test_a_record_of_our_name_beside_another_ca_is_refused_with_both(
    record: dict[str, Any], fields: dict[str, str], source: str
) -> None:
    facts = reset.Present(found=FOUND, marker="demo", ca=lines(OTHER_CA), **record)
    (error,) = reset.check_leave(view(facts, **fields))
    assert error.code is codes.FOREIGN_CLUSTER
    assert ca_hash(CA) in error.message
    assert ca_hash(OTHER_CA) in error.message
    assert source in error.message
    left = reset_clean.Left(left=LEFT[3:], marker="demo", ca=facts.ca, **record)
    assert clean(left, **fields) == []


def test_the_hash_of_the_inventory_is_compared() -> None:
    facts = reset.Present(found=FOUND, marker="demo", ca=lines(OTHER_CA))
    known = view(facts)
    known = replace(known, cluster=replace(known.cluster, ca_hash=ca_hash(CA)))
    (error,) = reset.check_leave(known)
    assert "cluster.ca_hash in the inventory" in error.message


def test_a_kubeconfig_of_an_earlier_cluster_stops_no_init_that_was_cut_short() -> None:
    """The CA is recorded when the kubeconfig has been written."""
    facts = reset.Present(found=FOUND, marker="demo", ca=lines(CA))
    assert list(reset.check_leave(view(facts, kubeconfig_ca=OTHER_CA))) == []


@pytest.mark.parametrize(
    ("facts", "fields"),
    [
        (reset.Present(found=FOUND, marker="demo"), {}),
        (reset.Present(found=FOUND, ca=lines(CA)), {"ca": CA}),
        (reset.Present(found=FOUND, marker="demo", marker_ca=ca_hash(CA), ca=lines(CA)), {}),
        (reset.Present(), {}),
    ],
)
def test_what_is_ours_is_not(facts: reset.Present, fields: dict[str, str]) -> None:
    assert list(reset.check_leave(view(facts, **fields))) == []


@pytest.mark.parametrize("local", ["", CA])
def test_a_cluster_without_a_record_is_not_ours_whatever_the_ca(local: str) -> None:
    """As plain kubeadm leaves it."""
    facts = reset.Present(found=FOUND, ca=lines(CA))
    (error,) = reset.check_leave(view(facts, kubeconfig_ca=local))
    assert error.code is codes.FOREIGN_CLUSTER


LEFT = (
    "unit kbootstrap-init.service",
    "path /var/lib/kbootstrap",
    "path /run/kbootstrap",
    "files in /var/lib/etcd",
    "link cni0",
    "chains of iptables",
)


def clean(facts: reset_clean.Left, **fields: str) -> list[Run]:
    return [a for a in reset_clean.plan_clean(view(facts, **fields)) if isinstance(a, Run)]


def test_on_an_unknown_node_only_the_ledger_is_undone() -> None:
    (action,) = clean(reset_clean.Left(left=LEFT))
    assert "kb_undo_ledger" in action.body
    for words in ("rmp --all", "ip link delete", "iptables", "gone /", 'gone "$folder"'):
        assert words not in action.body.replace("gone() {", "")
    assert action.why == "found: " + ", ".join(LEFT[:3])
    assert clean(reset_clean.Left(left=LEFT[3:])) == []


def test_on_ours_all_is_removed() -> None:
    (action,) = clean(reset_clean.Left(left=LEFT, ca=lines(CA)), ca=CA)
    assert action.risk is Risk.DESTROY
    assert 'gone "$folder"' in action.body
    assert clean(reset_clean.Left(left=LEFT, marker="demo"))[0].body == action.body


def test_the_plan_names_what_is_retained_and_what_has_no_record() -> None:
    (action,) = clean(
        reset_clean.Left(
            left=LEFT,
            marker="demo",
            changed=("replaced /etc/a", "created /etc/b"),
            unrecorded=("/etc/cni",),
        )
    )
    assert "remove /etc/cni (no record of what was there before)" in action.title
    assert "retain /etc/a, changed after kbootstrap wrote it; the original is" in action.title
    assert "retain /etc/b, changed after kbootstrap wrote it" in action.title


def test_a_node_known_by_its_ca_is_marked_before_that_goes() -> None:
    """Or a run that is cut short after kubeadm reset would meet a node that has no marker."""
    facts = reset.Present(kubernetes=True, kubeadm=True, ca=lines(CA))
    marks, leaves = reset.plan_leave(view(facts, ca=CA))
    assert isinstance(marks, PutFile)
    assert (marks.path, marks.body) == (node_paths.CLUSTER_NAME, "demo\n")
    assert isinstance(leaves, Detached)
    assert leaves.risk is Risk.DESTROY


def test_what_an_earlier_run_began_is_stopped_first() -> None:
    """Also before it has written anything by which kubeadm reset would be needed."""
    facts = reset.Present(unit=("init",), kubeadm=True, marker="demo")
    stops, leaves = reset.plan_leave(view(facts))
    assert isinstance(stops, Run)
    assert stops.title.endswith(": init")
    assert isinstance(leaves, Detached)


def test_a_run_without_its_record_is_named_by_up() -> None:
    facts = identity.Facts(orphan=("init",))
    error = next(iter(identity.check(view(facts))))
    assert error.code is codes.ORPHAN_RUN
    assert error.exit_code is ExitCode.REFUSED
    assert error.detail == "systemctl stop kbootstrap-init.service"


def test_a_member_that_never_started_is_found_by_its_address() -> None:
    known = cluster("ha")
    learner = EtcdMember(id="9", name="", peer_url="https://192.0.2.12:2380", learner=True)
    voters = tuple(
        EtcdMember(id=str(at), name=f"cp{at}", peer_url=f"https://192.0.2.1{at}:2380", healthy=True)
        for at in (1, 3)
    )
    gone = View(
        cluster=known,
        node=known.node("cp2"),
        facts=NoFacts(),
        api=Observed(reachable=True, etcd=(*voters, learner)),
    )
    assert [a.text for a in reset.plan_member(gone)] == [
        "remove etcd member https://192.0.2.12:2380 (9)"
    ]
    assert list(reset.check_member(gone)) == []
