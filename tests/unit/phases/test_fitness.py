"""What phase fitness makes of its facts: refusals with names, and two nodes that are one."""

import dataclasses
from typing import Any

import pytest

from kbootstrap import codes
from kbootstrap.engine.phase import View
from kbootstrap.model.host_facts import UNKNOWN, HostFacts
from phases import fitness, kubelet, runtime
from tests.laws.clusters import FIT_HOST, cluster

FIT = fitness.Facts(address=True)
FLANNEL = "/etc/cni/net.d/10-flannel.conflist"
BOTH = {"cp1": FIT, "w1": FIT}
BRIDGED = "single"  # a cluster with cni.type bridge


def view(name: str = BRIDGED, **facts: Any) -> View[Any]:
    known = cluster(name)
    return View(cluster=known, node=known.first, facts=dataclasses.replace(FIT, **facts))


def refusals(**facts: Any) -> list[tuple[object, str]]:
    return [(error.code, error.message) for error in fitness.check(view(**facts))]


def test_a_fit_node_is_not_refused() -> None:
    assert refusals() == []
    ours = {"member": True, "range": "10.244.1.0/24", "bridge": ("10.244.1.1/24",)}
    assert refusals(**ours) == []


def test_each_fault_is_named() -> None:
    gone = "/run/systemd/resolve/stub-resolv.conf"
    assert refusals(lost_resolver=gone) == [(codes.NO_RESOLVER, f"{gone} does not exist")]
    assert refusals(address=False) == [
        (codes.NO_ADDRESS, "no interface has the advertise_address 192.0.2.11")
    ]
    assert refusals(bridge=("10.42.1.1/24",)) == [
        (codes.OTHER_NETWORK, "the bridge cni0 has address 10.42.1.1/24, and is not kbootstrap's")
    ]
    assert refusals(bridge=("10.85.0.1/16",), range="10.244.1.0/24", member=True) == [
        (
            codes.OTHER_NETWORK,
            "the bridge cni0 has address 10.85.0.1/16, which is not in 10.244.1.0/24",
        )
    ]


def test_before_the_join_another_network_is_moved_aside_and_named() -> None:
    seen = view(network=(FLANNEL, "/etc/cni/net.d/99-x.conf"))
    (action,) = fitness.plan(seen)
    assert FLANNEL in action.text
    assert "99-x.conf" in action.text
    assert list(fitness.check(seen)) == []


def test_on_a_member_only_one_that_is_taken_is_refused() -> None:
    after = "/etc/cni/net.d/99-x.conf"
    assert refusals(member=True, network=(after,)) == []
    ((code, message),) = refusals(member=True, network=(FLANNEL, after))
    assert code is codes.OTHER_NETWORK
    assert FLANNEL in message
    assert not list(fitness.plan(view(member=True, network=(FLANNEL,))))


def test_a_site_s_own_network_is_left_alone() -> None:
    known = cluster("cri-o")
    assert "net.d" not in fitness.probe(known, known.first)
    assert not list(fitness.check(view("cri-o", bridge=("10.42.1.1/24",))))


def beside(facts: dict[str, fitness.Facts], **hosts: HostFacts) -> tuple[View[Any], ...]:
    """Views of nodes of cluster ha; without a host of its own, each is another one."""
    known = cluster("ha")
    return tuple(
        View(
            cluster=known,
            node=known.node(name),
            facts=found,
            host=hosts.get(name, dataclasses.replace(FIT_HOST, machine_id=name)),
        )
        for name, found in facts.items()
    )


def compared(facts: dict[str, fitness.Facts], **hosts: HostFacts) -> list[tuple[object, str, str]]:
    found = fitness.compare(beside(facts, **hosts))
    return [(error.code, error.where.node, error.message) for error in found]


def test_two_names_for_one_node() -> None:
    ((code, node, message),) = compared(BOTH, cp1=FIT_HOST, w1=FIT_HOST)
    assert (code, node) == (codes.SAME_MACHINE, "w1")
    assert message.startswith("cp1 and w1 are the same host")


def test_a_cloned_node_is_a_notice() -> None:
    other = dataclasses.replace(FIT_HOST, boot_id="7a7c")
    (found,) = fitness.compare(beside(BOTH, cp1=FIT_HOST, w1=other))
    assert not found.fatal
    assert found.code is codes.CLONED


def test_unknown_identities_match_no_node() -> None:
    assert compared(BOTH, cp1=UNKNOWN, w1=UNKNOWN) == []


def test_a_dropped_port_of_a_node_that_is_alive() -> None:
    blocked = dataclasses.replace(
        FIT, blocked=("192.0.2.11 2380 timed out", "192.0.2.13 2380 timed out")
    )
    assert compared({"cp1": FIT, "cp2": blocked}) == [
        (codes.UNREACHED, "cp2", "cannot reach 192.0.2.11:2380 (timed out; firewall?)")
    ]


def test_the_firewall_of_a_node_that_drops_a_port_is_named() -> None:
    blocked = dataclasses.replace(FIT, blocked=("192.0.2.11 2380 timed out",))
    walled = dataclasses.replace(FIT_HOST, units=("chronyd", "firewalld"))
    ((_, _, message),) = compared({"cp1": FIT, "cp2": blocked}, cp1=walled, cp2=UNKNOWN)
    assert message == "cannot reach 192.0.2.11:2380 (timed out; firewalld is active there)"


@pytest.mark.parametrize("member", [False, True])
def test_an_endpoint_no_node_has_yet_is_no_fault_before_init(member: bool) -> None:  # noqa: FBT001
    first = dataclasses.replace(FIT, member=member)
    worker = fitness.Facts(address=True, blocked=("api.example.org 6443 No route to host",))
    found = compared({"cp1": first, "w1": worker})
    assert bool(found) is member


def test_what_a_node_connects_to() -> None:
    known = cluster("ha")
    assert "192.0.2.12 2380" not in fitness.probe(known, known.node("w1"))
    assert "reach 192.0.2.12 2380 &" in fitness.probe(known, known.first)
    assert "reach 192.0.2.11 2380 &" not in fitness.probe(known, known.first)
    external = cluster("external-etcd")
    assert "2380" not in fitness.probe(external, external.first)


@pytest.mark.parametrize(
    ("umask", "closed"),
    [("0022", False), ("0002", False), ("0027", True), ("0077", True), ("", False)],
)
def test_a_umask_that_closes_files_to_containers(umask: str, closed: bool) -> None:  # noqa: FBT001
    assert fitness.closes(umask) is closed
    known = cluster(BRIDGED)
    seen = View(cluster=known, node=known.first, facts=runtime.Facts(umask=umask))
    assert [error.code for error in runtime.check(seen)] == [codes.UMASK] * closed


def test_a_drop_in_after_ours_is_found() -> None:
    known = cluster(BRIDGED)
    bare = kubelet.Facts(umask="0027")
    assert not list(kubelet.check(View(cluster=known, node=known.first, facts=bare)))
    placed = dataclasses.replace(bare, file=(f"sum {kubelet.LAST}",))
    (error,) = kubelet.check(View(cluster=known, node=known.first, facts=placed))
    assert error.code is codes.UMASK
