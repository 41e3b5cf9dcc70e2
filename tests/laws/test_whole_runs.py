"""A whole `up`, played through by effects alone: it does what was printed and ends with nothing.

What is printed is planned for an empty cluster; each step is planned again once the ones
before it are done, and may then want no more than was printed.
"""

import dataclasses
from typing import Any

import pytest

from kbootstrap.engine.phase import AnyPhase, View, forward
from kbootstrap.engine.plan import Plan
from kbootstrap.engine.planner import make_plan, verdicts
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.load import load
from kbootstrap.model.observed import NOTHING, Observed
from kbootstrap.model.starters import LAYOUTS
from kbootstrap.resources import data_path
from phases import cleanup, fitness, host, identity, init, kubeconfig, programs, workflows
from tests.laws.clusters import CA, NAMES, NOW, SWAPPING_HOST, cluster, workstation

# A node as it should be, and one that has yet everything to be done.
FIT = identity.Facts(
    uid=0,
    var_kib=8 * 1024 * 1024,
    etc_kib=1024 * 1024,
    runtime=True,
    address=("2001:db8::11", "2001:db8::21"),
)
FACTS: dict[type, Any] = {
    identity.Facts: FIT,
    fitness.Facts: fitness.Facts(
        address=True,
        network=("/etc/cni/net.d/10-flannel.conflist",),
    ),
    host.Facts: host.Facts(missing_module=host.MODULES, wrong_sysctl=("net.ipv4.ip_forward",)),
}


class World:
    """The facts of all nodes and the API, changed by effects."""

    def __init__(self, known: Cluster) -> None:
        self.known = known
        self.api = NOTHING
        self.facts: dict[tuple[str, str], Any] = {}
        self.hosts = {node.name: SWAPPING_HOST for node in known.nodes}

    def view(self, phase: AnyPhase, node: Node) -> View[object]:
        """What is now."""
        facts = self.facts.get((phase.id, node.name)) or self._first(phase)
        up = self.api.reachable
        return View(
            cluster=self.known,
            node=node,
            facts=facts,
            host=self.hosts[node.name],
            api=self.api,
            control_plane=self.known.first.name if up else "",
            ca=CA if up else "",
            **workstation(self.known, kubeconfig_ca=CA if up else ""),
            now=NOW,
        )

    def _first(self, phase: AnyPhase) -> Any:
        if phase is programs.PHASE:
            found = tuple(f"{name} {self.known.version}" for name in ("kubeadm", "kubelet"))
            return programs.Facts(version=found)
        return FACTS.get(phase.facts) or phase.facts()

    def step(self, phase: AnyPhase, node: Node) -> frozenset[str]:
        """Carry a step out; the keys of what it did."""
        view = self.view(phase, node)
        actions = tuple(phase.plan(view))
        after = forward(view, actions)
        self.facts[phase.id, node.name], self.api = after.facts, after.api
        self.hosts[node.name] = after.host
        if phase is init.PHASE:
            self.api = began(self.api, node)
        return frozenset(key for action in actions for key in action.keys)


def began(api: Observed, first: Node) -> Observed:
    """What kubeadm init leaves besides what the phase promises."""
    nodes = api.with_node(first.name, taints=first.taints or ())
    return dataclasses.replace(api, nodes=nodes, token_owners=frozenset({cleanup.INIT}))


LAYOUT_NAMES = [*NAMES, *(f"{layout}.yaml" for layout in LAYOUTS)]


def world_of(name: str) -> World:
    return World(cluster(name) if name in NAMES else load(data_path("inventory") / name))


@pytest.mark.parametrize("name", LAYOUT_NAMES)
def test_up_does_what_it_printed_and_leaves_nothing_to_do(name: str) -> None:
    world = world_of(name)
    printed = played(world)
    assert printed.step(world.known.first.name, kubeconfig.PHASE.id)


@pytest.mark.parametrize("name", LAYOUT_NAMES)
def test_up_planned_while_the_init_of_a_killed_run_continues(name: str) -> None:
    """The API serves by then, but the token that init makes is yet to come."""
    world = world_of(name)
    world.facts[init.PHASE.id, world.known.first.name] = init.Facts(run="running", begun=True)
    world.api = dataclasses.replace(
        NOTHING, reachable=True, config_maps=frozenset({"kubeadm-config"})
    )
    played(world)


def played(world: World) -> Plan:
    """Carry `up` out, and see that nothing is left."""
    known = world.known
    assert not list(verdicts(known, workflows.up(known), known.nodes, world.view))
    printed = make_plan(known, workflows.up(known), known.nodes, world.view)

    for step in printed.steps:
        assert world.step(step.phase, known.node(step.node)) <= step.keys

    left = make_plan(known, workflows.up(known), known.nodes, world.view).changes
    assert [(step.phase.id, step.node, step.keys) for step in left] == []
    assert not list(verdicts(known, workflows.up(known), known.nodes, world.view))
    return printed
