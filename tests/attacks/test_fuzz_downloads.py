"""Whatever an archive, a manifest or a known_hosts file holds is read, or refused with a code."""

import contextlib
import gzip
import io
import tarfile
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from kbootstrap.artifacts import archive, manifests
from kbootstrap.model.document import Document
from kbootstrap.model.ssh_target import SshTarget
from kbootstrap.remote.host_keys import HostKeys, Shown
from kbootstrap.remote.known_hosts import HostKey, parse_key
from tests.attacks.fuzz import FUZZ, damaged, ends_with_a_code, json_values, text

# ---- archives


def packed(files: dict[str, bytes], links: dict[str, str]) -> bytes:
    """A tar of these files and symbolic links."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
        for name, target in links.items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            tar.addfile(entry)
    return buffer.getvalue()


GOOD = packed({"./bridge": b"\x7fELF" * 50, "host-local": b"x"}, {"dhcp": "../../etc/passwd"})
edits = st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), max_size=6)


@FUZZ
@given(edits, st.integers(0, len(GOOD)), st.integers(1, 1000))
@example([], 0, 1000)
@example([(156, ord("x"))], len(GOOD), 1000)  # a pax header
@example([(156, ord("L"))], len(GOOD), 1000)  # GNU's long name
@example([(124, 0x80), (125, 0xFF)], len(GOOD), 1000)  # a size in base 256, which is negative
def test_archives(edits: list[tuple[int, int]], size: int, part: int) -> None:
    """With other bytes, cut before it was packed, or after: that many thousandths are left."""
    data = bytearray(GOOD)
    for at, byte in edits:
        data[at] = byte
    content = gzip.compress(bytes(data[:size]))
    try:
        found = [*archive.members(content[: len(content) * part // 1000])]
    except archive.BadArchiveError:
        return
    assert not any("/" in member.name for member in found)


@FUZZ
@given(st.binary(max_size=200))
def test_archives_of_anything(content: bytes) -> None:
    with pytest.raises(archive.BadArchiveError):
        [*archive.members(b"x" + content)]
    with contextlib.suppress(archive.BadArchiveError):
        assert all(member.name for member in archive.members(gzip.compress(content)))


# ---- manifests

MANIFEST: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "List",
    "items": [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "y"}},
        {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "b", "labels": {}}},
    ],
}
texts = st.one_of(damaged(MANIFEST).map(yaml.safe_dump), json_values.map(yaml.safe_dump), text)


@FUZZ
@given(st.lists(texts, max_size=3).map("\n---\n".join))
@example("[" * 3000)
@example("a: &a [*a]")
@example("a: !!python/object/apply:os.system [id]")
@example("? {a: b}\n: c")
@example("{kind: List, items: [3, {kind: List, items: {}}]}")
@example("{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {x: .nan, ? 1 : 2}}")
def test_manifests(tmp_path_factory: pytest.TempPathFactory, said: str) -> None:
    path = tmp_path_factory.getbasetemp() / "manifest.yaml"
    path.write_bytes(said.encode("utf-8", "surrogatepass"))

    def read() -> None:
        for _, document in manifests.objects([str(path)], str.encode):
            assert Document.of(document.data) == document

    assert ends_with_a_code(read) in {"", "KB194"}


# ---- known_hosts

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINHpoFDLVbPCCKQTHiFuWiV4uUv7EfaFBhUo8qS0lGme"
words = st.one_of(
    st.sampled_from(["@revoked", "@cert-authority", "ssh-ed25519", "n1", "*.ex", "!n1,*", "|1|x"]),
    st.sampled_from(["[n1]:22", KEY, KEY.split()[1], "|1|YWJj|ZGVm", "ssh-rsa", "#", "\t"]),
    text,
)


@FUZZ
@given(st.lists(st.lists(words, max_size=5).map(" ".join), max_size=4).map("\n".join))
@example("|1|x ssh-ed25519 AAAA")
@example(f"|1|\u00e9|\u00e9 {KEY}")
@example(f"n1 {KEY[:-4]}")
@example("*" * 200 + "x " + KEY)
def test_known_hosts(tmp_path_factory: pytest.TempPathFactory, said: str) -> None:
    path = tmp_path_factory.getbasetemp() / "known_hosts"
    path.write_bytes(said.encode("utf-8", "surrogatepass"))
    warnings: list[str] = []
    shown = Shown(parse_key(KEY))

    code = ends_with_a_code(
        lambda: HostKeys([path], warn=warnings.append).check(SshTarget(host="n1"), shown)
    )

    assert code in {"", "KB202", "KB203"}


@FUZZ
@given(st.binary(max_size=300), text)
def test_what_a_host_shows(certificate: bytes, key: str) -> None:
    """A host key and a certificate of any form."""
    try:
        known: HostKey = parse_key(key)
    except ValueError:
        known = parse_key(KEY)
    target = SshTarget(host="n1", host_keys=(KEY,))

    code = ends_with_a_code(lambda: HostKeys([]).check(target, Shown(known, certificate)))

    assert code in {"", "KB202", "KB203"}
