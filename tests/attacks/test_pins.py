"""A release site that serves something else than before, and plain http."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kbootstrap.artifacts import downloads
from kbootstrap.cli import main
from kbootstrap.errors import InventoryError, KbError, TrustError
from kbootstrap.model import pins
from kbootstrap.model.load import load
from kbootstrap.model.pins import pins_path
from kbootstrap.run import local_inputs
from tests.attacks.release_site import ReleaseSite
from tests.attacks.test_archives import GOOD, tgz

BINARIES = ("kubeadm", "kubelet", "kubectl")
NET = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: net}\n"
OTHER = b"apiVersion: v1\nkind: ClusterRoleBinding\nmetadata: {name: mitm}\n"
TEXT = """\
cluster: {{name: demo}}
kubernetes: {{version: v1.34.2}}
nodes: [{{name: n1, address: 192.0.2.11, role: both}}]
programs:
  base_url: {site}
  crictl_url: {site}/crictl-{{arch}}.tgz
cni: {{type: manifest, manifests: ["{site}/net.yaml"]}}
"""
Inventory = Callable[..., Path]


@pytest.fixture
def inventory(release_site: ReleaseSite, tmp_path: Path) -> Inventory:
    """An inventory whose downloads all come from the site; which is still honest."""
    for version in ("v1.34.2", "v1.35.0"):
        for name in BINARIES:
            publish(release_site, f"/{version}/bin/linux/amd64/{name}", name.encode())
    publish(release_site, "/crictl-amd64.tgz", tgz(GOOD))
    release_site.serve("/net.yaml", NET)

    def write(**sections: dict[str, object]) -> Path:
        data = yaml.safe_load(TEXT.format(site=release_site.https).replace("{{", "{"))
        for name, section in sections.items():
            data[name] |= section
        path = tmp_path / "inventory.yaml"
        path.write_text(yaml.safe_dump(data))
        return path

    return write


def publish(site: ReleaseSite, path: str, data: bytes) -> None:
    site.serve(path, data)
    site.serve(f"{path}.sha256", hashlib.sha256(data).hexdigest().encode())


def resolve(path: Path) -> None:
    """What every run does before it plans."""
    local_inputs.read(load(path), ["amd64"], None)


def pin(path: Path, *more: str) -> None:
    assert main(["pin", str(path), "--arch", "amd64", "--no-signatures", *more]) == 0


def test_a_pins_file_has_every_download(release_site: ReleaseSite, inventory: Inventory) -> None:
    path = inventory()
    pin(path)

    data = yaml.safe_load(pins_path(path).read_text())

    site = release_site.https
    binaries = [f"{site}/v1.34.2/bin/linux/amd64/{name}" for name in sorted(BINARIES)]
    urls = [entry["url"] for entry in data["downloads"]]
    assert sorted(urls) == sorted([*binaries, f"{site}/crictl-amd64.tgz", f"{site}/net.yaml"])
    (kubelet,) = [entry for entry in data["downloads"] if entry["url"].endswith("kubelet")]
    assert kubelet == {
        "url": f"{site}/v1.34.2/bin/linux/amd64/kubelet",
        "sha256": hashlib.sha256(b"kubelet").hexdigest(),
        "size": 7,
        "version": "v1.34.2",
        "architecture": "amd64",
    }
    resolve(path)


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("/v1.34.2/bin/linux/amd64/kubelet", b"evil"),
        ("/crictl-amd64.tgz", tgz(("crictl", b"evil", {}))),
        ("/net.yaml", OTHER),
    ],
    ids=["binary", "archive", "manifest"],
)
def test_what_differs_from_its_pin_is_refused(
    release_site: ReleaseSite, inventory: Inventory, path: str, data: bytes
) -> None:
    """With its checksum, which comes from the same site."""
    file = inventory()
    pin(file)
    publish(release_site, path, data)

    with pytest.raises(TrustError) as caught:
        resolve(file)

    assert caught.value.code.id == "KB510"
    assert f"{release_site.https}{path}" in caught.value.message
    assert "kbootstrap pin" in caught.value.hint


def test_what_is_not_pinned_is_refused(release_site: ReleaseSite, inventory: Inventory) -> None:
    path = inventory()
    pin(path)
    inventory(cni={"manifests": [f"{release_site.https}/other.yaml"]})
    release_site.serve("/other.yaml", OTHER)

    with pytest.raises(TrustError) as caught:
        resolve(path)

    assert caught.value.code.id == "KB511"


def test_the_changes_of_a_pins_file_are_shown(
    release_site: ReleaseSite, inventory: Inventory, capsys: pytest.CaptureFixture[str]
) -> None:
    path, site = inventory(), release_site.https
    pin(path)
    assert f"added: {site}/net.yaml (sha256 " in capsys.readouterr().out
    pin(path)
    *read, last = capsys.readouterr().out.splitlines()
    assert last == f"wrote {pins_path(path)}: 5 downloads; nothing changed"
    assert len(read) == 5

    release_site.serve("/net.yaml", OTHER)
    inventory(programs={"crictl_url": None})
    pin(path)

    said = capsys.readouterr().out.splitlines()
    assert f"removed: {site}/crictl-amd64.tgz" in said
    assert any(line.startswith(f"changed: {site}/net.yaml (sha256 ") for line in said)
    resolve(path)


def test_a_release_to_upgrade_to_is_added(inventory: Inventory) -> None:
    path = inventory()
    pin(path)
    later = inventory(kubernetes={"version": "v1.35.0"})
    with pytest.raises(TrustError, match=r"v1\.35\.0"):
        resolve(later)
    path = inventory()

    pin(path, "--to", "v1.35.0")

    resolve(path)
    resolve(inventory(kubernetes={"version": "v1.35.0"}))


def test_a_binary_that_is_not_what_is_published_is_not_pinned(
    release_site: ReleaseSite, inventory: Inventory, capsys: pytest.CaptureFixture[str]
) -> None:
    release_site.serve("/v1.34.2/bin/linux/amd64/kubelet", b"evil")
    path = inventory()
    assert main(["pin", str(path), "--arch", "amd64"]) == 8
    assert "KB502" in capsys.readouterr().err
    assert not pins_path(path).exists()


@pytest.mark.parametrize(
    "text",
    ["", "[]", "schema: 2\ndownloads: []", "schema: 1", "schema: 1\ndownloads: [x]", "a: &a [*a]",
     "schema: 1\ndownloads: [{url: u, sha256: /etc, size: 1, version: v, architecture: a}]",
     "schema: 1\ndownloads: [{url: u, sha256: x}]", "\t", "{", "[" * 900, "[" * 900 + "]" * 900],
)  # fmt: skip
def test_a_damaged_pins_file_is_no_pins_file(
    inventory: Inventory, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It does not count as none, either."""
    path = inventory()
    pins_path(path).write_text(text)
    assert main(["validate", str(path)]) == 2
    assert "error KB197: " in capsys.readouterr().err


