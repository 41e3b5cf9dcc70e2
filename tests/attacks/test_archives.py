"""Archives that are made to do harm, and what was unpacked from good ones."""

import gzip
import hashlib
import io
import os
import resource
import tarfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kbootstrap.artifacts import archive, unpacked
from kbootstrap.errors import PhaseError
from tests.attacks.release_site import ReleaseSite
from tests.load import within

Entry = tuple[str, bytes, dict[str, object]]
MIB = 1024 * 1024
GOOD: Entry = ("crictl", b"good", {})


def tgz(*entries: Entry) -> bytes:
    """An archive; the third part of an entry are attributes of its header."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as made:
        for name, data, more in entries:
            header = tarfile.TarInfo(name)
            header.size, header.mode = len(data), 0o755
            for key, value in more.items():
                setattr(header, key, value)
            made.addfile(header, io.BytesIO(data))
    return gzip.compress(buffer.getvalue(), mtime=0)


def kind_of(kind: bytes, name: str, data: bytes = b"") -> Entry:
    return (name, data, {"type": kind})


def link(name: str, to: str, kind: bytes = tarfile.SYMTYPE) -> Entry:
    return (name, b"", {"type": kind, "linkname": to})


def unpack(site: ReleaseSite, data: bytes) -> Path:
    site.serve("/a.tgz", data)
    return unpacked.unpacked(f"{site.https}/a.tgz", hashlib.sha256(data).hexdigest())


def longer_than_path_max(target: Path) -> Iterable[Entry]:
    """CVE-2025-4517: links that tarfile's filter resolves to less than the kernel does."""
    step, names = "d" * 247, "abcdefghijklmnop"
    at = ""
    for name in names:
        yield (f"{at}{step}", b"", {"type": tarfile.DIRTYPE})
        yield link(f"{at}{name}", step)
        at += f"{step}/"
    yield link(f"{'/'.join(names)}/{'l' * 254}", "../" * len(names))
    yield link("escape", f"{'/'.join(names)}/{'l' * 254}/{'../' * 20}{target.parent}")
    yield link("crictl", f"escape/{target.name}", tarfile.LNKTYPE)
    yield ("crictl", b"OVERWRITTEN", {})


