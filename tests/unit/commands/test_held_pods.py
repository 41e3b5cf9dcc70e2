"""The plan names the pods that its drains will refuse to evict."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from kbootstrap.action import Drain
from kbootstrap.engine.plan import Plan, Step
from kbootstrap.guards.held_pods import report_held_pods
from kbootstrap.remote.drain import EMPTY_DIRS, FORCE, Held
from kbootstrap.run.run import Run
from phases import reset

HELD = (
    Held("node2", "shop/till", "no controller recreates it", FORCE),
    Held("node2", "db/pg-0", "the data of its emptyDir would be deleted", EMPTY_DIRS),
    Held("node3", "shop/other", "no controller recreates it", FORCE),
)


def said(*, force: bool = False, empty_dirs: bool = False) -> list[str]:
    notes: list[str] = []
    api = SimpleNamespace(held_pods=lambda: HELD)
    bus = SimpleNamespace(note=lambda node, phase, text: notes.append(f"{node} {phase}: {text}"))
    run: Any = SimpleNamespace(api_connection=SimpleNamespace(api=lambda: api), bus=bus)
    drain = Drain(why="it leaves", node="node2", force=force, empty_dirs=empty_dirs)
    report_held_pods(cast("Run", run), Plan((Step("node2", reset.DRAIN, (drain,)),)))
    return notes


@pytest.mark.parametrize(
    ("flags", "pods"),
    [
        ({}, ["shop/till", "db/pg-0"]),
        ({"force": True}, ["db/pg-0"]),
        ({"empty_dirs": True}, ["shop/till"]),
        ({"force": True, "empty_dirs": True}, []),
    ],
)
def test_each_pod_that_will_stop_the_drain_is_named(
    flags: dict[str, bool], pods: list[str]
) -> None:
    lines = said(**flags)

    assert len(lines) == len(pods)
    for line, pod in zip(lines, pods, strict=True):
        assert line.startswith(f"node2 drain: the drain will stop at pod {pod}: ")
