"""A whole upgrade, played through by effects alone, on 3 control planes and 100 workers.

Each step does no more than was printed; cut off behind any action it continues; at the end
nothing is left. And a node that was cordoned before stays cordoned.
"""

import dataclasses
from collections import Counter
from typing import Any

import pytest

from kbootstrap import components
from kbootstrap.action import Action, Cordon, Drain, Uncordon
from kbootstrap.codes import DISK_FULL
from kbootstrap.engine.phase import AnyPhase, View, forward
from kbootstrap.engine.planner import make_plan, verdicts
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.document import Document
from kbootstrap.model.observed import Observed, ObservedNode
from kbootstrap.model.versions import Version
from kbootstrap.options import RunOptions
from phases import upgrade, upgrade_facts, upgrade_prepare, workflows
from tests.laws.clusters import FIT_HOST, from_text, workstation

OLD, NEW = "v1.34.2", "v1.35.1"
PLANES = tuple(f"cp-{number}" for number in range(1, 4))
WORKERS = tuple(f"worker-{number}" for number in range(1, 101))
TEXT = "cluster: {name: demo}\nkubernetes: {version: v1.35.1}\napi: {endpoint: 'api.test:6443'}\n"
TEXT += "nodes:\n" + "".join(
    f"  - {{name: {name}, address: 192.0.2.{at}, role: {role}}}\n"
    for role, names in (("control-plane", PLANES), ("worker", WORKERS))
    for at, name in enumerate(names, 10 if role == "worker" else 1)
)
CLUSTER = from_text(TEXT)
HOST = dataclasses.replace(FIT_HOST, cgroup=1)
RUNTIME = {"version": "2.1.0", "active": True, "enabled": True, "answers": True}


class World:
    """Every node's facts and the API, changed by effects."""

    def __init__(self, *, theirs: frozenset[str] = frozenset(), drain: bool = True) -> None:
        self.known: Cluster = CLUSTER
        self.options = RunOptions(no_drain=not drain)
        self.facts: dict[tuple[str, str], Any] = {}
        self.done: Counter[tuple[str, type[Action]]] = Counter()
        self.api = Observed(
            reachable=True,
            ready=True,
            nodes=tuple(
                ObservedNode(
                    name=name, ready=True, kubelet_version=OLD, unschedulable=name in theirs
                )
                for name in (*PLANES, *WORKERS)
            ),
            kubeadm_config=Document.of({"kubernetesVersion": OLD}),
            kubelet_config=Document.of({"failCgroupV1": False}),
            busy=frozenset(WORKERS),
        )

    def view(self, phase: AnyPhase, node: Node) -> View[object]:
        facts = self.facts.get((phase.id, node.name)) or self._first(phase, node)
        return View(
            cluster=self.known,
            node=node,
            facts=facts,
            host=HOST,
            api=self.api,
            options=self.options,
            now=1,
            **workstation(CLUSTER),
        )

    def _first(self, phase: AnyPhase, node: Node) -> Any:
        if phase is upgrade_prepare.PHASE:
            serves = OLD if node.is_control_plane else ""
            return upgrade_prepare.Facts(kubeadm=OLD, serves=serves, free_kib=1 << 22)
        if phase is upgrade.WORKER:
            return upgrade_facts.Facts(kubelet=OLD, **RUNTIME)  # type: ignore[arg-type]
        if phase is upgrade.CONTROL_PLANE:
            pods = tuple(f"{OLD} {name}" for name in components.CONTROL_PLANE)
            return upgrade_facts.PlaneFacts(kubelet=OLD, pod=pods, **RUNTIME)  # type: ignore[arg-type]
        return phase.facts()

    def step(self, phase: AnyPhase, node: Node) -> frozenset[str]:
        """Carry a step out, cut off behind every action; the keys of what it did."""
        keys: set[str] = set()
        while actions := tuple(phase.plan(self.view(phase, node))):
            after = forward(self.view(phase, node), actions[:1])
            self.facts[phase.id, node.name], self.api = after.facts, after.api
            keys |= actions[0].keys
            self.done[node.name, type(actions[0])] += 1
        return frozenset(keys)


