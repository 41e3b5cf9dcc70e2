"""The sources of binaries: what each resolves, and that each is registered."""

import hashlib
import io
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from kbootstrap import artifacts, codes
from kbootstrap.action import Action, Run
from kbootstrap.artifacts import SOURCES, Artifact, downloads, source_of
from kbootstrap.artifacts.checksums import cache_directory
from kbootstrap.artifacts.preinstalled import Preinstalled
from kbootstrap.artifacts.unpacked import unpacked
from kbootstrap.engine.inputs import LocalInputs
from kbootstrap.engine.phase import View, forward
from kbootstrap.errors import PhaseError, TrustError
from kbootstrap.model.cluster import Cluster, Programs, SourceName
from kbootstrap.model.versions import Version
from phases import programs
from tests.laws.clusters import FIT_HOST, cluster

ARM64 = b"\x7fELF" + bytes(14) + b"\xb7\x00"
AMD64 = b"\x7fELF" + bytes(14) + b"\x3e\x00"
BASE = "https://mirror.example/release"
ARCHIVE = "https://mirror.example/{minor}/crictl-{version}-{arch}.tgz"
Site = dict[str, bytes]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    """Files of a web server, by URL."""
    files: Site = {}

    def read(url: str, most: int) -> bytes:
        assert most > 0
        if url not in files:
            raise PhaseError(codes.PROGRAM_MISSING, f"cannot read {url}: 404")
        return files[url]

    monkeypatch.setattr(downloads, "read", read)
    return files


def given(**programs: str) -> Cluster:
    known = cluster("ha")
    named: dict[str, object] = dict(programs)
    return replace(known, programs=Programs(**named))  # type: ignore[arg-type]  # all are texts


def publish(site: Site, url: str, data: bytes) -> None:
    site[url] = data
    site[f"{url}.sha256"] = f"{hashlib.sha256(data).hexdigest()}  name\n".encode()


