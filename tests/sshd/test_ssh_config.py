"""~/.ssh/config: the values that `ssh -G` finds, logins with them, and which keys are offered."""

import getpass
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from kbootstrap.errors import KbError
from kbootstrap.model.ssh_target import NOT_IN_INVENTORY, SshTarget
from kbootstrap.remote.host_keys import HostKeys
from kbootstrap.remote.hosts import Hosts
from kbootstrap.remote.logins import FromSshConfig
from kbootstrap.remote.meter import Meter
from kbootstrap.remote.protocol import Part
from kbootstrap.remote.secret_source import Secrets
from kbootstrap.remote.ssh_config import SshConfig
from tests.sshd.server import Server, make_key, running

HELLO = [Part("hello", "kb_fact hello 1", "probe")]
OPEN = NOT_IN_INVENTORY | {"host", "port", "user", "key", "jump", "become"}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home directory, and no agent."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    (tmp_path / "home" / ".ssh").mkdir(parents=True)
    return tmp_path / "home"


def write(home: Path, text: str, name: str = "config") -> Path:
    path = home / ".ssh" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


FILES = [
    "Host n1\n  HostName 192.0.2.1\n  User ops\n  Port 2222\n",
    "HostName=192.0.2.1\nUser = ops\nport  2222\n",
    "Host n* !n1\n  User a\nHost n1 n2\n  User b\nHost *\n  User c\n  Port 23\n",
    'Host "n1"\n  User "ops"  # a comment\n  HostName %h.example.org\n',
    "Match host n1\n  User a\nMatch all\n  Port 2222\n",
    "Match originalhost n1,n2 !user x\n  User a\nMatch user a\n  Port 2222\n",
    "Match !host n1\n  User a\nMatch host *,!n1\n  User b\nMatch localuser *\n  Port 24\n",
    "Host n1\n  HostName x.example.org\nMatch host x.example.org\n  User a\n",
    "Host n1\n  User a\n  User b\nHost n1\n  User c\n",
    "User a\nHost n2\nHost n1\n  Port 77\n",
    "Include one two\nHost *\n  User c\n",
    "Host n2\n  Include one\nHost n1\n  Include two\n  Port 99\n",
    "Include *.conf\nInclude none\nUser z\n",
    "Match host n2\n  Include one\nMatch all\n  User m\n",
    "Host [n]1\n  User a\nHost N1\n  User b\nHost n?\n  User c\n",
    "Host n1\n  HostKeyAlias gateway\n  ProxyJump a,b@c:23\n  IdentitiesOnly yes\n",
    "Host n1\n  IdentityFile ~/.ssh/a\n  IdentityFile ~/.ssh/%h\nHost *\n  IdentityFile /b\n",
    "Host n1\n\tUser\tops\t\n   # comment\n\n#Port 3\n",
]
INCLUDED = {
    "one": "User one\nHost n1\n  Port 1001\nHost n2\n  Port 1002\n",
    "two": "Host n1\n  HostName two.example.org\nMatch all\n  User two\n",
    "a.conf": "Host n1\n  Port 1003\n",
    "b.conf": "Host n1\n  Port 1004\n  User b\n",
}


@pytest.mark.parametrize("name", ["n1", "n2", "x"])
@pytest.mark.parametrize("text", FILES)
def test_the_values_are_those_that_ssh_finds(home: Path, text: str, name: str) -> None:
    # OpenSSH takes the home directory from the user database.
    texts = {"config": text, **INCLUDED}
    for file, lines in texts.items():
        absolute = lines.replace("Include ", f"Include {home}/.ssh/").replace(
            "/.ssh/one two", f"/.ssh/one {home}/.ssh/two"
        )
        write(home, absolute, file)
    path = home / ".ssh" / "config"
    done = subprocess.run(
        ["ssh", "-G", "-F", str(path), name], capture_output=True, text=True, check=True
    )
    theirs: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        word, _, value = line.partition(" ")
        theirs.setdefault(word, []).append(value)

    target = SshTarget(host=name, port=22, user=getpass.getuser(), left_open=OPEN)
    ours = FromSshConfig(lambda _: None, lambda _: None).resolve(target, name)

    assert ours.host == theirs["hostname"][0]
    assert ours.port == int(theirs["port"][0])
    assert ours.user == theirs["user"][0]
    assert ours.identities_only is (theirs["identitiesonly"] == ["yes"])
    assert [ours.host_key_alias] == theirs.get("hostkeyalias", [""])
    if ours.identity_files:
        expanded = [file.replace("%h", ours.host) for file in theirs["identityfile"]]
        assert list(ours.identity_files) == [str(Path(f).expanduser()) for f in expanded]
    assert _jumps(ours) == theirs.get("proxyjump", [""])[0]


