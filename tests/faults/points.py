"""Where a run can be broken: made from the phase lists, so that a new phase is covered unasked.

Pure. A `Stage` is one command in the life of a cluster; its points are each of its phases, on
each node the phase runs on, before, inside and after.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum
from types import ModuleType

from kbootstrap.engine.phase import AnyPhase
from kbootstrap.model.cluster import Cluster, Node
from phases import workflows

LOOK = "connect"  # the look at all nodes before the plan; no phase, but broken like one
NEXT = "v1.35.1"  # where the upgrade of a life goes
# The phases of `up` that change a running cluster; the others have nothing to do there.
CHANGES = (
    *("runtime", "control-plane", "control-plane-config", "cluster-config", "kube-proxy"),
    *("kubelet-config", "labels"),
)


class Moment(IntEnum):
    """When, of a phase on a node."""

    BEFORE = 0  # its step begins
    INSIDE = 1  # its first actions are under way
    AFTER = 2  # its step has ended, the next has not begun


@dataclass(frozen=True, slots=True)
class Point:
    """One place in one command."""

    stage: str
    phase: str
    node: str
    moment: Moment

    def __str__(self) -> str:
        return f"{self.stage} {self.phase} {self.node} {self.moment.name.lower()}"


@dataclass(frozen=True, slots=True)
class Stage:
    """One command of a cluster's life.

    Attributes:
        arguments: the operator's command.
        nodes: the names of those it is about.
        members: the nodes in the cluster once it is done.
        whole: it does all there is to do; not when others of its name follow.
        optional: without faults it can be left out; the next stages need nothing of it.

    """

    name: str
    verb: str
    arguments: tuple[str, ...]
    phases: tuple[AnyPhase, ...]
    nodes: tuple[str, ...]
    members: tuple[str, ...]
    whole: bool = True
    optional: bool = False

    @property
    def order(self) -> dict[str, int]:
        """Where in the run a phase stands."""
        return {LOOK: -1} | {phase.id: index for index, phase in enumerate(self.phases)}


def life(cluster: Cluster, lists: ModuleType = workflows) -> tuple[Stage, ...]:
    """The commands of a cluster's whole life, in an order in which each has something to do."""
    everybody = tuple(node.name for node in cluster.nodes)
    worker = next(node.name for node in reversed(cluster.nodes) if not node.is_control_plane)
    leader = cluster.control_planes[-1].name
    stages = [Stage("up", "up", ("up", "--yes"), lists.up(cluster), everybody, everybody)]
    for name, kind in ((worker, "worker"), (leader, "control-plane")):
        left = tuple(other for other in everybody if other != name)
        leave, enter = ("reset", name, "--yes"), ("join", name, "--yes")
        stages += [
            Stage(f"reset-{kind}", "reset", leave, lists.reset(cluster), (name,), left),
            Stage(f"join-{kind}", "join", enter, lists.up(cluster), (name,), everybody),
        ]
    again, phases = ("replace", leader, "--yes"), lists.leave_for_another(cluster)
    phases = (*phases, *lists.up(cluster))
    stages.append(Stage("replace", "replace", again, phases, (leader,), everybody, optional=True))
    stages += _day_two(cluster, lists, everybody)
    first = lists.etcd_snapshot(cluster)
    newer = ("upgrade", "--to", NEXT, "--yes")
    upgrade = (*first, *lists.upgrade(cluster))
    stages.append(Stage("upgrade", "upgrade", newer, upgrade, everybody, everybody))
    whole = ("reset", "--yes", "--destroy-cluster")
    phases = (*first, *lists.reset_all(cluster))
    stages.append(Stage("reset-all", "reset", whole, phases, everybody, ()))
    return tuple(stages)


def _day_two(cluster: Cluster, lists: ModuleType, everybody: tuple[str, ...]) -> Iterator[Stage]:
    """Settings that change, certificates that expire soon, other CAs; see `Bench.prepare`."""
    changes = tuple(phase for phase in lists.up(cluster) if phase.id in CHANGES)
    up, renew = ("up", "--yes"), ("certs", "renew", "--yes")
    yield Stage("change", "change", up, changes, everybody, everybody, optional=True)
    phases = lists.renew_certs(cluster)
    yield Stage("renew", "renew", renew, phases, everybody, everybody, optional=True)
    phases, rotate = lists.rotate_ca(cluster), ("certs", "rotate-ca", "--yes")
    yield Stage("rotate", "rotate", rotate, phases, everybody, everybody, optional=True)


def apart(stage: Stage) -> tuple[Stage, ...]:
    """``up`` or ``upgrade`` of one node after the other.

    While a fault lasts on one node the others continue, past all points they still had; so one
    that lasts meets each node alone.
    """
    if stage.verb not in {"up", "upgrade"}:
        return (stage,)
    return tuple(
        replace(
            stage,
            arguments=(*stage.arguments, "--limit", name),
            nodes=(name,),
            members=stage.nodes[: at + 1] if stage.verb == "up" else stage.members,
            whole=at + 1 == len(stage.nodes),
        )
        for at, name in enumerate(stage.nodes)
    )


def points(stage: Stage, cluster: Cluster) -> tuple[Point, ...]:
    """Every point of a stage, in the order of its phases."""
    return (*_look(stage), *_phases(stage, cluster))


def _look(stage: Stage) -> Iterator[Point]:
    """The look at the nodes: once before all, once after all, and at each node."""
    first = stage.nodes[0]
    yield Point(stage.name, LOOK, first, Moment.BEFORE)
    for name in stage.nodes:
        yield Point(stage.name, LOOK, name, Moment.INSIDE)
    yield Point(stage.name, LOOK, first, Moment.AFTER)


def _phases(stage: Stage, cluster: Cluster) -> Iterator[Point]:
    chosen: list[Node] = [cluster.node(name) for name in stage.nodes]
    for phase in stage.phases:
        for node in chosen:
            if phase.on(cluster, node):
                for moment in Moment:
                    yield Point(stage.name, phase.id, node.name, moment)


def inner(stage: Stage, cluster: Cluster) -> frozenset[Point]:
    """The ``after`` points that something else of the same node follows.

    A fault that lasts is still there at the ``before`` that comes next: they are one case.
    """
    last = {point.node: point for point in points(stage, cluster)}
    return frozenset(
        point
        for point in points(stage, cluster)
        if point.moment is Moment.AFTER and point.phase != LOOK and point != last[point.node]
    )


def role(cluster: Cluster, name: str) -> str:
    """What a node is in the matrix: each kind runs a path of its own."""
    node = cluster.node(name)
    if node == cluster.first:
        return "first control plane"
    return "control plane" if node.is_control_plane else "worker"
