"""The operator's own files: programs to place, patches, manifests, the kubeconfig.

Called by the verbs before planning; planning itself sees only the resulting `Bits`.
"""

import base64
import contextlib
import hashlib
import io
import json
import os
import re
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml

from kbootstrap import codes
from kbootstrap.components import BINARIES
from kbootstrap.engine.phase import Bits, Program
from kbootstrap.errors import InventoryError, PhaseError, TrustError
from kbootstrap.model.cluster import Cluster
from kbootstrap.model.document import Document
from kbootstrap.model.skew import newest, read
from kbootstrap.model.versions import Version

VERSION = "{version}"  # in programs.folder: one folder a release
TIMEOUT = 30  # seconds per request to a release site
_ELF_ARCH = {0x3E: "amd64", 0xB7: "arm64"}  # e_machine


def gather(cluster: Cluster, arches: Iterable[str], kubeconfig: Path | None) -> Bits:
    """Everything a plan needs from this machine.

    Raises:
        PhaseError: KB311, a program is not to be had.
        TrustError: KB502, a download is not what its site published.
        InventoryError: a manifest cannot be read.

    """
    return Bits(
        texts=_patches(cluster),
        programs={arch: tuple(_programs(cluster, arch)) for arch in arches},
        manifests=tuple(_manifests(cluster)),
        kubeconfig=str(kubeconfig) if kubeconfig else "",
        kubeconfig_ca=trusted_ca(kubeconfig) if kubeconfig else "",
    )


def _patches(cluster: Cluster) -> dict[str, str]:
    folder = cluster.kubeadm.patches_dir
    if folder is None:
        return {}
    return {path.name: path.read_text() for path in sorted(Path(folder).iterdir())}


def _programs(cluster: Cluster, arch: str) -> Iterator[Program]:
    programs = cluster.programs
    if programs.source == "preinstalled":
        return
    if programs.source == "folder":
        yield from _from_folder(folder_for(programs.folder or ".", cluster.version), arch)
    else:
        yield from _from_release(cluster, arch)
        if programs.crictl_url:
            yield from _from_archive(_filled(programs.crictl_url, cluster, arch), ("crictl",))
    if programs.cni_plugins_folder:
        for path in sorted(Path(programs.cni_plugins_folder).iterdir()):
            if path.is_file() and os.access(path, os.X_OK):
                yield _local(path, cni=True)
    elif programs.cni_plugins_url:
        yield from _from_archive(_filled(programs.cni_plugins_url, cluster, arch), cni=True)


def _filled(url: str, cluster: Cluster, arch: str) -> str:
    version = cluster.version
    return url.format(arch=arch, version=version, minor=f"{version.major}.{version.minor}")


def folder_for(folder: str, version: Version) -> Path:
    """The folder of one release's programs, which may have its version in its name."""
    return Path(folder.replace(VERSION, str(version)))


def known_versions(cluster: Cluster, minors: Iterable[int]) -> dict[int, Version]:
    """The newest release of each minor: at the release site, or in the folders of releases."""
    programs = cluster.programs
    if programs.source == "release":
        base = programs.base_url.rstrip("/")
        texts = [_stable(f"{base}/stable-1.{minor}.txt") for minor in minors]
    else:
        folder = programs.folder or "/"
        named = re.compile(re.escape(folder).replace(re.escape(VERSION), "(v[0-9][^/]*)"))
        there = Path("/").glob(folder[1:].replace(VERSION, "v*")) if VERSION in folder else ()
        texts = [match[1] for path in there if (match := named.fullmatch(str(path)))]
    return newest(found for text in texts if (found := read(text)) is not None)


def _stable(url: str) -> str:
    try:
        return _download(url).decode(errors="replace").strip()
    except PhaseError:
        return ""


def _from_folder(folder: Path, arch: str) -> Iterator[Program]:
    for name in (*BINARIES, "crictl"):
        found = [p for p in (folder / arch / name, folder / name) if p.is_file()]
        if not found:
            raise PhaseError(codes.PROGRAM_MISSING, f"{folder} has no {name} for {arch}")
        built_for = elf_arch(found[0])
        if built_for not in {None, arch}:
            raise PhaseError(codes.PROGRAM_MISSING, f"{found[0]} is for {built_for}, not {arch}")
        yield _local(found[0])


def _from_release(cluster: Cluster, arch: str) -> Iterator[Program]:
    """The official layout: BASE/VERSION/bin/linux/ARCH/NAME and NAME.sha256 beside it."""
    base = f"{cluster.programs.base_url.rstrip('/')}/{cluster.version}/bin/linux/{arch}"
    for name in BINARIES:
        url = f"{base}/{name}"
        yield Program(name=name, url=url, sha256=_published_sum(url))