def _jumps(target: SshTarget) -> str:
    """As `ssh -G` prints it."""
    hops = []
    jump = target.jump
    while jump is not None:
        user = "" if jump.user == getpass.getuser() else f"{jump.user}@"
        hops.append(f"{user}{jump.host}" + ("" if jump.port == 22 else f":{jump.port}"))
        jump = jump.jump
    return ",".join(reversed(hops))


def test_what_is_never_run(home: Path, tmp_path: Path) -> None:
    write(
        home,
        f'Match exec "touch {tmp_path}/ran"\n  User evil\n'
        f'Match !exec "touch {tmp_path}/ran"\n  User evil\n'
        f"Host *\n  ProxyCommand touch {tmp_path}/ran\n  User good\n",
    )
    warnings: list[str] = []
    target = SshTarget(host="192.0.2.1", left_open=OPEN)
    made = FromSshConfig(lambda _: None, warnings.append).resolve(target, "n1")
    assert made.user == "good"
    assert not (tmp_path / "ran").exists()
    assert warnings == [f"n1: ProxyCommand ({home}/.ssh/config:6) is not used; use ProxyJump"]


def test_the_inventory_wins(home: Path) -> None:
    write(
        home, "Host *\n  HostName bad\n  Port 1\n  User bad\n  IdentityFile bad\n  ProxyJump bad\n"
    )
    target = SshTarget(
        host="192.0.2.1", port=22, user="root", key_file="/k", jump=SshTarget(host="j")
    )
    assert FromSshConfig(lambda _: None, lambda _: None).resolve(target, "n1") == target


def test_the_name_of_the_node_then_its_address(home: Path) -> None:
    write(home, "Host 192.0.2.*\n  User a\n  Port 2\nHost n1\n  User b\n")
    notes: list[str] = []
    target = SshTarget(host="192.0.2.1", left_open=OPEN)
    made = FromSshConfig(notes.append, lambda _: None).resolve(target, "n1")
    assert (made.host, made.user, made.port, made.become) == ("192.0.2.1", "b", 2, True)
    file = home / ".ssh" / "config"
    assert notes == [f"n1: Port 2 ({file}:3), User b ({file}:5)"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('Host "n1\n', "config:1: No closing quotation"),
        ("Host n1\n  Port x\n", "config:2: 'x' is no port"),
        (f"Host n1\n  Port {'9' * 5000}\n", "is no port"),
        ("Host\nUser a\n  Port \n", "config:"),
        ("Match host\n", "the value of host is missing"),
        ("Include config\n", "too many files are included"),
        ("Host *\n  ProxyJump j\n", "ProxyJump leads to itself"),
        ("Host n1\n  ProxyJump a:b:c\n", "is no host"),
        ("Host n1\n  ProxyJump a:70000\n", "is no port"),
    ],
)
def test_a_file_that_is_wrong(home: Path, text: str, why: str) -> None:
    write(home, text)
    target = SshTarget(host="192.0.2.1", left_open=OPEN)
    with pytest.raises(KbError) as caught:
        FromSshConfig(lambda _: None, lambda _: None).resolve(target, "n1")
    assert caught.value.code.id == "KB220"
    assert why in caught.value.message


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_a_file_that_others_can_write_to(home: Path, mode: int) -> None:
    write(home, "User a\n").chmod(mode)
    with pytest.raises(KbError, match="another user can write to it"):
        SshConfig.read(home / ".ssh" / "config")


