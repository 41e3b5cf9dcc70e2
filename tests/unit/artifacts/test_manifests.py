"""Manifests of the pod network: what is read, and what is refused."""

from pathlib import Path

import pytest

from kbootstrap.artifacts import downloads, manifests
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
    found = list(manifests.objects([str(file)]))
    assert [(at, one.data["kind"]) for at, one in found] == [
        (str(file), "ConfigMap"),
        (str(file), "Secret"),
    ]


@pytest.mark.parametrize("text", [b"- a list", b"kind: Pod", b"{", b"\xff\xfe\x00\xd8", b"\tx: 1"])
def test_what_holds_no_objects_is_refused(text: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "read", lambda url, most: text if url and most else b"")
    with pytest.raises(InventoryError) as caught:
        list(manifests.objects(["https://net.example/all.yaml"]))
    assert caught.value.code.id == "KB194"
    assert "https://net.example/all.yaml" in caught.value.message
