"""When `replace` takes a node out, and what it refuses before that."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from kbootstrap import codes
from kbootstrap.drift.node import of_node
from kbootstrap.errors import RefusedError
from kbootstrap.guards import replace as guard
from kbootstrap.model.cluster import Node
from kbootstrap.model.difference import Difference
from kbootstrap.model.etcd import EtcdMember
from kbootstrap.model.observed import CONTROL_PLANE_LABEL, Observed, ObservedNode
from kbootstrap.options import RunOptions
from kbootstrap.run import control_plane
from kbootstrap.run.run import Run
from phases import identity, join, reset, workflows
from phases.reset_clean import CLEAN
from tests.laws.clusters import cluster

HA = cluster("ha")
CP2, W1 = HA.node("cp2"), HA.node("w1")
JOINED = join.Facts(run="ok", joined=True)


class Fake:
    """A run that has probed one host."""

    def __init__(
        self,
        node: Node,
        *,
        facts: join.Facts = JOINED,
        runs: bool = True,
        observed: Observed | None = None,
        dry_run: bool = False,
    ) -> None:
        phase = join.CONTROL_PLANE if node.is_control_plane else join.WORKER
        present = reset.Present(kubernetes=runs)
        found = {phase.id: facts, reset.LEAVE.id: present, identity.PHASE.id: identity.Facts()}
        self.cluster, self.notes = HA, list[str]()
        self.probes = {node.name: SimpleNamespace(facts=found)}
        self.options = RunOptions(dry_run=dry_run)
        self.observe: Callable[[], Observed] = lambda: observed or seen(node)
        self.bus = SimpleNamespace(note=lambda *words: self.notes.append(words[-1]))


def member(name: str, *, healthy: bool = True) -> EtcdMember:
    address = HA.node(name).advertise_address
    return EtcdMember(id=name, name=name, peer_url=f"https://{address}:2380", healthy=healthy)


def seen(node: Node, *members: EtcdMember, ready: bool = True, **fields: Any) -> Observed:
    labels = ((CONTROL_PLANE_LABEL, ""),) if node.is_control_plane else ()
    found = ObservedNode(name=node.name, ready=ready, labels=labels, **fields)
    return Observed(nodes=(found,), etcd=members or (member("cp1"), member("cp2")))


def leaves(node: Node, found: tuple[Difference, ...] = (), **fields: Any) -> bool:
    return guard.must_leave(cast("Run", Fake(node, **fields)), node, found)


@pytest.mark.parametrize("node", [CP2, W1])
def test_a_ready_member_as_it_should_be_stays(node: Node) -> None:
    assert not leaves(node)


@pytest.mark.parametrize("node", [CP2, W1])
def test_a_member_that_is_not_as_it_should_be_leaves(node: Node) -> None:
    address = "192.0.2.99"
    moved = tuple(of_node(HA, node, seen(node, address=address, addresses=(address,))))

    assert leaves(node, observed=seen(node, ready=False))
    assert leaves(node, facts=join.Facts())  # reinstalled, while the API still calls it Ready
    assert leaves(node, moved)


@pytest.mark.parametrize("node", [CP2, W1])
def test_a_node_that_has_just_joined_is_given_time_to_be_ready(node: Node) -> None:
    def new(seconds: float, **fields: Any) -> bool:
        return leaves(node, observed=seen(node, ready=False, age=seconds), **fields)

    assert not new(60)
    assert new(guard.JOIN_SECONDS + 1)
    assert new(60, facts=join.Facts(begun=True))  # its join was cut short


def test_differences_of_others_and_of_the_cluster_are_no_reason() -> None:
    other = Difference(key="nodes.w1.role", live="a", wanted="b", node="w1", fixed=True)
    whole = Difference(key="network.pod_cidr", live="a", wanted="b", fixed=True)

    assert not leaves(CP2, (other, whole))


@pytest.mark.parametrize(
    "members", [(member("cp1"),), (member("cp1"), member("cp2", healthy=False))]
)
def test_a_control_plane_without_a_healthy_member_leaves(members: tuple[EtcdMember, ...]) -> None:
    assert leaves(CP2, observed=seen(CP2, *members))


def test_a_worker_that_has_a_member_leaves() -> None:
    """The inventory names another role now."""
    own = EtcdMember(id="4", name="w1", peer_url="https://192.0.2.21:2380", healthy=True)

    assert leaves(W1, observed=seen(W1, member("cp1"), own))


def test_once_node_and_member_are_gone_only_the_join_is_left() -> None:
    gone = Observed(etcd=(member("cp1"),))

    assert not leaves(CP2, facts=join.Facts(begun=True, run="lost"), observed=gone)
    assert leaves(CP2, facts=join.Facts(), observed=Observed(etcd=(member("cp2"),)))


def test_a_join_that_runs_is_followed() -> None:
    learner = replace(member("cp2"), name="", learner=True)

    running = join.Facts(run="running", begun=True)
    assert not leaves(CP2, facts=running, observed=Observed(etcd=(learner,)))


def test_the_node_object_goes_last() -> None:
    """It shows an interrupted run that the node has yet to leave."""
    ids = [phase.id for phase in workflows.leave_for_another(HA)]

    assert ids == ["drain", "etcd-member", "leave", CLEAN.id, "node-object"]
    of_member = workflows.leave_for_another(HA)[1]
    assert of_member.on(HA, W1)
    assert not of_member.on(cluster("external-etcd"), CP2)


def alive(monkeypatch: pytest.MonkeyPatch, fake: Fake) -> list[str]:
    monkeypatch.setattr(guard, "SILENT_SECONDS", 0.05)
    found = guard.alive_elsewhere(cast("Run", fake), W1)
    return [f"{one.code.id} {one.hint}" for one in found]


def test_a_kubelet_that_reports_from_another_host_isrefused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (text,) = alive(monkeypatch, Fake(W1, runs=False))

    assert text.startswith("KB407 Stop the host that still runs as w1")


def test_the_kubelet_of_this_host_may_report(monkeypatch: pytest.MonkeyPatch) -> None:
    assert alive(monkeypatch, Fake(W1)) == []
    assert alive(monkeypatch, Fake(W1, runs=False, observed=seen(W1, ready=False))) == []
    assert alive(monkeypatch, Fake(W1, runs=False, dry_run=True)) == []


def test_only_a_kubelet_that_reports_ends_the_pods() -> None:
    drains = [
        guard.drains(cast("Run", Fake(W1, runs=runs, observed=seen(W1, ready=ready))), W1)
        for runs in (True, False)
        for ready in (True, False)
    ]

    assert drains == [True, False, False, False]


def refusals(
    monkeypatch: pytest.MonkeyPatch, known: Any, *found: Difference, runs: bool = True
) -> list[str]:
    fake = Fake(CP2, runs=runs)
    fake.cluster = known
    monkeypatch.setattr("phases.init.same_version", lambda _: iter(()))
    monkeypatch.setattr(guard, "check", lambda *_: ())
    monkeypatch.setattr(fake, "view", lambda *_: None, raising=False)
    return [one.code.id for one in guard.refused(cast("Run", fake), CP2, found)]


@pytest.mark.parametrize(
    ("key", "node", "runs", "refused"),
    [
        ("nodes.cp2.role", "cp2", True, False),
        ("nodes.cp2.advertise_address", "cp2", True, False),
        ("runtime.type", "cp2", True, True),
        ("runtime.type", "cp2", False, False),
        ("api.bind_port", "cp2", True, True),
        ("network.pod_cidr", "", True, True),
    ],
)
def test_what_the_join_would_refuse_is_refused_before(
    monkeypatch: pytest.MonkeyPatch, key: str, node: str, *, runs: bool, refused: bool
) -> None:
    found = Difference(key=key, live="a", wanted="b", node=node, fixed=True)

    assert refusals(monkeypatch, HA, found, runs=runs) == [codes.FIXED.id] * refused


def test_an_endpoint_that_is_the_node_itself_isrefused(monkeypatch: pytest.MonkeyPatch) -> None:
    own = replace(HA, api=replace(HA.api, endpoint=f"{CP2.advertise_address}:6443"))

    assert refusals(monkeypatch, own) == ["KB439"]
    assert refusals(monkeypatch, HA) == []


def test_without_another_control_plane_the_next_step_is_not_that_of_reset(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, answer in (("probe_others", False), ("refuse_foreign", None), ("_reasons", "")):
        monkeypatch.setattr(control_plane, name, lambda *_, answer=answer: answer)

    with pytest.raises(RefusedError) as refused:
        control_plane.find_remaining_control_plane(
            cast("Run", Fake(CP2)), (CP2,), next_step=guard.NO_OTHER
        )

    assert "kbootstrap etcd restore" in refused.value.next_step
    assert "--without-api" not in refused.value.next_step
