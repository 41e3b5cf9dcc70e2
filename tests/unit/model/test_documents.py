"""Starters, JSON Schema and reference: made from one model, so they agree."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from kbootstrap.errors import InventoryError
from kbootstrap.model.inventory_docs import markdown
from kbootstrap.model.load import load, load_with_warnings
from kbootstrap.model.schema import DRAFT, json_schema
from kbootstrap.model.starters import LAYOUTS, text
from kbootstrap.resources import data_path
from tests.unit.model.writing import inventory

SCHEMA = json_schema()


def _valid(data: Any) -> bool:
    validator = jsonschema.Draft202012Validator(SCHEMA)
    return bool(validator.is_valid(data))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_starters_load_and_fit_the_schema(layout: str, tmp_path: Path) -> None:
    path = tmp_path / "inventory.yaml"
    path.write_text(text(layout), encoding="utf-8")
    loaded = load_with_warnings(path)
    assert loaded.cluster.name == layout
    warned = {warning.code.id for warning in loaded.warnings}
    assert warned <= ({"KB150"} if layout == "external-etcd" else set())
    assert _valid(yaml.safe_load(text(layout)))


def test_starters_are_all_the_files() -> None:
    assert {path.stem for path in data_path("inventory").glob("*.yaml")} == set(LAYOUTS)


def test_starter_for_another_release(tmp_path: Path) -> None:
    path = tmp_path / "inventory.yaml"
    path.write_text(text("single", "v1.35.1"), encoding="utf-8")
    assert str(load(path).version) == "v1.35.1"


@pytest.mark.parametrize(("layout", "version"), [("sngle", None), ("single", "1.35")])
def test_starter_mistakes(layout: str, version: str | None) -> None:
    with pytest.raises(InventoryError, match=r'did you mean "single"|exact version'):
        text(layout, version)


def test_schema_is_one_for_editors() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == DRAFT
    json.dumps(SCHEMA)
    for name, words in SCHEMA["properties"].items():
        assert words.get("description"), name
    for definition in SCHEMA["$defs"].values():
        for name, words in definition.get("properties", {}).items():
            assert words.get("description"), name


@pytest.mark.parametrize(
    "text_",
    [
        "networks: {}\n",
        "api: []\n",
        "kubernetes: {version: 1.34}\n",
        "kubernetes: {version: v1.34}\n",
        "runtime: {type: crio}\n",
        "defaults: {ssh: {password: hunter2}}\n",
        "defaults: {taints: [x]}\n",
        "files: [{path: x, content: y}]\n",
        "cluster: {name: A_b}\n",
        "nodes: [{name: a}]\n",
        "token: {ttl: 10}\n",
    ],
)
def test_schema_refuses(text_: str) -> None:
    assert _valid(yaml.safe_load(inventory()))
    assert not _valid(yaml.safe_load(inventory(text_)))


def test_reference_has_every_key() -> None:
    page = markdown()
    for definition in (SCHEMA, *SCHEMA["$defs"].values()):
        for name in definition.get("properties", {}):
            if definition.get("description", "").startswith("Where a secret"):
                continue
            assert f"`{name}`" in page or definition.get("anyOf"), name
    assert not re.search(r"[a-z]Section|\$ref|None", page)
    assert markdown() == page


def test_reference_can_be_printed() -> None:
    command = [sys.executable, "-m", "kbootstrap.model.inventory_docs"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == markdown()


def test_three_hundred_nodes_are_quick(tmp_path: Path) -> None:
    nodes = "".join(
        f"  - {{name: n{i}, address: 172.16.{i // 250}.{i % 250 + 1}, groups: [rack],"
        f" role: {'control-plane' if i < 3 else 'worker'}, labels: {{a/b: c, d: e}},"
        " taints: ['x=y:NoSchedule'], kubelet_args: {max-pods: '50'}, ssh: {port: 2222}}\n"
        for i in range(300)
    )
    path = tmp_path / "inventory.yaml"
    sections = "api: {endpoint: 'api.example.org:6443'}\nnetwork: {pod_cidr: 10.0.0.0/11}\n"
    groups = "groups: {rack: {labels: {rack: r1}}}\n"
    path.write_text(inventory(f"{sections}{groups}nodes:\n{nodes}"), encoding="utf-8")
    start = time.process_time()
    assert len(load(path).nodes) == 300
    assert time.process_time() - start < 1.5  # 0.2 s on an idle host