_VALUES = st.none() | st.integers() | st.floats() | st.text() | st.just("ab" * 32)
_KEYS = st.sampled_from(["url", "sha256", "size", "version", "architecture", "schema"])
_ENTRIES = st.dictionaries(_KEYS, _VALUES) | _VALUES


@given(st.fixed_dictionaries({"schema": st.just(1), "downloads": st.lists(_ENTRIES)}) | _ENTRIES)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_data_is_pins_or_an_error(tmp_path: Path, data: object) -> None:
    path = tmp_path / "x.pins.yaml"
    path.write_text(yaml.safe_dump(data))
    with suppress(InventoryError):  # KB197
        assert all(len(one.sha256) == 64 for one in pins.read(path) or ())


# ---- pins in the inventory


def test_a_pin_of_the_inventory_needs_no_published_checksum(
    release_site: ReleaseSite, inventory: Inventory
) -> None:
    url = f"{release_site.https}/crictl-amd64.tgz"
    sha256 = hashlib.sha256(tgz(GOOD)).hexdigest()
    path = inventory(programs={"sha256": {url: sha256}})
    resolve(path)
    assert "/crictl-amd64.tgz.sha256" not in release_site.asked


def test_what_differs_from_a_pin_of_the_inventory_is_refused(
    release_site: ReleaseSite, inventory: Inventory
) -> None:
    site = release_site.https
    for section, file in (("programs", "crictl-amd64.tgz"), ("cni", "net.yaml")):
        path = inventory(**{section: {"sha256": {f"{site}/{file}": "0" * 64}}})
        with pytest.raises(TrustError) as caught:
            resolve(path)
        assert caught.value.code.id == "KB502"


def refusal(path: Path) -> str:
    with pytest.raises(KbError) as caught:
        load(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("programs", "base_url", "http://mirror.example"),
        ("programs", "crictl_url", "http://mirror.example/crictl-{arch}.tgz"),
        ("programs", "cni_plugins_url", "http://mirror.example/cni.tgz"),
        ("cni", "manifests", ["http://mirror.example/net.yaml"]),
    ],
)
def test_plain_http_needs_a_word(
    inventory: Inventory, section: str, key: str, value: object
) -> None:
    assert f"{section}.{key}" in refusal(inventory(**{section: {key: value}}))
    load(inventory(**{section: {key: value, "insecure": True}}))


def test_a_pin_that_protects_nothing_is_refused(
    release_site: ReleaseSite, inventory: Inventory
) -> None:
    url = f"{release_site.https}/crictl-amd46.tgz"
    assert "KB132" in refusal(inventory(programs={"sha256": {url: "0" * 64}}))
    assert "KB132" in refusal(inventory(cni={"sha256": {url: "0" * 64}}))
    assert "KB108" in refusal(inventory(cni={"sha256": {f"{release_site.https}/net.yaml": "abc"}}))
    ahead = f"{release_site.https}/v1.35.0/bin/linux/arm64/kubelet"
    load(inventory(programs={"sha256": {ahead: "0" * 64}}))


def test_a_pin_is_read_whole(release_site: ReleaseSite) -> None:
    release_site.serve("/x", b"x")
    with pytest.raises(TrustError, match="expected is 00"):
        downloads.whole(f"{release_site.https}/x", "0" * 64)
