"""Container images made of binaries on this host: OCI layouts, without any build tool."""

import gzip
import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.lab import rootfs
from tests.lab.shell import run

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
OCI = "application/vnd.oci.image"

Files = Mapping[str, Path | bytes]  # path in the image: a file of this host, or its content


@dataclass(frozen=True)
class Layer:
    """A gzipped tar archive; `diff_id` is the digest of what is inside the gzip."""

    blob: Path
    diff_id: str


def fingerprint(files: Files, *, on_debian: bool) -> str:
    """Finds whether an image would come out the same, without reading big binaries."""
    digest = hashlib.sha256(rootfs.IMAGE.path.name.encode() if on_debian else b"")
    for target, source in sorted(files.items()):
        if isinstance(source, bytes):
            digest.update(f"{target} {source.hex()}\n".encode())
        else:
            at = source.stat()
            digest.update(f"{target} {source} {at.st_size} {at.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def write_layout(folder: Path, files: Files, *, on_debian: bool) -> None:
    """Write an OCI layout of one image, whose entry point is the first of its files."""
    blobs = folder / "blobs/sha256"
    blobs.mkdir(parents=True)
    layers = [_debian_layer()] if on_debian else []
    layers.append(_pack(files, folder / "layer.tgz"))
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Entrypoint": [next(iter(files))], "Env": [PATH]},
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{OCI}.manifest.v1+json",
        "config": _put_json(blobs, "config.v1+json", config),
        "layers": [_put(blobs, "layer.v1.tar+gzip", layer.blob) for layer in layers],
    }
    index = {"schemaVersion": 2, "manifests": [_put_json(blobs, "manifest.v1+json", manifest)]}
    (folder / "index.json").write_text(json.dumps(index))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')


def _debian_layer() -> Layer:
    """The small Debian (iptables, conntrack, kmod) for binaries which need more than a kernel."""
    tree = rootfs.ensure(rootfs.IMAGE)
    blob, note = tree / "layer.tgz", tree / "layer.diff_id"
    with rootfs.locked("layer"):
        if not note.exists():
            plain = tree / "layer.tar"
            words = ["--numeric-owner", "--exclude=./dev/*", "--exclude=./layer.*", "."]
            run(["tar", "--create", f"--file={plain}", f"--directory={tree}", *words])
            run(["sh", "-c", 'gzip -n -1 <"$1" >"$2"', "sh", plain, blob])
            note.write_text(_digest(plain))
            plain.unlink()
    return Layer(blob, note.read_text())


def _pack(files: Files, blob: Path) -> Layer:
    """One layer with the given files, all executable; the same files give the same bytes."""
    plain = blob.with_suffix(".tar")
    with tarfile.open(plain, "w") as archive:
        for target, source in files.items():
            entry = tarfile.TarInfo(target.lstrip("/"))
            entry.mode = 0o755
            content = source if isinstance(source, bytes) else source.read_bytes()
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    with plain.open("rb") as source_file, blob.open("wb") as target_file:
        zipped = gzip.GzipFile("", "wb", compresslevel=1, fileobj=target_file, mtime=0)
        with zipped:
            shutil.copyfileobj(source_file, zipped, 1 << 20)
    layer = Layer(blob, _digest(plain))
    plain.unlink()
    return layer


def _digest(file: Path) -> str:
    with file.open("rb") as handle:
        return f"sha256:{hashlib.file_digest(handle, 'sha256').hexdigest()}"


def _put_json(blobs: Path, kind: str, content: object) -> dict[str, object]:
    text = blobs / "new.json"
    text.write_text(json.dumps(content))
    return _put(blobs, kind, text)


def _put(blobs: Path, kind: str, source: Path) -> dict[str, object]:
    """Place a file among the blobs under its digest and give what refers to it."""
    digest = _digest(source)
    target = blobs / digest.removeprefix("sha256:")
    if source.parent == blobs:
        source.rename(target)
    else:
        shutil.copyfile(source, target)
    return {"mediaType": f"{OCI}.{kind}", "digest": digest, "size": target.stat().st_size}
