"""Which nodes a reset asks for a snapshot of etcd first."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from kbootstrap.guards import reset
from kbootstrap.model.cluster import Node
from kbootstrap.run.run import Run
from phases.reset import LEAVE
from phases.reset import Present as Facts


@pytest.mark.parametrize(
    ("facts", "spared"),
    [
        (Facts(), False),
        (Facts(run="running"), True),  # the run that began it took one
        (Facts(unit=("init",)), True),  # there has never been a cluster
        (Facts(unit=("images", "join")), False),
        (None, False),
    ],
)
def test_no_snapshot_of_what_was_never_a_cluster(facts: Facts | None, spared: bool) -> None:  # noqa: FBT001
    known: dict[str, Any] = {} if facts is None else {LEAVE.id: facts}
    run = SimpleNamespace(probes={"cp1": SimpleNamespace(facts=known)})
    node = cast("Node", SimpleNamespace(name="cp1"))
    assert reset.has_nothing_to_keep(cast("Run", run), node) is spared