def hello(target: SshTarget, name: str = "n1") -> str:
    hosts = Hosts(HostKeys(), Secrets(), Meter(), FromSshConfig(lambda _: None, lambda _: None))
    try:
        return hosts.connection(target, name).perform(HELLO, run_id="r").output("hello")
    finally:
        hosts.close()


def test_a_login_by_the_file_alone(home: Path, tmp_path: Path) -> None:
    with running(tmp_path / "jump") as jump, running(tmp_path / "node") as node:
        write(home, f"gw {jump.host_key_line}\nalias {node.host_key_line}\n", "other_hosts")
        write(
            home,
            f"Host n1\n  HostName 127.0.0.1\n  Port {node.port}\n  User {getpass.getuser()}\n"
            f"  IdentityFile {node.client_key}\n  HostKeyAlias alias\n  ProxyJump bastion\n"
            f"Host bastion\n  HostName localhost\n  Port {jump.port}\n  HostKeyAlias gw\n"
            f"  IdentityFile {jump.client_key}\n"
            "Host *\n  UserKnownHostsFile ~/.ssh/other_hosts\n  IdentitiesOnly yes\n",
        )
        target = SshTarget(host="192.0.2.1", left_open=OPEN)
        assert hello(replace(target, become=False, left_open=OPEN - {"become"})) == "hello=1"
        assert jump.connections == 1
        assert node.connections == 1


@contextmanager
def agent_with(tmp_path: Path, keys: list[Path]) -> Iterator[str]:
    sock = str(tmp_path / "agent")
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", sock], stdout=subprocess.DEVNULL)
    try:
        while not os.path.exists(sock):  # noqa: PTH110
            assert agent.poll() is None
        environment = {**os.environ, "SSH_AUTH_SOCK": sock}
        subprocess.run(["ssh-add", "-q", *map(str, keys)], check=True, env=environment)
        yield sock
    finally:
        agent.terminate()
        agent.wait()


@pytest.fixture
def full_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """Eight keys that are not the right one."""
    keys = [make_key(tmp_path / f"other{number}") for number in range(8)]
    with agent_with(tmp_path, keys) as sock:
        monkeypatch.setenv("SSH_AUTH_SOCK", sock)
        yield keys


@pytest.mark.parametrize("named", ["IdentityFile", "usual"])
@pytest.mark.usefixtures("full_agent")
def test_a_full_agent_does_not_use_up_the_tries(home: Path, tmp_path: Path, named: str) -> None:
    with running(tmp_path / "strict", "MaxAuthTries 2") as server:
        if named == "usual":
            key = home / ".ssh" / "id_ed25519"
            key.write_bytes(server.client_key.read_bytes())
            key.chmod(0o600)
        else:
            write(home, f"IdentityFile {server.client_key}\n")
        target = server.target(key_file=None, left_open=frozenset({"key"}))
        assert hello(target) == "hello=1"


def _refused(server: Server, home: Path, text: str) -> KbError:
    write(home, text)
    with pytest.raises(KbError) as caught:
        hello(server.target(key_file=None, left_open=frozenset({"key"})))
    return caught.value


@pytest.mark.usefixtures("full_agent")
def test_the_error_says_what_was_offered_and_what_was_not(home: Path, tmp_path: Path) -> None:
    with running(tmp_path / "strict", "MaxAuthTries 2") as server:
        error = _refused(server, home, "")
        assert error.code.id == "KB204"
        assert error.message.count("SHA256:") == 2
        assert "6 more keys were not offered" in error.detail
        assert server.connections == 1


@pytest.mark.usefixtures("full_agent")
def test_identities_only(home: Path, tmp_path: Path) -> None:
    wrong = make_key(tmp_path / "wrong")
    with running(tmp_path / "sshd") as server:
        text = f"IdentitiesOnly yes\nIdentityFile {wrong}\nIdentityFile {tmp_path}/none\n"
        error = _refused(server, home, text)
        assert error.code.id == "KB204"
        assert error.message.count("SHA256:") == 1
        assert "not offered" not in error.detail