@pytest.mark.parametrize(
    "entries",
    [
        lambda target: [link("crictl", str(target)), ("crictl", b"OVERWRITTEN", {})],
        lambda target: [("../" * 20 + str(target), b"OVERWRITTEN", {})],
        lambda target: [(str(target), b"OVERWRITTEN", {})],
        lambda target: [link("d", str(target.parent)), (f"d/{target.name}", b"OVERWRITTEN", {})],
        lambda target: [link("crictl", str(target), tarfile.LNKTYPE)],
        longer_than_path_max,
    ],
)
def test_a_file_of_the_operator_stays(
    release_site: ReleaseSite, tmp_path: Path, entries: Callable[[Path], Iterable[Entry]]
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")

    directory = unpack(release_site, tgz(*entries(victim)))

    assert victim.read_text() == "mine"
    assert not [path for path in directory.rglob("*") if path.is_symlink() or path.is_dir()]


ODD_NAMES = [
    "",
    ".",
    "..",
    "-rf",
    ".bashrc",
    "a b",
    "a\x1b]0;x\x07",
    "a\nb",
    "crictl\u202e",
    "a" * 200,
    "docs/x",
    "./../x",
    "c\\d",
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_only_plain_names_are_unpacked(release_site: ReleaseSite, name: str) -> None:
    directory = unpack(release_site, tgz((name, b"x", {}), ("./crictl", b"x", {"mode": 0o6777})))
    (only,) = directory.iterdir()
    assert (only.name, only.stat().st_mode & 0o7777) == ("crictl", 0o700)


@pytest.mark.parametrize(
    "kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE, b"V", b"\xff"]
)
def test_only_regular_files_are_unpacked(release_site: ReleaseSite, kind: bytes) -> None:
    odd = ("odd", b"", {"type": kind, "devmajor": 1, "devminor": 8})
    assert [path.name for path in unpack(release_site, tgz(odd, GOOD)).iterdir()] == ["crictl"]


def bomb(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    """A header, and 256 MiB of zeros in 1 MiB."""
    header = tarfile.TarInfo(name)
    header.size, header.type, header.mode = size, kind, 0o755
    buffer = io.BytesIO()
    with gzip.open(buffer, "wb", compresslevel=1) as stream:
        stream.write(header.tobuf(tarfile.GNU_FORMAT))
        for _ in range(256):
            stream.write(bytes(MIB))
    return buffer.getvalue()


BOMBS: dict[str, Callable[[], bytes]] = {
    "a binary": lambda: bomb("crictl", 256 * MIB),
    "what is left out": lambda: bomb("docs/x", 1024 * MIB),
    "a long name": lambda: bomb("x", 256 * MIB, tarfile.GNUTYPE_LONGNAME),
    "a pax header": lambda: bomb("x", 256 * MIB, tarfile.XHDTYPE),
    "a forged size": lambda: bomb("docs/x", 2**60),
    "entries": lambda: tgz(*[(f"d/{i}", b"", {}) for i in range(3000)]),
    "headers of headers": lambda: tgz(
        *[kind_of(tarfile.XHDTYPE, "x", b"10 a=123\n\n") for _ in range(3000)], GOOD
    ),
    "one name twice": lambda: tgz(GOOD, ("./crictl", b"other", {})),
    "no archive": lambda: b"<html>",
    "empty": lambda: b"",
    "gzip of something": lambda: gzip.compress(b"<html>" * 1000),
    "cut": lambda: tgz(("crictl", os.urandom(9000), {}))[:-500],
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_is_an_error_of_the_archive(
    release_site: ReleaseSite, kind: str, cache: Path
) -> None:
    data = BOMBS[kind]()
    start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    with pytest.raises(PhaseError, match=r"is not a readable \.tar\.gz") as caught:
        unpack(release_site, data)

    assert caught.value.code.id == "KB311"
    assert time.monotonic() - start < within(20)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024  # KiB
    assert list((cache / "archives").iterdir()) == []


@given(st.binary(max_size=2000) | st.just(b""), st.data())
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_an_archive_or_an_error(noise: bytes, data: st.DataObject) -> None:
    """In a tar, which gzip's checksum then covers."""
    tar = bytearray(gzip.decompress(tgz(GOOD, link("l", "x"), ("n" * 150, b"x", {}))))
    at = data.draw(st.integers(0, 3000))
    tar[at : at + len(noise)] = noise
    for raw in (gzip.compress(bytes(tar), 1), bytes(tar), noise):
        try:
            found = list(archive.members(raw))
        except archive.BadArchiveError:
            continue
        assert all(member.name.isascii() for member in found)


# ---- the cache


def test_what_was_unpacked_is_used_again(release_site: ReleaseSite) -> None:
    unpack(release_site, tgz(GOOD))
    unpack(release_site, tgz(GOOD))
    assert release_site.asked == ["/a.tgz"]


def planted(directory: Path) -> None:
    (directory / "bridge").write_text("evil")


def poisoned(directory: Path) -> None:
    (directory / "crictl").write_text("evil")


def linked(directory: Path) -> None:
    (directory / "crictl").unlink()
    (directory / "crictl").symlink_to("/bin/sh")


def forged(directory: Path) -> None:
    (directory.parent / "sums.json").write_text("[" * 100_000)


@pytest.mark.parametrize("change", [planted, poisoned, linked, forged])
def test_a_changed_cache_is_not_believed(
    release_site: ReleaseSite, change: Callable[[Path], None]
) -> None:
    change(unpack(release_site, tgz(GOOD)))

    directory = unpack(release_site, tgz(GOOD))

    assert {path.name: path.read_bytes() for path in directory.iterdir()} == {"crictl": b"good"}
    assert release_site.asked == ["/a.tgz", "/a.tgz"]
