"""Host keys: who is let in, who is not, and what is written."""

import base64
import hashlib
import hmac
import threading
from pathlib import Path

import pytest

from kbootstrap.errors import HostKeyError
from kbootstrap.model.ssh_target import SshTarget
from kbootstrap.remote.host_keys import HostKeys, Shown
from kbootstrap.remote.known_hosts import HostKey, parse_key


def make(kind: str, number: int) -> HostKey:
    body = number.to_bytes(32, "big")
    return HostKey(kind, len(kind).to_bytes(4, "big") + kind.encode() + body)


ED = make("ssh-ed25519", 1)
OTHER = make("ssh-ed25519", 2)
RSA = make("ssh-rsa", 3)
NODE = SshTarget(host="node1")
ODD_PORT = SshTarget(host="node1", port=2222)


def hashed(name: str) -> str:
    salt = b"0123456789abcdefghij"
    digest = hmac.digest(salt, name.encode(), hashlib.sha1)
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ssh" / "known_hosts"


def trust(file: Path, *lines: str, accept_new: bool = False) -> HostKeys:
    file.parent.mkdir(exist_ok=True)
    file.write_text("".join(f"{line}\n" for line in lines))
    return HostKeys([file], accept_new=accept_new)


@pytest.mark.parametrize(
    ("names", "target"),
    [
        ("node1", NODE),
        ("NODE1,10.0.0.1", NODE),
        ("other,node1", NODE),
        ("[node1]:2222", ODD_PORT),
        ("node1", ODD_PORT),
        (hashed("node1"), NODE),
        (hashed("[node1]:2222"), ODD_PORT),
        ("node*", NODE),
        ("node?", NODE),
        ("*,!node2", NODE),
        ("[node1]:*", ODD_PORT),
    ],
)
def test_known_hosts_entries_match(file: Path, names: str, target: SshTarget) -> None:
    trust(file, f"{names} {ED.text} comment").check(target, Shown(ED))


@pytest.mark.parametrize(
    "names", ["node2", "[node1]:2223", hashed("node2"), "*,!node1", "node1.example", "node??"]
)
def test_entries_of_others_do_not_match(file: Path, names: str) -> None:
    with pytest.raises(HostKeyError) as caught:
        trust(file, f"{names} {ED.text}").check(NODE, Shown(ED))
    assert caught.value.code.id == "KB202"


def test_an_unknown_key_is_shown_with_what_to_do(file: Path) -> None:
    with pytest.raises(HostKeyError) as caught:
        trust(file).check(ODD_PORT, Shown(ED))
    assert caught.value.code.id == "KB202"
    assert ED.fingerprint in caught.value.message
    assert "node1:2222" in caught.value.message
    assert f"ssh-keyscan -p 2222 node1 >> {file}" in caught.value.detail
    assert "--accept-new-host-keys" in caught.value.detail


def test_the_fingerprint_is_openssh_s() -> None:
    digest = hashlib.sha256(ED.blob).digest()
    assert ED.fingerprint == "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


@pytest.mark.parametrize("accept_new", [False, True])
@pytest.mark.parametrize("shown", [OTHER, RSA])
def test_a_changed_key_is_refused_even_of_another_kind(
    file: Path, shown: HostKey, *, accept_new: bool
) -> None:
    keys = trust(file, f"node1 {ED.text}", accept_new=accept_new)
    before = file.read_bytes()
    with pytest.raises(HostKeyError) as caught:
        keys.check(NODE, Shown(shown))
    assert caught.value.code.id == "KB203"
    assert shown.fingerprint in caught.value.message
    assert ED.fingerprint in caught.value.message
    assert file.read_bytes() == before


def test_a_revoked_key_is_refused(file: Path) -> None:
    with pytest.raises(HostKeyError, match="revoked"):
        trust(file, f"node1 {ED.text}", f"@revoked * {ED.text}").check(NODE, Shown(ED))


def test_authorities_and_comments_are_no_host_keys(file: Path) -> None:
    keys = trust(file, f"@cert-authority * {ED.text}", f"# node1 {ED.text}", "", "node1 nonsense")
    with pytest.raises(HostKeyError):
        keys.check(NODE, Shown(ED))