def _published_sum(url: str) -> str:
    words = _download(f"{url}.sha256").decode(errors="replace").split()
    if not words or len(words[0]) != hashlib.sha256().digest_size * 2:
        raise PhaseError(codes.PROGRAM_MISSING, f"{url}.sha256 holds no sha256")
    return words[0]


def _download(url: str) -> bytes:
    import urllib.error  # noqa: PLC0415  # brings HTTP and TLS, and a folder of programs needs none
    import urllib.request  # noqa: PLC0415

    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:  # noqa: S310 - the user's URL
            data: bytes = answer.read()
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise PhaseError(codes.PROGRAM_MISSING, f"cannot read {url}: {error}") from error
    return data


def _from_archive(url: str, names: tuple[str, ...] = (), *, cni: bool = False) -> Iterator[Program]:
    """Unpack a checked .tar.gz into the cache; all its programs, or the named ones."""
    want = _published_sum(url)
    folder = _cache() / want
    if not folder.is_dir():
        data = _download(url)
        got = hashlib.sha256(data).hexdigest()
        if got != want:
            raise TrustError(codes.CHECKSUM, f"{url} has sha256 {got}, published is {want}")
        _unpack(data, folder)
    for path in sorted(folder.iterdir()):
        if os.access(path, os.X_OK) and (not names or path.name in names):
            yield _local(path, cni=cni)


def _unpack(data: bytes, folder: Path) -> None:
    fresh = folder.with_suffix(f".{os.getpid()}")
    fresh.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        archive.extractall(fresh, filter="data")
    fresh.rename(folder)


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base) / "kbootstrap"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _local(path: Path, *, cni: bool = False) -> Program:
    return Program(
        name=path.name,
        source=str(path),
        sha256=file_sum(path),
        size=path.stat().st_size,
        cni=cni,
    )


def elf_arch(path: Path) -> str | None:
    """The architecture an ELF program is for; None for anything else, such as a script."""
    with path.open("rb") as file:
        head = file.read(20)
    if head[:4] != b"\x7fELF":
        return None
    return _ELF_ARCH.get(int.from_bytes(head[18:20], "little"), "unknown")


def file_sum(path: Path) -> str:
    """Hex sha256 of a file; remembered by path, size, times and inode."""
    stat = path.stat()
    identity = (
        f"{path.resolve()}:{stat.st_size}:{stat.st_mtime_ns}:{stat.st_ctime_ns}:{stat.st_ino}"
    )
    store = _cache() / "sums.json"
    known = _sums(store)
    if identity not in known:
        with path.open("rb") as file:
            known[identity] = hashlib.file_digest(file, "sha256").hexdigest()
        with contextlib.suppress(OSError):  # a full disk costs the next run some time
            _write_anew(store, store.with_suffix(f".{os.getpid()}"), json.dumps(known))
    return known[identity]


def _sums(store: Path) -> dict[str, str]:
    try:
        known: dict[str, str] = json.loads(store.read_text())
    except (OSError, ValueError):
        return {}
    return known


def _manifests(cluster: Cluster) -> Iterator[tuple[str, Document]]:
    for source in cluster.cni.manifests:
        if source.startswith(("http://", "https://")):
            text = _download(source).decode()
        else:
            text = Path(source).read_text()
        for data in yaml.safe_load_all(text):
            if not data:
                continue
            if not isinstance(data, dict) or not {"kind", "apiVersion", "metadata"} <= data.keys():
                raise InventoryError(codes.BAD_MANIFEST, f"{source} holds something else")
            yield source, Document.of(data)


def trusted_ca(kubeconfig: Path) -> str:
    """PEM of the CA a kubeconfig trusts; empty when there is none that can be read."""
    try:
        config = yaml.safe_load(kubeconfig.read_text())
        data = config["clusters"][0]["cluster"]["certificate-authority-data"]
        return base64.b64decode(data).decode()
    except (OSError, KeyError, IndexError, TypeError, ValueError, yaml.YAMLError):
        return ""


def write_private(path: Path, text: str) -> None:
    """Write a file only its owner can read, in one move."""
    _write_anew(path, path.with_name(f".{path.name}.{os.getpid()}"), text)


def _write_anew(path: Path, fresh: Path, text: str) -> None:
    """All of the text or nothing, and nothing half written beside it."""
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
