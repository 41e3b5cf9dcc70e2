"""Which nodes a reset asks for a snapshot of etcd first."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from kbootstrap.commands import reset
from kbootstrap.commands.session import Session
from kbootstrap.model.cluster import Node
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
    session = SimpleNamespace(snapshots={"cp1": SimpleNamespace(facts=known)})
    node = cast("Node", SimpleNamespace(name="cp1"))
    assert reset._has_nothing_to_keep(cast("Session", session), node) is spared  # noqa: SLF001
