"""The matrix is made from the phase lists: a new phase, or a new list, is in it unasked."""

from dataclasses import replace
from types import ModuleType

from kbootstrap.engine.phase import AnyPhase
from kbootstrap.model.cluster import Cluster
from phases import workflows
from tests.faults.points import LOOK, Moment, apart, inner, life, points, role
from tests.laws.clusters import cluster as known


def the_cluster() -> Cluster:
    """Two control planes or more, and a worker."""
    return known("ha")


def test_every_phase_of_every_command_is_in_it_on_every_role() -> None:
    cluster = the_cluster()
    made = {
        (stage.verb, point.phase, role(cluster, point.node), point.moment)
        for stage in life(cluster)
        for point in points(stage, cluster)
    }

    for verb, workflow in (
        ("up", workflows.up),
        ("reset", workflows.reset),
        ("join", workflows.up),
    ):
        for phase in workflow(cluster):
            for node in cluster.nodes:
                if phase.on(cluster, node) and not (verb != "up" and node == cluster.first):
                    for moment in Moment:
                        assert (verb, phase.id, role(cluster, node.name), moment) in made


def test_the_look_at_the_nodes_is_a_point_too() -> None:
    cluster = the_cluster()
    up = life(cluster)[0]

    look = [point for point in points(up, cluster) if point.phase == LOOK]

    assert len(look) == len(cluster.nodes) + 2


def test_a_new_phase_brings_three_points_on_each_of_its_nodes() -> None:
    cluster = the_cluster()
    more: AnyPhase = replace(workflows.up(cluster)[0], id="new-phase")
    lists = ModuleType("lists")
    lists.__dict__.update(vars(workflows) | {"up": lambda known: (*workflows.up(known), more)})

    new = [p for p in points(life(cluster, lists)[0], cluster) if p.phase == "new-phase"]

    assert len(new) == 3 * len(cluster.nodes)


def test_an_inner_after_is_followed_by_a_before_of_the_same_node() -> None:
    """And the last of each node is not inner, nor is the end of the look."""
    cluster = the_cluster()
    for stage in life(cluster):
        found = points(stage, cluster)
        left_out = inner(stage, cluster)
        for at, point in enumerate(found):
            later = {p.moment for p in found[at + 1 :] if p.node == point.node}
            is_inner = point.moment is Moment.AFTER and Moment.BEFORE in later
            assert (point in left_out) == (is_inner and point.phase != LOOK)


def test_apart_each_node_has_all_its_points() -> None:
    cluster = the_cluster()
    for stage in life(cluster):
        parts = apart(stage)
        found = {p for part in parts for p in points(part, cluster) if p.phase != LOOK}
        assert found == {p for p in points(stage, cluster) if p.phase != LOOK}
        assert [part.whole for part in parts] == [False] * (len(parts) - 1) + [True]
        assert parts[-1].members == stage.members
