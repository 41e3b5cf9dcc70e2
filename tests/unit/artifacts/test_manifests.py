"""Manifests of the pod network: what is read, and what is refused."""

from pathlib import Path

import pytest

from kbootstrap.artifacts import manifests
from kbootstrap.errors import InventoryError

TWO = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: a}
---
# nothing
---
apiVersion: v1
kind: Secret
metadata: {name: b}
"""


def test_each_object_has_its_file(tmp_path: Path) -> None:
    file = tmp_path / "net.yaml"
    file.write_text(TWO)
    found = list(manifests.objects([str(file)], str.encode))
    assert [(at, one.data["kind"]) for at, one in found] == [
        (str(file), "ConfigMap"),
        (str(file), "Secret"),
    ]


@pytest.mark.parametrize("text", [b"- a list", b"kind: Pod", b"{", b"\xff\xfe\x00\xd8", b"\tx: 1"])
def test_what_holds_no_objects_is_refused(text: bytes) -> None:
    with pytest.raises(InventoryError) as caught:
        list(manifests.objects(["https://net.example/all.yaml"], lambda url: text if url else b""))
    assert caught.value.code.id == "KB194"
    assert "https://net.example/all.yaml" in caught.value.message


def read(folder: Path, text: str) -> list[tuple[str, str, str]]:
    """Version, kind and name of each object in a file."""
    file = folder / "net.yaml"
    file.write_text(text)
    found = [one.data for _, one in manifests.objects([str(file)], str.encode)]
    return [(one["apiVersion"], one["kind"], one["metadata"]["name"]) for one in found]


def test_a_list_is_its_items(tmp_path: Path) -> None:
    """As `kubectl get -o yaml` writes it, and kubectl applies it."""
    text = """\
apiVersion: v1
kind: List
metadata: {resourceVersion: ""}
items:
- {apiVersion: v1, kind: Namespace, metadata: {name: a}}
- apiVersion: v1
  kind: List
  items:
  - {apiVersion: apps/v1, kind: DaemonSet, metadata: {name: b}}
---
{apiVersion: v1, kind: List, items: []}
"""
    assert read(tmp_path, text) == [("v1", "Namespace", "a"), ("apps/v1", "DaemonSet", "b")]


def test_items_of_a_typed_list_have_its_version_and_kind(tmp_path: Path) -> None:
    text = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBindingList
items: [{metadata: {name: a}}]
"""
    assert read(tmp_path, text) == [("rbac.authorization.k8s.io/v1", "RoleBinding", "a")]


def test_a_kind_that_only_ends_in_list_is_an_object(tmp_path: Path) -> None:
    text = "{apiVersion: net.example/v1, kind: AllowList, metadata: {name: a}, items: [b]}"
    assert read(tmp_path, text) == [("net.example/v1", "AllowList", "a")]


@pytest.mark.parametrize(
    "text",
    [
        "{apiVersion: v1, kind: List, items: [a]}",
        "{apiVersion: v1, kind: List, items: {a: b}}",
        "{apiVersion: v1, kind: List, items: [{kind: Secret}]}",
        "{apiVersion: v1, kind: List}",
        "{apiVersion: v1, kind: Secret, metadata: }",
        "{apiVersion: v1, kind: Secret, metadata: {generateName: a-}}",
        "{apiVersion: v1, kind: [Secret], metadata: {name: a}}",
    ],
)
def test_an_object_without_a_name_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(InventoryError) as caught:
        read(tmp_path, text)
    assert caught.value.code.id == "KB194"
    assert "net.yaml" in caught.value.message


def test_a_time_without_quotes_is_text_as_for_kubectl(tmp_path: Path) -> None:
    file = tmp_path / "net.yaml"
    file.write_text("{apiVersion: v1, kind: Pod, metadata: {name: a, since: 2026-01-02}}")
    ((_, found),) = manifests.objects([str(file)], str.encode)
    assert found.data["metadata"]["since"] == "2026-01-02"
