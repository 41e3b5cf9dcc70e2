"""Whatever a file of the operator or of a control plane holds ends with a code, not with KB900."""

import base64
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from kbootstrap import kubeconfig_file
from kbootstrap.model.load import load
from kbootstrap.remote.credentials import admin_credentials, operator_kubeconfig
from kbootstrap.resources import data_path
from kbootstrap.secret import Secret
from tests.attacks.fuzz import FUZZ, damaged, ends_with_a_code, json_values, text
from tests.laws.clusters import CA

STARTERS = {
    name: (data_path("inventory") / f"{name}.yaml").read_text()
    for name in ("single", "ha", "external-etcd", "airgap")
}
DATA = [yaml.safe_load(starter) for starter in STARTERS.values()]
yaml_texts = st.one_of(
    st.sampled_from(DATA).flatmap(damaged).map(yaml.safe_dump),
    json_values.map(yaml.safe_dump),
    text,
)


@st.composite
def cut_up(draw: st.DrawFn) -> str:
    """A starter in which some characters are others."""
    said = draw(st.sampled_from(sorted(STARTERS.values())))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(said) - 1))
        said = said[:at] + draw(st.one_of(text, st.characters())) + said[at + 1 :]
    return said


@FUZZ
@given(st.one_of(yaml_texts, cut_up()))
@example("[" * 900)
@example("{a: " * 900)
@example("a: &a [*a]")
@example("cluster: {name: \ud800}")
@example("? [a]\n: b")
@example("a: !!python/object/apply:os.system [id]")
@example("\0")
def test_inventories(tmp_path_factory: pytest.TempPathFactory, said: str) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.yaml"
    path.write_bytes(said.encode("utf-8", "surrogatepass"))

    code = ends_with_a_code(lambda: load(path))

    assert code in {"", "KB100", "KB101"} or code.startswith("KB1")


@pytest.mark.parametrize("name", ["/dev/zero", "fifo", "/proc/self/mem", "/dev", "directory"])
def test_an_inventory_that_is_no_file_is_refused_at_once(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "directory").mkdir()

    assert ends_with_a_code(lambda: load(tmp_path / name)).startswith("KB1")


def test_an_inventory_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    with path.open("wb") as file:
        file.truncate(1 << 30)  # sparse

    assert ends_with_a_code(lambda: load(path)).startswith("KB1")


def encoded(value: str) -> str:
    return base64.b64encode(value.encode()).decode()


KUBECONFIG: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [
        {"name": "c", "cluster": {"certificate-authority-data": encoded(CA), "server": "https://x"}}
    ],
    "users": [
        {"name": "u", "user": {"client-certificate-data": encoded(CA), "client-key-data": "eA=="}}
    ],
    "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
    "current-context": "x",
}
kubeconfigs = st.one_of(
    damaged(KUBECONFIG).map(yaml.safe_dump), json_values.map(yaml.safe_dump), text
)


@FUZZ
@given(kubeconfigs)
@example("{}")
@example("[]")
@example("users: [{user: {client-certificate-data: \x1b}}]")
@example("[" * 900)
@example("a: &a [*a, *a]\nb: &b [*a, *a]\nclusters: *b")
def test_kubeconfigs(tmp_path_factory: pytest.TempPathFactory, said: str) -> None:
    found = Secret(said)
    ends_with_a_code(lambda: admin_credentials(found))
    ends_with_a_code(lambda: operator_kubeconfig(found, name="c", server="x:6443", ca_pem=CA))
    path = tmp_path_factory.getbasetemp() / "kubeconfig"
    path.write_bytes(said.encode("utf-8", "surrogatepass"))
    file = kubeconfig_file.read(path)
    assert {type(value) for value in (file.ca, file.server, file.login)} == {str}
