"""What phase kubelet-config changes on a member, by what runs there."""

import dataclasses
from typing import Any

import pytest

from kbootstrap.action import AwaitReady, Detached, Risk
from kbootstrap.engine.phase import View, forward
from kbootstrap.model.cluster import Arg, Cluster
from kbootstrap.model.document import Document
from kbootstrap.model.observed import Observed, ObservedNode
from phases import cluster_config, kubelet_config
from phases.kubelet_config import Facts
from tests.laws.clusters import cluster, workstation

KNOWN = cluster("single")
PATH = f"{KNOWN.programs.bin_dir}/kubelet"
LIVE = {"maxPods": 60, "kind": "KubeletConfiguration", "syncFrequency": "0s"}
FINE = Facts(
    arg=(PATH, "--config=/c", "--v=2"),
    flags='KUBELET_KUBEADM_ARGS="--v=2"',
    config=("maxPods: 60", "kind: KubeletConfiguration", "syncFrequency: 0s"),
)


def asks(known: Cluster = KNOWN, *, args: dict[str, str] | None = None, **kubelet: Any) -> Cluster:
    given = tuple(Arg(name, value) for name, value in (args or {"v": "2"}).items())
    nodes = tuple(dataclasses.replace(node, kubelet_args=given) for node in known.nodes)
    return dataclasses.replace(known, nodes=nodes, kubelet=Document.of({"maxPods": 60} | kubelet))


def view(known: Cluster, facts: Facts, before: dict[str, Any] | None = None) -> View[Facts]:
    return View(
        cluster=known,
        node=known.first,
        facts=facts,
        api=Observed(
            reachable=True,
            ready=True,
            nodes=(ObservedNode(name=known.first.name, ready=True),),
            kubelet_config=Document.of(LIVE),
            last_applied=Document.of({"kubelet": before or {"maxPods": 60}}),
        ),
        **workstation(known),
    )


def text(known: Cluster, facts: Facts, before: dict[str, Any] | None = None) -> str:
    """The plan line; the plan's effects lead to an empty plan."""
    seen = view(known, facts, before)
    actions = tuple(kubelet_config.plan(seen))
    assert list(kubelet_config.plan(forward(seen, actions))) == []
    if not actions:
        return ""
    first, second = actions
    assert isinstance(first, Detached)
    assert isinstance(second, AwaitReady)
    assert first.risk is Risk.RESTART
    return f"{first.text} ({first.why})"


DIFFERS = " (they differ from the inventory)"
HEAD = "apply the kubelet's settings and restart it"


def test_a_kubelet_that_runs_as_the_inventory_says_is_left_alone() -> None:
    assert text(asks(), FINE) == ""


def test_a_field_that_is_changed_added_or_removed_is_named() -> None:
    assert text(asks(maxPods=77), FINE) == f"{HEAD}: maxPods 60 -> 77{DIFFERS}"
    assert text(asks(podsPerCore=4), FINE) == f"{HEAD}: podsPerCore unset -> 4{DIFFERS}"
    removed = dataclasses.replace(asks(), kubelet=Document.of({}))
    assert text(removed, FINE) == f"{HEAD}: maxPods 60 -> unset{DIFFERS}"


def test_a_flag_that_is_changed_added_or_removed_is_named() -> None:
    assert text(asks(args={"v": "4"}), FINE) == f"{HEAD}: --v 2 -> 4{DIFFERS}"
    both = asks(args={"v": "2", "max-pods": "9"})
    assert text(both, FINE) == f"{HEAD}: --max-pods unset -> 9{DIFFERS}"
    assert text(asks(args={"max-pods": "9"}), FINE) == (
        f"{HEAD}: --max-pods unset -> 9, --v 2 -> unset{DIFFERS}"
    )


def test_what_was_changed_by_hand_on_the_node_is_named() -> None:
    by_hand = dataclasses.replace(FINE, config=(*FINE.config, "podsPerCore: 9"))
    assert text(asks(), by_hand) == f"{HEAD}: podsPerCore 9 -> unset{DIFFERS}"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"older": True}, "the running kubelet was started before its files changed"),
        ({"unfinished": True}, "an earlier change was interrupted before the kubelet was checked"),
        ({"run": "running"}, "it is still running on the node"),
        ({"arg": (PATH, "--config=/c")}, "the running kubelet was started without --v=2"),
        ({"run": "failed"}, ""),
    ],
)
def test_what_runs_decides(change: dict[str, Any], why: str) -> None:
    found = text(asks(), dataclasses.replace(FINE, **change))
    assert found == (f"{HEAD} ({why})" if why else "")


def test_a_kubelet_that_runs_from_another_directory_is_restarted() -> None:
    moved = dataclasses.replace(FINE, arg=("/opt/bin/kubelet", "--config=/c", "--v=2"))
    assert text(asks(), moved) == f"{HEAD}: /opt/bin/kubelet -> {PATH}{DIFFERS}"


def test_fields_that_a_patch_sets_are_not_compared() -> None:
    patched = dataclasses.replace(
        FINE,
        config=("maxPods: 5", *FINE.config[1:]),
        patch=("---", "maxPods: 5"),
    )
    assert text(asks(), patched) == ""
    assert text(asks(podsPerCore=4), patched) == f"{HEAD}: podsPerCore unset -> 4{DIFFERS}"
    assert text(asks(podsPerCore=4), dataclasses.replace(patched, patch=("{",))) == ""


def test_a_kubelet_does_not_restart_with_damaged_files() -> None:
    damaged: tuple[dict[str, Any], ...] = ({"flags": "damaged"}, {"config": ("damaged",)})
    for change in damaged:
        facts = dataclasses.replace(FINE, older=True, **change)
        assert text(asks(maxPods=77), facts) == ""
        assert text(asks(), dataclasses.replace(facts, unfinished=True)) != ""


def test_a_node_that_is_no_member_is_left_alone() -> None:
    seen = view(asks(maxPods=77), FINE)
    assert list(kubelet_config.plan(dataclasses.replace(seen, api=Observed()))) == []


def test_the_cluster_stores_the_change_first_and_names_it() -> None:
    known = asks(maxPods=77)
    seen: View[Any] = view(known, FINE)

    (action,) = cluster_config.plan(seen)

    assert action.text == "change the ConfigMap kubelet-config: maxPods 60 -> 77"
    after = forward(seen, (action,))
    assert after.api.kubelet_config.data["maxPods"] == 77
    assert list(cluster_config.plan(after)) == []


def test_what_init_stored_is_recorded_once() -> None:
    seen: View[Any] = view(asks(), FINE)
    fresh = dataclasses.replace(seen, api=dataclasses.replace(seen.api, last_applied=Document()))

    (action,) = cluster_config.plan(fresh)

    assert action.text == "record which fields of kubelet-config the inventory sets"
    assert list(cluster_config.plan(seen)) == []