def tgz(*names: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        folder = tarfile.TarInfo("docs")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(folder)
        for name in names:
            entry = tarfile.TarInfo(name)
            entry.mode, entry.size = 0o755, len(name)
            archive.addfile(entry, io.BytesIO(name.encode()))
    return buffer.getvalue()


def test_every_name_in_the_inventory_is_a_source() -> None:
    assert set(SOURCES) == set(get_args(SourceName))


def test_a_release_site_is_asked_for_the_checksums_only(site: Site) -> None:
    known = given(source="release", base_url=f"{BASE}/")
    for name in ("kubeadm", "kubelet", "kubectl"):
        publish(site, f"{BASE}/{known.version}/bin/linux/arm64/{name}", name.encode())

    found = list(source_of(known).resolve("arm64"))

    assert [artifact.name for artifact in found] == ["kubeadm", "kubelet", "kubectl"]
    assert found[0].url == f"{BASE}/{known.version}/bin/linux/arm64/kubeadm"
    assert found[0].sha256 == hashlib.sha256(b"kubeadm").hexdigest()
    assert (found[0].architecture, found[0].version) == ("arm64", str(known.version))


def test_an_archive_is_unpacked_once_and_its_directories_are_no_binaries(site: Site) -> None:
    known = given(source="release", base_url=BASE, crictl_url=ARCHIVE, cni_plugins_url=ARCHIVE)
    version = known.version
    for name in ("kubeadm", "kubelet", "kubectl"):
        publish(site, f"{BASE}/{version}/bin/linux/amd64/{name}", name.encode())
    url = f"https://mirror.example/1.{version.minor}/crictl-{version}-amd64.tgz"
    publish(site, url, tgz("crictl", "other"))

    *_, crictl, first, second = source_of(known).resolve("amd64")

    assert (crictl.name, crictl.cni, Path(crictl.path).read_text()) == ("crictl", False, "crictl")
    assert [(plugin.name, plugin.cni) for plugin in (first, second)] == [
        ("crictl", True),
        ("other", True),
    ]
    del site[url]
    assert len(list(source_of(known).resolve("amd64"))) == 6


def test_an_archive_may_be_unpacked_by_two_runs_at_once(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, data = "https://mirror.example/crictl.tgz", tgz("crictl")
    sha256 = hashlib.sha256(data).hexdigest()
    publish(site, url, data)
    fetch, asked = downloads.read, []

    def another_is_faster(address: str, most: int) -> bytes:
        asked.append(address)
        if len(asked) == 1:
            unpacked(url, sha256)
        return fetch(address, most)

    monkeypatch.setattr(downloads, "read", another_is_faster)

    assert (unpacked(url, sha256) / "crictl").read_text() == "crictl"
    assert asked == [url, url]
    assert len(list((cache_directory() / "archives").iterdir())) == 1


def test_an_archive_that_is_not_what_was_published(site: Site) -> None:
    url, data = "https://mirror.example/a.tgz", tgz("crictl")
    site[url] = tgz("evil")

    with pytest.raises(TrustError) as caught:
        unpacked(url, hashlib.sha256(data).hexdigest())

    assert caught.value.code.id == "KB502"


def test_the_newest_releases_of_a_site(site: Site) -> None:
    site[f"{BASE}/stable-1.35.txt"] = b"v1.35.4\n"
    site[f"{BASE}/stable-1.36.txt"] = b"soon\n"
    found = source_of(given(source="release", base_url=BASE)).releases((35, 36, 37))
    assert found == {35: Version.parse("v1.35.4")}


Filled = Callable[..., Cluster]


@pytest.fixture
def filled(tmp_path: Path) -> Filled:
    def fill(**files: bytes) -> Cluster:
        for name in ("kubeadm", "kubelet", "kubectl", "crictl"):
            (tmp_path / name).write_bytes(files.get(name, b"#!/bin/sh\n"))
        (tmp_path / "arm64").mkdir()
        known = given(source="folder", folder=str(tmp_path))
        (tmp_path / "arm64" / "kubelet").write_bytes(ARM64 + str(known.version).encode())
        return known

    return fill


def test_a_directory_may_have_one_below_it_for_an_architecture(filled: Filled) -> None:
    known = filled()
    paths = {a.name: Path(a.path).parent.name for a in source_of(known).resolve("arm64")}
    assert paths["kubelet"] == "arm64"
    assert set(paths) == {"kubeadm", "kubelet", "kubectl", "crictl"}
    assert "arm64" not in {Path(a.path).parent.name for a in source_of(known).resolve("amd64")}


def test_a_binary_for_another_architecture_is_refused(filled: Filled) -> None:
    known = filled(crictl=ARM64)
    with pytest.raises(PhaseError, match=r"crictl is for arm64, not amd64") as caught:
        list(source_of(known).resolve("amd64"))
    assert caught.value.code.id == "KB311"


@pytest.mark.parametrize("release", ["", "v1.29.0"])
def test_a_binary_of_another_release_is_refused(filled: Filled, release: str) -> None:
    """Otherwise a node finds out: an upgrade had taken its snapshot of etcd by then."""
    known = filled(kubelet=AMD64 + release.encode())
    message = rf"kubelet is not of {known.version}"
    with pytest.raises(PhaseError, match=message) as caught:
        list(source_of(known).resolve("amd64"))
    assert caught.value.code.id == "KB311"


def test_a_directory_without_a_binary_is_refused(filled: Filled, tmp_path: Path) -> None:
    known = filled()
    (tmp_path / "kubectl").unlink()
    with pytest.raises(PhaseError, match=r"has no kubectl for amd64"):
        list(source_of(known).resolve("amd64"))


def test_a_directory_without_a_version_in_its_name_is_one_release(tmp_path: Path) -> None:
    assert source_of(given(source="folder", folder=str(tmp_path))).releases((35,)) == {}


def test_nothing_is_placed_that_is_on_the_nodes() -> None:
    source = source_of(given(source="preinstalled"))
    assert not source.places
    assert "kb_fact version" in source.probe()
    assert list(source.resolve("amd64")) == []


class Packages(Preinstalled):
    """A source as an engineer would add it: the distribution's packages, by version."""

    places = True

    def resolve(self, architecture: str) -> Iterator[Artifact]:
        version = f"{self.cluster.version}-1.1"
        yield Artifact(
            name="kubelet",
            kind="package",
            version=version,
            sha256="0" * 64,
            architecture=architecture,
        )

    def probe(self) -> str:
        return "kb_fact have v1.30.0-1.1 kubelet\n"

    def place(self, artifact: Artifact) -> str:
        return artifact.name

    def install(self, artifact: Artifact, place: str, have: tuple[str, ...]) -> Action:
        title = f"install {place} {artifact.version}"
        return Run(why="not installed", title=title, body="apt-get install", effect={"have": have})


def test_another_source_is_one_class_and_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifacts, "SOURCES", {"release": Packages})
    known = given(source="release")
    wanted = {"amd64": tuple(source_of(known).resolve("amd64"))}
    facts = programs.Facts(have=("v1.30.0-1.1 kubelet", "v1.30.0-1.1 other"))
    inputs = LocalInputs(programs=wanted)
    view = View(cluster=known, node=known.first, facts=facts, host=FIT_HOST, inputs=inputs)

    (action,) = programs.plan(view)

    assert action.text == f"install kubelet {known.version}-1.1"
    assert programs.probe(known, known.first).endswith(source_of(known).probe())
    assert not list(programs.plan(forward(view, (action,))))
