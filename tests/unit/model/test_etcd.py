"""Who may leave etcd."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbootstrap.model.etcd import EtcdMember, can_leave, node_of, strays, unsettled
from tests.laws.clusters import cluster, from_text

FLAGS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=7)


def members(flags: list[tuple[bool, bool]]) -> tuple[EtcdMember, ...]:
    return tuple(
        EtcdMember(id=str(at), name=f"cp{at}", peer_url="", healthy=healthy, learner=learner)
        for at, (healthy, learner) in enumerate(flags)
    )


@given(FLAGS)
def test_those_that_stay_always_have_a_quorum(flags: list[tuple[bool, bool]]) -> None:
    found = members(flags)
    stay = [healthy for healthy, learner in flags[1:] if not learner]
    assert can_leave(found, "0") == (stay.count(True) >= len(stay) // 2 + 1)


@given(FLAGS)
def test_settled_are_healthy_voters(flags: list[tuple[bool, bool]]) -> None:
    assert (unsettled(members(flags)) == ()) == all(flag == (True, False) for flag in flags)


def member(name: str, host: str, *, learner: bool = False, healthy: bool = True) -> EtcdMember:
    url = f"https://{host}:2380"
    return EtcdMember(id="7", name=name, peer_url=url, learner=learner, healthy=healthy)


@pytest.mark.parametrize(
    ("name", "host", "owner"),
    [
        ("cp2", "192.0.2.12", "cp2"),
        ("", "192.0.2.12", "cp2"),
        ("old-name", "192.0.2.12", "cp2"),
        ("cp3", "192.0.2.12", "cp3"),
        ("", "192.0.2.99", None),
        ("gone", "192.0.2.99", None),
    ],
)
def test_whose_a_member_is(name: str, host: str, owner: str | None) -> None:
    node = node_of(member(name, host), cluster("ha"))
    assert (node.name if node else None) == owner


def test_addresses_are_compared_as_such() -> None:
    known = from_text(
        "cluster: {name: demo}\nkubernetes: {version: v1.34.2}\n"
        "nodes: [{name: n1, address: '2001:DB8::1', role: both}]\n"
        "network: {pod_cidr: 'fd00:10:244::/56', service_cidr: 'fd00:10:96::/112'}\n"
        "cni: {type: none}\n"
    )
    assert node_of(member("", "[2001:db8:0::1]"), known) == known.first


def test_who_ought_not_to_be_a_member() -> None:
    found = (
        member("cp1", "192.0.2.11"),
        member("", "192.0.2.12", learner=True, healthy=False),
        member("cp3", "192.0.2.13", healthy=False),
        member("gone", "192.0.2.99"),
    )
    assert [(m.label, why) for m, why in strays(found, cluster("ha"), {"cp1", "cp3", "w1"})] == [
        (
            "https://192.0.2.12:2380",
            (
                "cp2 is not in the cluster; it has never started:"
                " kbootstrap reset cp2 --unreachable removes it"
            ),
        ),
        ("cp3", "of cp3; it is not healthy"),
        ("gone", "it belongs to no node of the inventory"),
    ]
    assert list(strays(found[:1], cluster("ha"), {"cp1"})) == []
