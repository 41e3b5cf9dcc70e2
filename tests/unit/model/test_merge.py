"""Defaults, then groups, then node: mappings merge, the rest replaces, null takes back."""

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kbootstrap.model.cluster import Arg, Role, Taint
from kbootstrap.secret import SecretRef
from tests.unit.model.writing import inventory, read

KEYS = st.sampled_from(["a", "b", "c"])
MAPPINGS = st.dictionaries(KEYS, st.none() | st.sampled_from(["x", "y", "z"]), max_size=3)
LAYERS = st.fixed_dictionaries(
    {},
    optional={
        "labels": MAPPINGS,
        "kubelet_args": MAPPINGS,
        "ignore_preflight": st.lists(st.sampled_from(["Swap", "Mem", "NumCPU"]), unique=True),
        "role": st.sampled_from(["control-plane", "both"]),
        "ssh": st.fixed_dictionaries(
            {},
            optional={
                "user": st.none() | st.sampled_from(["root", "me"]),
                "port": st.none() | st.integers(1, 65535),
                "become": st.booleans(),
                "password": st.none() | st.sampled_from([{"env": "A"}, {"prompt": "b"}]),
                "jump": st.fixed_dictionaries(
                    {"host": st.sampled_from(["j1.example", "j2.example"])},
                    optional={"port": st.integers(1, 65535), "user": st.just("jump")},
                ),
            },
        ),
    },
)


def _laid(base: Any, over: Any, path: tuple[str, ...] = ()) -> Any:
    """What merging means, said once more and differently: on plain data, recursively."""
    if not isinstance(over, dict) or path[-1:] == ("password",):
        return over
    result = dict(base) if isinstance(base, dict) else {}
    for key, value in over.items():
        result[key] = _laid(result.get(key), value, (*path, key))
    return result


def _without_null(data: Any) -> Any:
    if not isinstance(data, dict):
        return data
    return {key: _without_null(value) for key, value in data.items() if value is not None}


@given(st.lists(LAYERS, min_size=2, max_size=4))
@settings(max_examples=150, deadline=None)
def test_layers_merge_in_order(layers: list[dict[str, Any]]) -> None:
    defaults, *groups, node = layers
    node = {"name": "n", "address": "192.0.2.1", "role": "both", **node}
    node["groups"] = [f"g{i}" for i in range(len(groups))]
    sections = {
        "cluster": {"name": "x"},
        "kubernetes": {"version": "v1.34.2"},
        "defaults": defaults,
        "groups": {f"g{i}": group for i, group in enumerate(groups)},
        "nodes": [node],
    }
    with tempfile.TemporaryDirectory() as folder:
        loaded = read(Path(folder), json.dumps(sections)).cluster.nodes[0]
    want: Any = {}
    for layer in layers[:-1]:
        want = _laid(want, layer)
    want = _without_null(_laid(want, node))
    ssh, jump = want.get("ssh", {}), want.get("ssh", {}).get("jump")
    user = ssh.get("user", "root")
    assert dict(loaded.labels) == want.get("labels", {})
    assert {arg.name: arg.value for arg in loaded.kubelet_args} == want.get("kubelet_args", {})
    assert list(loaded.ignore_preflight) == want.get("ignore_preflight", [])
    assert (loaded.roles == frozenset(Role)) == (want["role"] == "both")
    assert (loaded.ssh.user, loaded.ssh.port) == (user, ssh.get("port", 22))
    assert loaded.ssh.become == ssh.get("become", user != "root")
    assert _reference(loaded.ssh.password) == ssh.get("password")
    assert (loaded.ssh.jump is None) == (jump is None)
    if loaded.ssh.jump is not None:
        assert (loaded.ssh.jump.host, loaded.ssh.jump.port) == (jump["host"], jump.get("port", 22))
        assert loaded.ssh.jump.user == jump.get("user", user)


def _reference(ref: SecretRef | None) -> dict[str, str] | None:
    return {ref.kind: ref.name} if ref else None


def test_lists_replace_and_empty_means_none(tmp_path: Path) -> None:
    text = inventory(
        "defaults: {taints: ['a=b:NoSchedule']}\n"
        "groups: {plain: {taints: []}, own: {taints: [{key: k, effect: NoExecute}]}}\n"
        "nodes:\n"
        "  - {name: cp1, address: 192.0.2.11, role: both, groups: [plain]}\n"
        "  - {name: w1, address: 192.0.2.21, role: worker, groups: [plain, own]}\n"
        "  - {name: w2, address: 192.0.2.22, role: worker}\n"
        "  - {name: w3, address: 192.0.2.23, role: worker, taints: null}\n"
    )
    taints = [node.taints for node in read(tmp_path, text).cluster.nodes]
    assert taints == [
        (),
        (Taint("k", "", "NoExecute"),),
        (Taint("a", "b", "NoSchedule"),),
        None,
    ]


def test_role_and_roles_replace_each_other(tmp_path: Path) -> None:
    text = inventory(
        "defaults: {role: worker}\ngroups: {cp: {roles: [control-plane]}, all: {role: both}}\n"
        "nodes:\n"
        "  - {name: a, address: 192.0.2.1, groups: [cp]}\n"
        "  - {name: b, address: 192.0.2.2}\n"
        "  - {name: c, address: 192.0.2.3, groups: [all], roles: worker}\n"
    )
    nodes = read(tmp_path, text).cluster.nodes
    assert [node.role_text for node in nodes] == ["control-plane", "worker", "worker"]


def test_arguments_in_order_of_name(tmp_path: Path) -> None:
    text = inventory('defaults: {kubelet_args: {v: "2", max-pods: "50"}}\n')
    args = read(tmp_path, text).cluster.nodes[0].kubelet_args
    assert args == (Arg("max-pods", "50"), Arg("v", "2"))
