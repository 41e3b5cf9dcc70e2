"""A finished cluster is never initialised again, and a live node is never cleared."""

import itertools
from typing import Any

import pytest

from kbootstrap.action import Detached, Risk
from kbootstrap.codes import DAMAGED
from kbootstrap.engine.phase import View
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.observed import CONTROL_PLANE_LABEL, NOTHING, Observed, ObservedNode
from phases import addons, init, join
from tests.laws.clusters import CA, cluster, workstation

KNOWN = cluster("ha")
CP1, CP2, W1 = KNOWN.node("cp1"), KNOWN.node("cp2"), KNOWN.node("w1")
HERE = ("/etc/kubernetes/kubelet.conf", "/etc/kubernetes/manifests/kube-apiserver.yaml")
MAPS = frozenset({"kubeadm-config", "kubelet-config", "coredns", "kube-proxy"})
ADDONS = frozenset({"coredns", "kube-proxy"})


def view(node: Node, facts: Any, api: Observed, known: Cluster = KNOWN) -> View[Any]:
    up = api.reachable
    return View(
        cluster=known,
        node=node,
        facts=facts,
        api=api,
        control_plane="cp1" if up else "",
        ca=CA if up else "",
        **workstation(known),
    )


def live(*names: str, maps: frozenset[str] = MAPS, ready: bool = True) -> Observed:
    return Observed(
        reachable=True,
        config_maps=maps,
        workloads=ADDONS,
        nodes=tuple(
            ObservedNode(
                name=name,
                ready=ready,
                labels=((CONTROL_PLANE_LABEL, ""),) if name.startswith("cp") else (),
            )
            for name in names
        ),
    )


def initialises(facts: init.Facts, api: Observed) -> bool:
    return any(isinstance(a, Detached) for a in init.plan(view(CP1, facts, api)))


def codes(phase: Any, known: View[Any]) -> set[str]:
    return {error.code.id for error in phase.check(known)}


@pytest.mark.parametrize("missing", [frozenset[str](), *(MAPS - {m} for m in MAPS), ADDONS])
@pytest.mark.parametrize("run", ["ok", "none"])
def test_a_finished_cluster_is_not_initialised_whatever_its_config_maps(
    missing: frozenset[str], run: str
) -> None:
    facts = init.Facts(run=run, here=HERE, begun=True, finalized=True)

    assert not initialises(facts, live("cp1", "w1", maps=missing))


@pytest.mark.parametrize("here", [HERE, HERE[:1]])
@pytest.mark.parametrize("run", ["ok", "none"])
def test_one_whose_api_is_not_found_is_named_and_not_initialised(
    run: str, here: tuple[str, ...]
) -> None:
    facts = init.Facts(run=run, here=here, begun=True)

    assert not initialises(facts, NOTHING)
    assert codes(init.PHASE, view(CP1, facts, NOTHING)) == {DAMAGED.id}


@pytest.mark.parametrize("run", ["failed", "lost"])
def test_a_record_that_says_failed_does_not_count_against_what_runs(run: str) -> None:
    whole = init.Facts(run=run, here=HERE, begun=True, finalized=True)
    early = init.Facts(run=run, here=HERE, begun=True)

    assert not initialises(whole, live("cp1"))
    assert not initialises(early, live("cp1", "w1"))
    assert initialises(early, live("cp1"))  # cut short before its last phases
    assert initialises(early, NOTHING)


def test_only_an_empty_node_is_initialised_afresh() -> None:
    assert initialises(init.Facts(), NOTHING)
    assert initialises(init.Facts(begun=True), NOTHING)  # the user's own CA lies there
    assert not initialises(init.Facts(here=HERE), NOTHING)


@pytest.mark.parametrize("gone", sorted(ADDONS))
@pytest.mark.parametrize("field", ["config_maps", "workloads"])
def test_a_missing_addon_is_its_own_phase(gone: str, field: str) -> None:
    api = live("cp1", "w1")
    api = Observed(**{**vars_of(api), field: getattr(api, field) - {gone}})

    (action,) = addons.plan(view(CP1, addons.PHASE.facts(), api))

    assert action.text == f"kubeadm init phase addon {gone}"
    assert not initialises(init.Facts(run="ok", here=HERE, begun=True), api)


def vars_of(api: Observed) -> dict[str, Any]:
    return {name: getattr(api, name) for name in api.__dataclass_fields__}


RUNS = ("none", "ok", "failed", "lost")
FACTS = [
    join.Facts(run=run, joined=joined, begun=begun, plane=plane)
    for run in RUNS
    for joined, begun, plane in itertools.product((False, True), repeat=3)
]


@pytest.mark.parametrize("facts", FACTS, ids=repr)
@pytest.mark.parametrize("node", [CP2, W1], ids=["control-plane", "worker"])
def test_a_ready_node_is_not_cleared(node: Node, facts: join.Facts) -> None:
    api = live("cp1", node.name)
    phase = join.CONTROL_PLANE if node.is_control_plane else join.WORKER
    clears = any(a.risk is Risk.DESTROY for a in phase.plan(view(node, facts, api)))

    half_a_control_plane = node is W1 and facts.plane and facts.run in {"failed", "lost"}
    assert clears == (half_a_control_plane and (facts.begun or facts.joined))


@pytest.mark.parametrize("facts", FACTS, ids=repr)
def test_a_live_worker_does_not_become_a_control_plane(facts: join.Facts) -> None:
    """Its role is refused; or else it is a control plane that is half made."""
    worker = ObservedNode(name="cp2", ready=True)
    api = Observed(reachable=True, config_maps=MAPS, nodes=(*live("cp1").nodes, worker))
    known = view(CP2, facts, api)

    clears = [a for a in join.CONTROL_PLANE.plan(known) if a.risk is Risk.DESTROY]
    refused = [d for d in join.CONTROL_PLANE.drift(known) if d.fixed]

    assert bool(refused) == (not facts.plane)
    assert not clears or (facts.plane and facts.run in {"failed", "lost"})


def test_a_join_that_left_no_node_is_cleared() -> None:
    facts = join.Facts(run="lost", begun=True)
    first = next(iter(join.WORKER.plan(view(W1, facts, live("cp1")))))

    assert first.risk is Risk.DESTROY
    assert "kubeadm reset" in first.text
