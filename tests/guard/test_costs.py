"""What a node costs, counted and not timed: round trips, bytes, processes on the node.

A phase that is split into two round trips, a probe that starts a process per file, or a
request that grows breaks a bound here. The bounds are a little above what was counted; the
runtime's ``--version`` alone starts threads, which count as processes, in no fixed number.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench import stragglers
from bench.fleet import JOINED, Fleet
from bench.scene import FILES, TARGET, Scene
from kbootstrap.engine.events import Bus
from kbootstrap.engine.probe import Prober, ProbeResult
from kbootstrap.lock.record import LockState
from kbootstrap.model.example import example
from kbootstrap.model.load import load
from kbootstrap.options import RunOptions
from kbootstrap.remote.meter import Usage
from kbootstrap.run.apply import perform
from kbootstrap.run.run import Run
from phases.workflows import up

pytestmark = pytest.mark.lab


@dataclass(frozen=True)
class Bound:
    """The most one node may cost."""

    trips: int
    sent: int
    received: int
    processes: int


UP = up(example())
HOST_PHASES = tuple(phase for phase in UP[: [p.id for p in UP].index("kubeadm-config") + 1])
# Each phase that changes something is one round trip (all but fitness), and one more is the probe.
# What a second up sends are the probes themselves: a fifth of them looks, before the first change,
# for what would break a node later (tools, resolver, ports, foreign files, umask; KB309 to KB318).
# 800 bytes are about a runtime whose new configuration is still tried (KB336).
FIRST = Bound(trips=len(HOST_PHASES), sent=433_000, received=23_500, processes=380)
AGAIN = Bound(trips=1, sent=16_600, received=7_050, processes=41)
FILES_CHANGED = Bound(trips=2, sent=65_900, received=9_300, processes=38)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    if os.geteuid() != 0:
        pytest.skip("NOT RUN: cheap hosts need root")
    with Fleet(6, "guard") as fleet:
        reach = [(name, host, 22) for name, host in zip(fleet.names, fleet.addresses, strict=True)]
        scene = Scene(fleet, Path(tmp_path_factory.mktemp("guard")), reach)
        scene.write()
        fleet.tell(f"mkdir -p {TARGET}")
        yield scene


def processes(scene: Scene) -> int:
    """The number of the last process started on the second host."""
    return int(scene.fleet.tell("read -r _ _ _ _ last </proc/loadavg; echo $last")[1])


def cost(scene: Scene, *chosen: str) -> tuple[Usage, int, int]:
    """Usage and processes of the worker in one `up` of these phases, and its changes."""
    cluster = load(scene.inventory)
    node = cluster.nodes[1]
    wanted = tuple(phase for phase in UP if phase.id in chosen)
    read = tuple(phase for phase in UP if phase in wanted or phase.shared)
    looking = processes(scene)
    looking = processes(scene) - looking  # what looking itself starts
    before = processes(scene)
    options = RunOptions(inventory=scene.inventory, known_hosts=scene.known_hosts)
    made = Run(options, cluster, read, Bus())
    try:
        made.probe(cluster.nodes)
        assert made.errors == []
        made.read_inputs(None)
        plan = made.plan(cluster.nodes, wanted)
        outcomes = perform(made, plan) if plan.changes else ()
        assert [o.error for o in outcomes if o.error] == []
        usage = made.connections.meter.snapshot()[node.name]
    finally:
        made.close()
    changes = sum(o.changes for o in outcomes if o.node == node.name)
    return usage, processes(scene) - before - looking, changes


def assert_within(bound: Bound, usage: Usage, started: int) -> None:
    said = f"{usage}, {started} processes"
    print(said)
    assert usage.connects == 1, said
    assert usage.trips == bound.trips, said
    assert usage.sent <= bound.sent, said
    assert usage.received <= bound.received, said
    assert started <= bound.processes, said


def test_a_first_up_is_one_trip_per_phase_that_changes(scene: Scene) -> None:
    usage, started, changes = cost(scene, *(phase.id for phase in HOST_PHASES))

    assert changes > FILES
    assert_within(FIRST, usage, started)


def test_a_second_up_is_one_trip(scene: Scene) -> None:
    scene.fleet.tell(JOINED)

    usage, started, changes = cost(scene, *(phase.id for phase in HOST_PHASES))

    assert changes == 0
    assert_within(AGAIN, usage, started)


def test_a_look_in_two_trips_is_noticed(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard itself: a probe that asks twice breaks the bound."""
    probe = Prober.probe

    def twice(self: Prober, at_lock: Callable[[LockState], None] | None = None) -> ProbeResult:
        probe(self, at_lock)
        return probe(self, at_lock)

    monkeypatch.setattr(Prober, "probe", twice)
    usage, started, _ = cost(scene, *(phase.id for phase in HOST_PHASES))

    with pytest.raises(AssertionError, match="trips=2"):
        assert_within(AGAIN, usage, started)


def test_twenty_changed_files_are_one_look_and_one_step(scene: Scene) -> None:
    scene.next_files()

    usage, started, changes = cost(scene, "files")

    assert changes == FILES
    assert_within(FILES_CHANGED, usage, started)


def test_no_phase_makes_a_wire_of_its_own(scene: Scene) -> None:
    """Nodes after the first cost the same: what a node costs does not grow with their number."""
    cluster = load(scene.inventory)
    options = RunOptions(inventory=scene.inventory, known_hosts=scene.known_hosts)
    made = Run(options, cluster, HOST_PHASES, Bus())
    try:
        made.probe(cluster.nodes)
        spent = made.connections.meter.snapshot()
    finally:
        made.close()

    assert {name: (u.connects, u.trips) for name, u in spent.items()} == {
        node.name: (1, 1) for node in cluster.nodes
    }


def test_bad_hosts_delay_no_other(scene: Scene) -> None:
    """The slow, the hanging and the dead host get well only when the others have ended."""
    stragglers.run_files(scene, bad=True)


def test_a_jump_host_is_logged_in_to_once(scene: Scene) -> None:
    found = stragglers.through_jump(scene)

    assert found["errors"] == []
    assert (found["connections to it"], found["hosts behind it"]) == (1, 5)
