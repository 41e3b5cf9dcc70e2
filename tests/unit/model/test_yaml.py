"""Files that are no inventory at all, and what YAML makes of them."""

from pathlib import Path

import pytest

from kbootstrap.model.load import load
from kbootstrap.model.problems import InventoryErrors, Problem, path_text
from kbootstrap.model.yaml_source import YamlSource
from tests.unit.model.writing import found, inventory, place, problems, read

SYNTAX = {
    "tab": ("cluster:\n§\tname: x\n", "not tabs"),
    "colon": ("cluster: name§: x\n", "in quotes"),
    "bracket": ("nodes: [1, 2\n§", "expect"),  # the message differs with and without libyaml
    "alias": ("cluster: §*hunter2\n", "starts with * or &"),
    "two documents": ("cluster: {}\n§---\ncluster: {}\n", "more than one YAML document"),
    "control character": ("cluster: §\x01\n", "control character"),
    "quote": ("cluster: 'x\n§", "unexpected end"),
}


def _only(folder: Path, data: bytes) -> Problem:
    path = folder / "inventory.yaml"
    path.write_bytes(data)
    with pytest.raises(InventoryErrors) as caught:
        load(path)
    (problem,) = caught.value.problems
    return problem


@pytest.mark.parametrize("name", SYNTAX)
def test_syntax(name: str, tmp_path: Path) -> None:
    text, says = SYNTAX[name]
    problem = _only(tmp_path, text.replace("§", "").encode())
    assert problem.code.id == "KB102"
    assert (problem.line, problem.column) == place(text)
    assert says in problem.message
    assert "hunter2" not in str(problem)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InventoryErrors, match="KB101 no such file or directory"):
        load(tmp_path / "none.yaml")
    with pytest.raises(InventoryErrors, match="KB101 is a directory"):
        load(tmp_path)


def test_not_utf8(tmp_path: Path) -> None:
    problem = _only(tmp_path, b"cluster:\n  name: \xff\n")
    assert (problem.code.id, problem.line) == ("KB101", 2)


def test_bom_is_fine(tmp_path: Path) -> None:
    path = tmp_path / "inventory.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + inventory().encode())
    assert load(path).name == "demo"


@pytest.mark.parametrize(
    ("text", "says"), [("", "is empty"), ("# x\n", "is empty"), ("[]", "a map")]
)
def test_no_mapping(text: str, says: str, tmp_path: Path) -> None:
    problem = _only(tmp_path, text.encode())
    assert problem.code.id == "KB105"
    assert says in problem.message


def test_aliases_work_but_not_in_circles(tmp_path: Path) -> None:
    good = inventory("defaults: {labels: &l {a: b}}\ngroups: {g: {labels: *l}}\n")
    assert read(tmp_path, good).cluster.nodes[0].labels == (("a", "b"),)
    circle = inventory("kubelet: &k {x: §*k}\n")
    assert found(problems(tmp_path, circle)) == [("KB102", "kubelet.x")]


def test_many_aliases_do_not_explode(tmp_path: Path) -> None:
    lines = ["kubelet:", "  a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"  a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    problem = _only(tmp_path, (inventory() + "\n".join(lines)).encode())
    assert "too many values" in problem.message


@pytest.mark.parametrize("depth", [60, 400, 900, 100_000])
def test_a_deep_file_is_an_error_of_the_file(tmp_path: Path, depth: int) -> None:
    text = f"a: {'[' * depth}{']' * depth}\n"
    assert found(problems(tmp_path, text)) == [("KB102", "")]


def test_merge_keys_are_refused(tmp_path: Path) -> None:
    text = inventory("defaults: {labels: &l {a: b}}\ngroups: {g: {<<: *l}}\n")
    assert found(problems(tmp_path, text)) == [("KB107", 'groups.g["<<"]')]


@pytest.mark.parametrize(
    "word",
    [
        "yes",
        "No",
        "on",
        "OFF",
        "0644",
        "0x1F",
        "0b1",
        "1_000",
        "1:30",
        "2024-01-31",
        ".inf",
        ".nan",
    ],
)
def test_surprises(word: str) -> None:
    source = YamlSource("x", f"a: {word}\nb: {word!r}\n")
    assert source.data == {"b": word}
    (finding,) = source.findings
    assert (finding.code.id, finding.path) == ("KB107", ("a",))
    assert f'"{word}" in quotes' in finding.allowed


def test_plain_values() -> None:
    text = "{a: 1, b: -7, c: 1.5, d: true, e: False, f: null, g: ~, h: v1.34.2, i: 1.2.3, j: 1e3}"
    assert YamlSource("x", text).data == {
        "a": 1,
        "b": -7,
        "c": 1.5,
        "d": True,
        "e": False,
        "f": None,
        "g": None,
        "h": "v1.34.2",
        "i": "1.2.3",
        "j": "1e3",
    }


def test_keys_as_users_write_them() -> None:
    assert path_text(("nodes", 2, "labels", "a/b", "x-y")) == 'nodes[2].labels["a/b"].x-y'


def test_empty_sections_are_sections_not_written(tmp_path: Path) -> None:
    text = inventory("network:\napi:\n  endpoint:\ndefaults:\nkubelet:\n")
    assert read(tmp_path, text).cluster.network.dns_domain == "cluster.local"
