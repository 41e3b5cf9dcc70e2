"""A plan as a file: what is left of it is carried out, anything else is refused and named."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from kbootstrap import __version__, codes
from kbootstrap.action import Action, PutFile, Run, SetNodeMeta
from kbootstrap.engine.plan import Plan, Step
from kbootstrap.errors import InventoryError
from kbootstrap.run import run as run_module
from kbootstrap.run.audit import sha256_of
from kbootstrap.run.saved_plan import SavedPlan, changed
from tests.laws.clusters import CA
from tests.unit.engine.toys import HA, toy

CONFIG = PutFile(why="differs", path="/etc/a.conf", body="a: 1\n")
SECRET = PutFile(why="differs", path="/etc/b.key", body="secret", mode=0o600)
LABELS = SetNodeMeta(why="differs", node="w1", labels=(("disk", "ssd"),))
FLAGS = Run(
    why="old", title="remove both flags", body="x", covers=("remove --a", "remove --b"), effect={}
)
WAIT = Run(why="slow", title="wait until it answers", body="x", waits=True)
PLAN = (CONFIG, SECRET, FLAGS, WAIT)


def plan(*actions: Action, node: str = "w1", labels: SetNodeMeta = LABELS) -> Plan:
    steps = (Step(node, toy("files"), actions), Step("w1", toy("labels"), (labels,)))
    return Plan(steps)


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    path = tmp_path / "inventory.yaml"
    path.write_text("cluster: {name: demo}\n")
    return path


def made(inventory: Path, plan: Plan, ca: str = CA) -> SavedPlan:
    run: Any = SimpleNamespace(
        options=SimpleNamespace(inventory=inventory),
        cluster=HA,
        api_connection=SimpleNamespace(in_use=lambda: ("cp1", ca)),
    )
    return SavedPlan.of(cast("run_module.Run", run), plan)


@pytest.fixture
def saved(inventory: Path, tmp_path: Path) -> SavedPlan:
    """Written and read again."""
    made(inventory, plan(*PLAN)).write(tmp_path / "plan.json")
    return SavedPlan.read(tmp_path / "plan.json")


def told(saved: SavedPlan, now: SavedPlan) -> list[str]:
    found = list(changed(saved, now))
    assert all(finding.code is codes.PLAN_CHANGED and finding.fatal for finding in found)
    return [f"{f.where.node}/{f.where.phase} {f.message}" for f in found]


def test_the_file_is_private_and_holds_no_secret(inventory: Path, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    made(inventory, plan(*PLAN)).write(path)

    data = json.loads(path.read_text())

    assert path.stat().st_mode & 0o777 == 0o600
    assert (data["kbootstrap"], data["cluster"]) == (__version__, "demo")
    assert data["inventory_sha256"] == sha256_of(inventory)
    assert "BEGIN CERTIFICATE" not in path.read_text()
    sums = {action["text"]: bool(action["sha256"]) for action in data["actions"]}
    assert sums[CONFIG.text]
    assert not sums[SECRET.text]  # a guess could be checked with its hash
    assert WAIT.text not in sums


def test_the_same_plan_is_carried_out(saved: SavedPlan, inventory: Path) -> None:
    assert told(saved, made(inventory, plan(*PLAN))) == []


def test_what_is_left_after_an_interruption_is_carried_out(
    saved: SavedPlan, inventory: Path
) -> None:
    one_flag = replace(FLAGS, title="remove one flag", covers=("remove --b",))
    assert told(saved, made(inventory, plan(one_flag, WAIT))) == []
    assert told(saved, made(inventory, Plan(()))) == []


@pytest.mark.parametrize(
    ("now", "what"),
    [
        (
            plan(*PLAN, replace(CONFIG, path="/etc/new.conf")),
            "w1/files it was not required when the plan was saved: write /etc/new.conf",
        ),
        (
            plan(*PLAN, node="w2"),
            "w2/files it was not required when the plan was saved: write /etc/a.conf",
        ),
        (
            plan(replace(CONFIG, body="a: 2\n")),
            "w1/files the content has changed: write /etc/a.conf",
        ),
        (
            plan(labels=replace(LABELS, labels=(("disk", "hdd"),))),
            "w1/labels the saved plan has instead: set on the node: disk=ssd: set",
        ),
    ],
)
def test_what_differs_is_refused_and_named(
    saved: SavedPlan, inventory: Path, now: Plan, what: str
) -> None:
    assert told(saved, made(inventory, now))[0].startswith(what)


def test_another_inventory_version_or_cluster_is_refused(saved: SavedPlan, inventory: Path) -> None:
    now = made(inventory, plan(*PLAN))
    others: dict[str, Any] = {
        "kbootstrap": "9",
        "inventory_sha256": "9",
        "cluster": "other",
        "ca_sha256": "9",
    }
    for name, value in others.items():
        (only,) = told(saved, replace(now, **{name: value}))
        assert value in only
    assert told(saved, made(inventory, plan(*PLAN), ca=""))[0].endswith("now it is none")


@pytest.mark.parametrize("field", ["kbootstrap", "cluster", "inventory_sha256"])
def test_a_file_that_does_not_say_what_it_is_for_is_refused(
    saved: SavedPlan, inventory: Path, field: str
) -> None:
    emptied = replace(saved, **{field: ""})  # type: ignore[arg-type]  # all are texts
    (line,) = told(emptied, made(inventory, plan(*PLAN)))
    assert " none, now" in line


def test_the_cluster_may_come_into_being_meanwhile(inventory: Path) -> None:
    """A plan for new nodes that was interrupted after kubeadm init."""
    before = made(inventory, plan(*PLAN), ca="")
    assert told(before, made(inventory, plan(*PLAN))) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"actions": 1}',
        '{"actions": [{"keys": ["a"]}], "cluster": "demo"}',
        "\x00",
        "[" * 9999,
    ],
)
def test_a_file_without_a_plan_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(InventoryError) as caught:
        SavedPlan.read(tmp_path / "plan.json")
    assert caught.value.code is codes.NOT_A_PLAN