@pytest.fixture(scope="module")
def after() -> World:
    """The world after the upgrade, in which others had cordoned worker-7 before."""
    world = World(theirs=frozenset({"worker-7"}))
    assert not list(verdicts(CLUSTER, workflows.upgrade(CLUSTER), CLUSTER.nodes, world.view))
    printed = make_plan(CLUSTER, workflows.upgrade(CLUSTER), CLUSTER.nodes, world.view)
    for step in printed.steps:
        assert world.step(step.phase, CLUSTER.node(step.node)) <= step.keys
    return world


def test_nothing_is_left(after: World) -> None:
    left = make_plan(CLUSTER, workflows.upgrade(CLUSTER), CLUSTER.nodes, after.view).changes
    assert [(step.phase.id, step.node, step.keys) for step in left] == []
    assert {node.kubelet_version for node in after.api.nodes} == {NEW}
    assert after.api.kubeadm_config.data["kubernetesVersion"] == NEW


def test_every_node_is_drained_once_and_let_go(after: World) -> None:
    for name in (*PLANES, *WORKERS):
        theirs = name == "worker-7"
        assert after.done[name, Drain] == after.done[name, Uncordon] == 1
        assert after.done[name, Cordon] == (not theirs)
    nodes = {node.name: node for node in after.api.nodes}
    assert {name for name, node in nodes.items() if node.unschedulable} == {"worker-7"}
    assert {(node.cordoned_by, node.drained_by) for node in nodes.values()} == {("", "")}


def test_without_a_drain_no_pod_is_moved() -> None:
    world = World(drain=False)
    for step in make_plan(CLUSTER, workflows.upgrade(CLUSTER), CLUSTER.nodes, world.view).steps:
        world.step(step.phase, CLUSTER.node(step.node))
    assert not any(kind in {Cordon, Drain, Uncordon} for _, kind in world.done)
    assert {node.kubelet_version for node in world.api.nodes} == {NEW}


@pytest.mark.parametrize("run", ["none", "running", "ok", "failed", "lost"])
@pytest.mark.parametrize("pods", [OLD, NEW])
@pytest.mark.parametrize("stored", [OLD, NEW])
@pytest.mark.parametrize("name", ["cp-1", "cp-2"])
def test_apply_is_run_again_unless_it_is_proven_done(
    name: str, run: str, pods: str, stored: str
) -> None:
    world, node = World(), CLUSTER.node(name)
    world.api = dataclasses.replace(
        world.api, kubeadm_config=Document.of({"kubernetesVersion": stored})
    )
    facts = world.view(upgrade.CONTROL_PLANE, node).facts
    pod = tuple(f"{pods} {one}" for one in components.CONTROL_PLANE)
    world.facts["upgrade-control-plane", name] = dataclasses.replace(  # type: ignore[type-var]
        facts, run=run, pod=pod
    )

    keys = [a.key for a in upgrade.plan(world.view(upgrade.CONTROL_PLANE, node))]

    done = run in {"ok", "none"} and pods == NEW and (stored == NEW or name == "cp-2")
    assert (f"run upgrade-{NEW}" in keys) is not done


def test_the_version_of_the_text_is_the_target() -> None:
    assert CLUSTER.version == Version.parse(NEW)


def test_room_for_kubeadm_s_copy_of_etcd_is_asked_for_where_it_goes() -> None:
    """Which is /etc/kubernetes/tmp, maybe on a disk of its own."""
    mib = 1024
    facts = upgrade_prepare.Facts(free_kib=1 << 22, etcd_kib=200 * mib, etc_free_kib=100 * mib)
    view = View(cluster=CLUSTER, node=CLUSTER.first, facts=facts)

    (error,) = upgrade_prepare.check(view)

    assert error.code is DISK_FULL
    assert "/etc/kubernetes has 100 MiB free, 201 are required" in error.message
    roomy = dataclasses.replace(facts, etc_free_kib=200 * mib)
    assert not list(upgrade_prepare.check(dataclasses.replace(view, facts=roomy)))
