"""Manifests that are made to do harm; they are applied as cluster admin."""

import os
import resource
import time
from functools import partial
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kbootstrap.artifacts import manifests, trust
from kbootstrap.errors import InventoryError, KbError
from kbootstrap.model.document import Document
from kbootstrap.model.example import example
from tests.attacks.release_site import ReleaseSite
from tests.load import within

HEAD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"
LAUGHS = "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}' if i else 'lol'] * 9)}]\n" for i in range(9)
)


def objects(place: str) -> list[tuple[str, Document]]:
    """What a manifest holds."""
    return list(manifests.objects([place], partial(trust.manifest, example())))


SHAPES = {
    "billion laughs": HEAD + LAUGHS,
    "an alias of itself": HEAD + "data: &a [*a]\n",
    "deep": HEAD + "data: " + "[" * 900 + "]" * 900,
    "deeper": HEAD + "data: " + "[" * 100_000,
    "a number without end": HEAD + f"data: {'9' * 5000}\n",
    "a tag of Python": HEAD + "data: !!python/object/apply:os.system [id]\n",
    "a day that is none": HEAD + "data: !!timestamp 2024-99-99\n",
    "a date": HEAD + "data: !!timestamp 2024-01-01\n",
    "bytes": HEAD + "data: !!binary aGk=\n",
    "a set": HEAD + "data: !!set {a, b}\n",
    "no number": HEAD + "data: .nan\n",
    "no end": HEAD + "data: .inf\n",
    "keys of two kinds": HEAD + "data: {1: a, b: c}\n",
    "a key that is a list": HEAD + "data: {[a]: b}\n",
    "half a character": HEAD + 'data: "\\ud800"\n',
    "no name": "apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n",
    "metadata is a list": "apiVersion: v1\nkind: ConfigMap\nmetadata: []\n",
    "the name is a mapping": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {}}\n",
    "the kind is a list": "apiVersion: v1\nkind: []\nmetadata: {name: x}\n",
    "the version is a number": "apiVersion: 1\nkind: X\nmetadata: {name: x}\n",
    "the namespace is a list": "apiVersion: v1\nkind: X\nmetadata: {name: x, namespace: []}\n",
    "annotations are a list": "apiVersion: v1\nkind: X\nmetadata: {name: x, annotations: [x]}\n",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_an_odd_manifest_is_an_error_of_its_own(
    release_site: ReleaseSite, tmp_path: Path, shape: str
) -> None:
    release_site.serve("/net.yaml", SHAPES[shape].encode())
    (tmp_path / "net.yaml").write_text(SHAPES[shape])
    for place in (f"{release_site.https}/net.yaml", str(tmp_path / "net.yaml")):
        start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(InventoryError) as caught:
            objects(place)
        assert caught.value.code.id == "KB194"
        assert place in caught.value.message
        assert time.monotonic() - start < within(10)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024  # KiB


def test_what_kubernetes_reads_as_text_is_text(tmp_path: Path) -> None:
    """An alias, a date and a time without quotes are in manifests of others."""
    file = tmp_path / "net.yaml"
    file.write_text(HEAD + "data: {a: &a 2024-01-01, b: *a, c: 2001-12-14t21:59:43.10-05:00}\n")
    ((_, found),) = objects(str(file))
    assert found.data["data"] == {
        "a": "2024-01-01",
        "b": "2024-01-01",
        "c": "2001-12-14t21:59:43.10-05:00",
    }


@pytest.mark.parametrize("kind", ["endless", "waiting"])
def test_a_file_that_never_ends(tmp_path: Path, kind: str) -> None:
    place = Path("/dev/zero")
    if kind == "waiting":
        place = tmp_path / "fifo"
        os.mkfifo(place)
    with pytest.raises(KbError) as caught:
        objects(str(place))
    assert caught.value.code.id == "KB194"
    assert str(place) in caught.value.message


_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates()
_TREES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner) | st.dictionaries(_SCALARS, inner), max_leaves=20
)


@given(st.text() | _TREES.map(yaml.safe_dump) | st.binary())
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_objects_or_an_error(tmp_path: Path, text: str | bytes) -> None:
    file = tmp_path / "net.yaml"
    raw = text if isinstance(text, bytes) else text.encode(errors="surrogatepass")
    for head in (b"", b"kind: X\napiVersion: v1\nmetadata: {name: x}\ndata: "):
        file.write_bytes(head + raw)
        try:
            found = objects(str(file))
        except InventoryError:  # KB194
            continue
        assert all(isinstance(one.data["metadata"]["name"], str) for _, one in found)
