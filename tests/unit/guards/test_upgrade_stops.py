"""What stops an upgrade before a change: budgets, and kubeadm's job that no node can run."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from kbootstrap.action import Cordon, Detached, Drain
from kbootstrap.engine.inputs import LocalInputs
from kbootstrap.engine.plan import Plan, Step
from kbootstrap.guards.upgrade_stops import note_effects, stops
from kbootstrap.model.cluster import Taint
from kbootstrap.model.observed import CONTROL_PLANE_LABEL, FOR_UPGRADE, Observed, ObservedNode
from kbootstrap.remote.drain import Budgeted
from kbootstrap.run.run import Run
from phases import upgrade
from tests.laws.clusters import cluster

ONE = cluster("cri-o")  # cp1, w1, w2
PLANE = Taint(CONTROL_PLANE_LABEL, "", "NoSchedule")
OWN = Taint("dedicated", "db", "NoSchedule")
DRAINED = (Cordon(why="", node="cp1"), Drain(why="", node="cp1"))
KUBEADM = Detached(why="", name="upgrade", title="kubeadm upgrade apply", body="", seconds=1)


def plan(*actions: Any) -> Plan:
    return Plan((Step("cp1", upgrade.CONTROL_PLANE, actions),))


def nodes(**taints: tuple[Taint, ...]) -> Observed:
    found = (ObservedNode(name=name, ready=True, taints=own) for name, own in taints.items())
    return Observed(nodes=tuple(found))


class Fake:
    """A run: its notes, and what its API says."""

    def __init__(self, observed: Observed, known: Any = ONE, *pods: Budgeted) -> None:
        self.notes: list[str] = []
        self.cluster, self.observed, self.pods = known, observed, pods
        self.inputs = LocalInputs(patches={"corednsdeployment.yaml": "spec: {replicas: 1}"})
        self.api_connection = SimpleNamespace(api=lambda: self)
        self.bus = SimpleNamespace(note=lambda node, _, text: self.notes.append(f"{node} {text}"))

    def observe(self) -> Observed:
        return self.observed

    def budgeted_pods(self) -> tuple[Budgeted, ...]:
        return self.pods

    def addon_resets(self, without: set[str], patches: Any) -> list[Any]:
        return [SimpleNamespace(text=f"{sorted(without)} {[patch.data for patch in patches]}")]


def codes(run: Fake, found: Plan) -> list[str]:
    return [f"{f.code.id} {f.where.node} {f.detail}" for f in stops(cast("Run", run), found)]


def test_every_other_node_refuses_the_job() -> None:
    observed = nodes(cp1=(PLANE,), w1=(OWN,), w2=(OWN,))

    (text,) = codes(Fake(observed), plan(*DRAINED, KUBEADM))

    assert text == "KB429 cp1 w1: dedicated=db:NoSchedule\nw2: dedicated=db:NoSchedule"


@pytest.mark.parametrize(
    "observed",
    [
        nodes(cp1=(PLANE,), w1=(), w2=(OWN,)),
        nodes(cp1=(PLANE,), w1=(replace(OWN, effect="PreferNoSchedule"),)),
        nodes(cp1=(PLANE,), w1=(Taint("node.kubernetes.io/not-ready", "", "NoExecute"),)),
        nodes(cp1=(PLANE,), cp2=(PLANE,), w1=(OWN,)),
        nodes(cp1=(PLANE,)),  # kubeadm skips the job
    ],
)
def test_a_node_can_run_it_or_will_soon(observed: Observed) -> None:
    assert codes(Fake(observed), plan(*DRAINED, KUBEADM)) == []


def test_the_first_one_runs_it_if_it_is_not_cordoned() -> None:
    observed = nodes(cp1=(PLANE,), w1=(OWN,))

    assert codes(Fake(observed), plan(KUBEADM)) == []


def test_nothing_is_asked_once_kubeadm_has_run_or_if_the_check_is_ignored() -> None:
    observed = nodes(cp1=(PLANE,), w1=(OWN,))
    ignoring = replace(ONE, kubeadm=replace(ONE.kubeadm, ignore_preflight=("CreateJob",)))

    assert codes(Fake(observed), plan(*DRAINED)) == []
    assert codes(Fake(observed, ignoring), plan(*DRAINED, KUBEADM)) == []


def test_only_pods_of_nodes_that_are_drained_are_named() -> None:
    pods = (Budgeted("cp1", "a/b", "a/all"), Budgeted("w1", "a/c", "a/all"))
    run = Fake(nodes(w1=()), ONE, *pods)

    assert codes(run, plan(*DRAINED)) == ["KB428 cp1 a/b: a/all"]
    assert codes(run, plan(KUBEADM)) == []


def test_cordoned_nodes_and_what_is_reset_are_reported() -> None:
    mine = ObservedNode(name="w1", ready=True, unschedulable=True, cordoned_by=FOR_UPGRADE)
    theirs = ObservedNode(name="w2", ready=True, unschedulable=True)
    known = replace(ONE, addons=replace(ONE.addons, dns=False))
    run = Fake(Observed(nodes=(mine, theirs)), known)

    note_effects(cast("Run", run), plan(*DRAINED, KUBEADM))

    assert run.notes == [
        "w2 it is cordoned, so it takes no pods of the nodes that are drained",
        " ['coredns', 'kube-dns'] [{'spec': {'replicas': 1}}]",
    ]
    run.notes.clear()
    note_effects(cast("Run", run), Plan(()))
    assert run.notes == []
