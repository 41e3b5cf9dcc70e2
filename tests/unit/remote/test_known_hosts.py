"""known_hosts, line by line; `ssh-keygen -F` says what OpenSSH finds in the same file."""

import base64
import hashlib
import hmac
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from kbootstrap.errors import HostKeyError
from kbootstrap.model.ssh_target import SshTarget
from kbootstrap.remote.host_keys import HostKeys, Shown
from kbootstrap.remote.known_hosts import HostKey, KnownHosts, Marker, parse_line


def make(number: int) -> HostKey:
    kind = b"ssh-ed25519"
    body = hashlib.sha256(bytes([number])).digest()
    return HostKey(kind.decode(), b"\0\0\0\x0b" + kind + b"\0\0\0\x20" + body)


def hashed(name: str) -> str:
    salt = b"0123456789abcdefghij"
    digest = hmac.digest(salt, name.encode(), hashlib.sha1)
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


ED, OTHER = make(1), make(2)
KEY = ED.text

LINES = (
    f"ssh-gw {KEY}",
    f"ecdsa-sha2-gw,sk-gw {KEY} ssh-ed25519 AAAA",
    f"@revoked ssh-gw {KEY}",
    f"  @cert-authority *.example.org,!bad.example.org\t {KEY} a comment",
    f"*.EXAMPLE.org {KEY}",
    f"!N1,* {KEY}",
    f"N1,n2 {KEY}",
    f"n?,!n3 {KEY}",
    f"[n1]:2222 {KEY}",
    f"[N1]:* {KEY}",
    f"{hashed('n1')} {KEY}",
    f"@revoked {hashed('[n1]:2222')} {KEY}",
    "|1|x ssh-ed25519 AAAA",
    f"|1|{'é' * 28}|{'é' * 28} {KEY}",
    f"{hashed('n1')[:-6]} {KEY}",
    f"|2{hashed('n1')[2:]} {KEY}",
    "n1",
    "n1 ssh-ed25519",
    f"@unknown n1 {KEY}",
    f"@revoked @revoked n1 {KEY}",
    f"@revoked  {KEY}",
    "@revoked",
    "",
    "   ",
    f"# n1 {KEY}",
    f"   # n1 {KEY}",
    f"n9 {KEY} words\u2028n1 {KEY}",
    f"n9 {KEY} words\x0cn1 {KEY}",
    f"n9\u00a0{KEY}",
    f"\ufeffn1 {KEY}",
    f"n1{'x' * 2000}* {KEY}",
    f"n1 {KEY}\r",
    f"[n*]:22 {KEY}",
    f"2001:db8::1,[2001:db8::1]:22 {KEY}",
    f"n[12] {KEY}",
    f"n1,,n4 {KEY}",
)
NAMES = (
    *("ssh-gw", "sk-gw", "ecdsa-sha2-gw", "x.example.org", "bad.example.org", "n1", "n2", "n3"),
    *("[n1]:2222", "[n1]:22", "n9", "nn", "ssh-ed25519", "@revoked", "2001:db8::1", "n[12]"),
    *("n4", "", "#", "n1" + "x" * 2001),
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "known_hosts"
    path.write_text("\n".join(LINES) + "\n", encoding="utf-8", newline="")
    return path


def _ours(file: Path, name: str) -> list[tuple[int, str]]:
    known = KnownHosts(file)
    known.load()
    lines = [(number, *_read(line)) for number, line in enumerate(LINES, 1)]
    found = [(entry.marker, entry.names) for entry in known.entries(name)]
    return [(number, marker) for number, marker, names in lines if (marker, names) in found]


def _read(line: str) -> tuple[str, str]:
    try:
        entry = parse_line(line)
    except ValueError:
        return "", "broken"
    return (entry.marker, entry.names) if entry else ("", "comment")


def _openssh(file: Path, name: str) -> list[tuple[int, str]]:
    done = subprocess.run(
        ["ssh-keygen", "-F", name, "-f", str(file)],
        capture_output=True,
        check=False,
        timeout=20,
    )
    found = re.findall(r"(?m)^# Host .* found: line (\d+) (\w*)$", done.stdout.decode())
    markers = {"": Marker.KNOWN, "CA": Marker.AUTHORITY, "REVOKED": Marker.REVOKED}
    return [(int(number), markers[marker]) for number, marker in found]


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="OpenSSH is not installed")
@pytest.mark.parametrize("name", [name for name in NAMES if name])
def test_the_lines_are_those_that_openssh_finds(file: Path, name: str) -> None:
    assert _ours(file, name) == _openssh(file, name)