def test_keys_of_the_inventory_replace_the_files(file: Path) -> None:
    keys = trust(file, f"node1 {ED.text}", accept_new=True)
    target = SshTarget(host="node1", host_keys=(f"{OTHER.text} admin@console", RSA.text))
    keys.check(target, Shown(OTHER))
    keys.check(target, Shown(RSA))
    assert keys.trusted(target).keys == {OTHER, RSA}
    with pytest.raises(HostKeyError):
        keys.check(target, Shown(ED))


def test_broken_keys_of_the_inventory_are_not_none_at_all(file: Path) -> None:
    with pytest.raises(HostKeyError):
        trust(file, accept_new=True).check(
            SshTarget(host="node1", host_keys=("ssh-rsa x",)), Shown(ED)
        )
    assert file.read_text() == ""


def test_several_keys_of_one_host(file: Path) -> None:
    keys = trust(file, f"node1 {ED.text}", f"node1 {RSA.text}")
    keys.check(NODE, Shown(ED))
    keys.check(NODE, Shown(RSA))
    assert keys.trusted(NODE).keys == {ED, RSA}


def test_accept_new_adds_one_line_and_keeps_the_rest(file: Path) -> None:
    keys = trust(file, "# mine", f"node2 {RSA.text}", accept_new=True)
    file.write_text(file.read_text().rstrip("\n"))  # the last line lacks its end
    keys.check(ODD_PORT, Shown(ED))
    keys.check(ODD_PORT, Shown(ED))
    assert file.read_text() == f"# mine\nnode2 {RSA.text}\n[node1]:2222 {ED.text}\n"
    with pytest.raises(HostKeyError):
        keys.check(ODD_PORT, Shown(OTHER))


def test_accept_new_makes_the_file_private(file: Path) -> None:
    HostKeys([file], accept_new=True).check(NODE, Shown(ED))
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_accept_new_hears_what_another_process_learnt(file: Path) -> None:
    ours, theirs = trust(file, accept_new=True), HostKeys([file], accept_new=True)
    assert ours.trusted(NODE).keys == theirs.trusted(NODE).keys == frozenset()
    theirs.check(NODE, Shown(ED))
    ours.check(NODE, Shown(ED))
    assert file.read_text().count("\n") == 1
    late = HostKeys([file], accept_new=True)
    file.write_text("")
    late.trusted(NODE)
    file.write_text(f"node1 {ED.text}\n")
    with pytest.raises(HostKeyError, match="another process"):
        late.check(NODE, Shown(OTHER))


def test_accept_new_from_many_threads(file: Path) -> None:
    keys = HostKeys([file], accept_new=True)
    targets = [SshTarget(host=f"n{number % 20}") for number in range(100)]
    threads = [threading.Thread(target=keys.check, args=(target, Shown(ED))) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(file.read_text().splitlines()) == 20


def test_missing_files_are_empty_and_unreadable_ones_an_error(tmp_path: Path) -> None:
    with pytest.raises(HostKeyError) as caught:
        HostKeys([tmp_path / "none"]).check(NODE, Shown(ED))
    assert caught.value.code.id == "KB202"
    with pytest.raises(HostKeyError, match="cannot read"):
        HostKeys([tmp_path]).check(NODE, Shown(ED))


def test_ten_thousand_lines_are_quick(file: Path) -> None:
    import time  # noqa: PLC0415

    keys = trust(
        file, *(f"host{number} {make('ssh-ed25519', number).text}" for number in range(10_000))
    )
    begin = time.perf_counter()
    for number in range(0, 10_000, 10):
        keys.check(SshTarget(host=f"host{number}"), Shown(make("ssh-ed25519", number)))
    assert time.perf_counter() - begin < 2


def test_parse_key() -> None:
    assert parse_key(ED.text) == ED
    assert parse_key(f"{ED.text} words of a comment") == ED


@pytest.mark.parametrize(
    "text",
    ["ssh-ed25519", "ssh-ed25519 !!!", f"ssh-rsa {ED.text.split()[1]}", "", f"host {ED.text}"],
)
def test_no_key(text: str) -> None:
    with pytest.raises(ValueError, match="key"):
        parse_key(text)
