"""What differs on one node of a live cluster is found, with the commands that change it."""

import dataclasses

import pytest

from kbootstrap.drift import of_node, serving
from kbootstrap.model.cluster import Cluster, Node, Role
from kbootstrap.model.difference import Difference
from kbootstrap.model.observed import CONTROL_PLANE_LABEL, Observed, ObservedNode
from tests.laws.clusters import cluster

KNOWN = cluster("ha")
CP1, W1 = KNOWN.node("cp1"), KNOWN.node("w1")


def seen(node: Node, *, name: str = "", labels: tuple[str, ...] = ()) -> Observed:
    return Observed(
        reachable=True,
        nodes=(
            ObservedNode(
                name=name or node.name,
                ready=True,
                labels=tuple((label, "") for label in labels),
                runtime="containerd://1.7.1",
                address=node.advertise_address,
                addresses=(node.advertise_address,),
            ),
        ),
    )


def found(known: Cluster, node: Node, api: Observed) -> Difference:
    (one,) = of_node(known, node, api)
    assert one.node == node.name
    return one


def test_a_node_as_the_file_says_differs_in_nothing() -> None:
    assert list(of_node(KNOWN, CP1, seen(CP1, labels=(CONTROL_PLANE_LABEL,)))) == []
    assert list(of_node(KNOWN, W1, seen(W1))) == []
    assert list(of_node(KNOWN, W1, Observed())) == []


def test_a_control_plane_that_the_file_calls_a_worker_is_refused_with_the_command() -> None:
    worker = dataclasses.replace(CP1, roles=frozenset({Role.WORKER}))

    one = found(KNOWN, worker, seen(CP1, labels=(CONTROL_PLANE_LABEL,)))

    assert one.fixed
    assert "`kbootstrap replace cp1`" in one.remedy


def test_a_renamed_node_is_found_by_its_address() -> None:
    one = found(KNOWN, W1, seen(W1, name="old"))

    assert one.fixed
    assert "old" in one.live


@pytest.mark.parametrize(
    ("runtime", "address", "key"),
    [
        ("cri-o://1.34.1", W1.advertise_address, "runtime.type"),
        ("containerd://1.7.1", "192.0.2.99", "nodes.w1.advertise_address"),
    ],
)
def test_another_runtime_or_address_is_fixed(runtime: str, address: str, key: str) -> None:
    api = seen(W1)
    changed = dataclasses.replace(api.nodes[0], runtime=runtime, addresses=(address,))

    one = found(KNOWN, W1, dataclasses.replace(api, nodes=(changed,)))

    assert (one.key, one.fixed) == (key, True)


def test_a_second_address_that_its_node_does_not_have_is_fixed() -> None:
    node = dataclasses.replace(W1, second_address="2001:db8::21")

    one = found(KNOWN, node, seen(node))

    assert (one.key, one.fixed) == ("nodes.w1.second_address", True)


@pytest.mark.parametrize(
    ("address", "port", "key"),
    [
        ("192.0.2.11", 7443, "api.bind_port"),
        ("192.0.2.99", 6443, "nodes.cp1.advertise_address"),
    ],
)
def test_where_the_api_server_is_does_not_change(address: str, port: int, key: str) -> None:
    (one,) = serving(KNOWN, CP1, address, port)

    assert (one.key, one.fixed) == (key, True)
    assert list(serving(KNOWN, CP1, "192.0.2.11", 6443)) == []
    assert list(serving(KNOWN, CP1, "", 0)) == []