def test_lines_that_cannot_be_used_are_counted_and_skipped(file: Path) -> None:
    known = KnownHosts(file)
    known.load()
    assert "line 13: the hashed name is damaged" in known.broken
    assert "line 19: the marker is unknown" in known.broken
    assert len(known.broken) == sum(_read(line)[1] == "broken" for line in LINES)


@pytest.mark.parametrize(
    "key",
    ["ssh-ed25519 !!!", f"ssh-rsa {KEY.split()[1]}", "ssh-ed25519", f"{'é'} {KEY.split()[1]}", "x"],
)
def test_a_line_with_a_broken_key_is_skipped(tmp_path: Path, key: str) -> None:
    """`ssh-keygen -F` prints such a line, `ssh` skips it."""
    path = tmp_path / "known_hosts"
    path.write_text(f"n1 {key}\n")
    known = KnownHosts(path)
    known.load()
    assert known.entries("n1") == ()
    assert len(known.broken) == 1


def test_a_pattern_that_takes_openssh_for_ever_does_not_hold_up_a_run(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(f"{'*a' * 200}b {KEY}\n")
    known = KnownHosts(path)
    known.load()
    begin = time.perf_counter()
    assert known.entries("a" * 63) == ()
    assert time.perf_counter() - begin < 5


def test_a_line_that_cannot_be_used_is_one_warning_and_no_end(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(f"|1|x ssh-ed25519 AAAA\nn1 rubbish\nn1 {KEY}\n")
    warnings: list[str] = []
    keys = HostKeys([path], warn=warnings.append)
    for _ in range(2):
        keys.check(SshTarget(host="n1"), Shown(ED))
    assert len(warnings) == 1
    assert "line 1: the hashed name is damaged and 1 more" in warnings[0]


@pytest.mark.parametrize("name", ["ssh-gw", "sk-gw", "ecdsa-sha2-gw"])
def test_a_host_with_the_name_of_a_key_type_keeps_its_key(tmp_path: Path, name: str) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(f"{name} {KEY}\n")
    keys = HostKeys([path], accept_new=True)
    keys.check(SshTarget(host=name), Shown(ED))
    with pytest.raises(HostKeyError) as caught:
        keys.check(SshTarget(host=name), Shown(OTHER))
    assert caught.value.code.id == "KB203"
    assert path.read_text() == f"{name} {KEY}\n"


@pytest.mark.parametrize(
    "target",
    [
        SshTarget(host="ssh-gw"),
        SshTarget(host="ssh-gw", host_keys=(KEY,)),
        SshTarget(host="SSH-GW", port=2222, host_keys=(KEY,)),
    ],
)
def test_a_revoked_key_is_refused_also_if_the_inventory_names_it(
    tmp_path: Path, target: SshTarget
) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(f"@revoked ssh-gw {KEY}\n")
    with pytest.raises(HostKeyError, match="marked as revoked"):
        HostKeys([path], accept_new=True).check(target, Shown(ED))


@pytest.mark.parametrize("names", ["*.EX", "!n1,*.ex", "N1.EX"])
def test_case_is_ignored_in_patterns(tmp_path: Path, names: str) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(f"{names} {KEY}\n")
    keys = HostKeys([path], accept_new=True)
    keys.check(SshTarget(host="n1.ex"), Shown(ED))
    with pytest.raises(HostKeyError):
        keys.check(SshTarget(host="n1.ex"), Shown(OTHER))


def test_an_excluded_name_in_capitals_is_excluded(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(f"!N1,* {KEY}\n")
    with pytest.raises(HostKeyError) as caught:
        HostKeys([path]).check(SshTarget(host="n1"), Shown(ED))
    assert caught.value.code.id == "KB202"


def test_a_key_below_an_alias_is_the_key_of_any_port(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(f"gateway {KEY}\n10.0.0.1 {OTHER.text}\n")
    target = SshTarget(host="10.0.0.1", port=2222, host_key_alias="Gateway")
    HostKeys([path]).check(target, Shown(ED))
    with pytest.raises(HostKeyError):
        HostKeys([path]).check(target, Shown(OTHER))
