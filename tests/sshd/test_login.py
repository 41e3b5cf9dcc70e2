"""Who we talk to and how we get in."""

import getpass
import os
import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from kbootstrap.errors import HostKeyError, KbError, LoginError, UnreachableError
from kbootstrap.model.ssh_target import SshTarget
from kbootstrap.remote import pool
from kbootstrap.remote.host_keys import HostKeys
from kbootstrap.remote.meter import Meter
from kbootstrap.remote.protocol import Part
from kbootstrap.secret import SecretRef
from tests.sshd.conftest import MakeHosts
from tests.sshd.cutter import cutting
from tests.sshd.server import Server, free_port, make_key, running

HELLO = [Part("hello", "kb_fact hello 1", "probe")]


def hello(make_hosts: MakeHosts, target: SshTarget, trust: HostKeys | None = None) -> str:
    return make_hosts(trust).connection(target, "node1").perform(HELLO, run_id="r").output("hello")


def refused(make_hosts: MakeHosts, target: SshTarget, trust: HostKeys | None = None) -> KbError:
    with pytest.raises(KbError) as caught:
        hello(make_hosts, target, trust)
    return caught.value


def test_the_right_key_gets_in(make_hosts: MakeHosts, server: Server) -> None:
    assert hello(make_hosts, server.target()) == "hello=1"


def test_an_unknown_host_key_stops_before_authentication(
    make_hosts: MakeHosts, server: Server, tmp_path: Path
) -> None:
    trust = HostKeys([tmp_path / "known_hosts"])
    error = refused(make_hosts, server.target(host_keys=()), trust)
    assert isinstance(error, HostKeyError)
    assert error.code.id == "KB202"
    done = subprocess.run(
        ["ssh-keygen", "-lf", f"{server.host_key}.pub"], capture_output=True, text=True, check=True
    )
    assert done.stdout.split()[1] in error.message
    assert not (tmp_path / "known_hosts").exists()
    assert "publickey" not in server.log()
    assert server.connections == 1


def test_a_changed_host_key_stops_the_host_for_good(
    make_hosts: MakeHosts, server: Server, tmp_path: Path
) -> None:
    known = tmp_path / "known_hosts"
    old = make_key(tmp_path / "old_host_key").with_suffix(".pub").read_text()
    known.write_text(f"[127.0.0.1]:{server.port} {old}")
    connection = make_hosts(HostKeys([known], accept_new=True)).connection(
        server.target(host_keys=()), "node1"
    )
    for _ in range(3):
        with pytest.raises(HostKeyError) as caught:
            connection.perform(HELLO, run_id="r")
        assert caught.value.code.id == "KB203"
    assert server.connections == 1
    assert "publickey" not in server.log()
    assert known.read_text().count("\n") == 1


def test_accept_new_learns_once(make_hosts: MakeHosts, server: Server, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    for _ in range(2):
        trust = HostKeys([known], accept_new=True)
        assert hello(make_hosts, server.target(host_keys=()), trust) == "hello=1"
    assert known.read_text() == f"[127.0.0.1]:{server.port} {server.host_key_line}\n"


def test_the_server_is_asked_for_the_key_we_know(make_hosts: MakeHosts, tmp_path: Path) -> None:
    """It has two; by itself it would show the one we have never seen."""
    folder = tmp_path / "two"
    folder.mkdir()
    rsa = make_key(folder / "rsa_key", "rsa")
    with running(folder, f"HostKey {rsa}") as server:
        line = rsa.with_suffix(".pub").read_text()
        assert hello(make_hosts, server.target(host_keys=(line,))) == "hello=1"


def test_a_wrong_client_key_is_refused_once(
    make_hosts: MakeHosts, server: Server, tmp_path: Path
) -> None:
    key = make_key(tmp_path / "wrong")
    connection = make_hosts().connection(server.target(key_file=str(key)), "node1")
    for _ in range(3):
        with pytest.raises(LoginError) as caught:
            connection.perform(HELLO, run_id="r")
        assert caught.value.code.id == "KB204"
        assert "ssh-ed25519 SHA256:" in caught.value.message
    assert server.connections == 1


@pytest.mark.parametrize("after", range(1, 6))
def test_a_connection_that_breaks_during_the_login_is_made_again(
    make_hosts: MakeHosts, server: Server, after: int
) -> None:
    """Paramiko calls it refused, which would be final."""
    with cutting(server.port, after) as cutter:
        assert hello(make_hosts, server.target(port=cutter.port)) == "hello=1"
        assert cutter.connections == 2


def test_a_server_that_hangs_up_on_wrong_keys_is_not_tried_again(
    make_hosts: MakeHosts, tmp_path: Path
) -> None:
    with running(tmp_path / "strict", "MaxAuthTries 1") as server:
        key = make_key(tmp_path / "wrong")
        error = refused(make_hosts, server.target(key_file=str(key)))
        assert error.code.id == "KB204"
        assert server.connections == 1


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_other_kinds_of_keys(
    make_hosts: MakeHosts, server: Server, tmp_path: Path, kind: str
) -> None:
    key = make_key(tmp_path / "key", kind)
    authorized = server.folder / "authorized_keys"
    authorized.write_text(key.with_suffix(".pub").read_text())
    assert hello(make_hosts, server.target(key_file=str(key))) == "hello=1"


def test_unusable_key_files(make_hosts: MakeHosts, server: Server, tmp_path: Path) -> None:
    (tmp_path / "junk").write_text("junk")
    locked = make_key(tmp_path / "locked", passphrase="hunter2")
    for path in (tmp_path / "none", tmp_path / "junk", locked):
        error = refused(make_hosts, server.target(key_file=str(path)))
        assert error.code.id == "KB208"
        assert str(path) in error.message


def test_an_encrypted_key_is_taken_from_the_agent(
    make_hosts: MakeHosts, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = make_key(tmp_path / "key")
    authorized = server.folder / "authorized_keys"
    authorized.write_text(key.with_suffix(".pub").read_text())
    sock = str(tmp_path / "agent.sock")
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", sock], stdout=subprocess.DEVNULL)
    try:
        monkeypatch.setenv("SSH_AUTH_SOCK", sock)
        while not os.path.exists(sock):  # noqa: PTH110
            assert agent.poll() is None
        subprocess.run(["ssh-add", "-q", str(key)], check=True)
        subprocess.run(
            ["ssh-keygen", "-q", "-p", "-P", "", "-N", "hunter2", "-f", str(key)], check=True
        )
        assert hello(make_hosts, server.target(key_file=str(key))) == "hello=1"
        assert hello(make_hosts, server.target(key_file=None)) == "hello=1"
        target = server.target(key_file=None)
        hosts = make_hosts()
        threads = [
            threading.Thread(
                target=hosts.connection(target, f"n{n}").perform,
                args=(HELLO,),
                kwargs={"run_id": "r"},
            )
            for n in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert server.log().count("Accepted publickey") == 10
    finally:
        agent.terminate()
        agent.wait()


def test_no_way_in_at_all(
    make_hosts: MakeHosts, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    error = refused(make_hosts, server.target(key_file=None))
    assert error.code.id == "KB204"
    assert "no key, no agent, no password" in error.message


def test_a_password_where_none_is_allowed(
    make_hosts: MakeHosts, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KB_TEST_PASSWORD", "hunter2")
    target = server.target(key_file=None, password=SecretRef("env", "KB_TEST_PASSWORD"))
    error = refused(make_hosts, target)
    assert error.code.id == "KB204"
    assert "tried password" in error.message
    assert "publickey" in error.detail
    assert "hunter2" not in str(error) + error.detail


def test_an_unknown_user(make_hosts: MakeHosts, server: Server) -> None:
    assert refused(make_hosts, server.target(user="nobody-here")).code.id == "KB204"


def test_no_process_listens(make_hosts: MakeHosts, server: Server) -> None:
    target = server.target(port=free_port())
    error = refused(make_hosts, target)
    assert type(error) is UnreachableError
    assert error.code.id == "KB201"
    assert "Connection refused" in error.message


def test_a_name_that_is_none(make_hosts: MakeHosts) -> None:
    error = refused(make_hosts, SshTarget(host="no-such-host.invalid", key_file="/x"))
    assert error.code.id == "KB201"
    assert "cannot be resolved" in error.message


def test_five_nodes_share_one_jump_connection(make_hosts: MakeHosts, tmp_path: Path) -> None:
    meter = Meter()
    with running(tmp_path / "jump") as jump, running(tmp_path / "node") as node:
        hosts = make_hosts(None, meter)
        outputs: list[str] = []

        def work(number: int) -> None:
            connection = hosts.connection(node.target(jump=jump.target()), f"node{number}")
            outputs.append(connection.perform(HELLO, run_id="r").output("hello"))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert outputs == ["hello=1"] * 5
        assert jump.connections == 1
        assert node.connections == 5
        assert meter.snapshot()["jump host 127.0.0.1"].connects == 1


def test_errors_name_the_jump_host(make_hosts: MakeHosts, tmp_path: Path) -> None:
    dead = free_port()
    with running(tmp_path / "jump") as jump, running(tmp_path / "node") as node:
        lost_jump = node.target(jump=jump.target(port=dead))
        error = refused(make_hosts, lost_jump)
        assert error.code.id == "KB201"
        assert f"jump host for 127.0.0.1: 127.0.0.1:{dead}" in error.message

        stranger = replace(jump.target(), host_keys=(node.host_key_line,))
        error = refused(make_hosts, node.target(jump=stranger))
        assert isinstance(error, HostKeyError)
        assert "jump host" in error.message

        behind = refused(make_hosts, node.target(port=dead, jump=jump.target()))
        assert behind.code.id == "KB201"
        assert f"jump host 127.0.0.1:{jump.port} cannot reach 127.0.0.1:{dead}" in behind.message


def test_a_jump_host_that_forbids_forwarding(make_hosts: MakeHosts, tmp_path: Path) -> None:
    with (
        running(tmp_path / "jump", "AllowTcpForwarding no") as jump,
        running(tmp_path / "node") as node,
    ):
        error = refused(make_hosts, node.target(jump=jump.target()))
        assert error.code.id == "KB211"
        assert f"jump host 127.0.0.1:{jump.port}" in error.message


def test_a_busy_server_is_asked_again(make_hosts: MakeHosts, tmp_path: Path) -> None:
    """MaxStartups drops those it has no room for; that costs a moment, not the run."""
    with running(tmp_path / "sshd", "MaxStartups 2") as server:
        hosts = make_hosts()
        outputs: list[str] = []

        def work(number: int) -> None:
            connection = hosts.connection(server.target(), f"node{number}")
            outputs.append(connection.perform(HELLO, run_id="r").output("hello"))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert outputs == ["hello=1"] * 8
        assert "beginning MaxStartups throttling" in server.log()


def test_only_slow_key_exchanges(make_hosts: MakeHosts, tmp_path: Path) -> None:
    with running(tmp_path / "sshd", "KexAlgorithms diffie-hellman-group14-sha256") as server:
        assert refused(make_hosts, server.target()).code.id == "KB210"


def test_a_server_that_is_no_ssh_server(
    make_hosts: MakeHosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "PATIENCE_SECONDS", 0)
    import socket  # noqa: PLC0415

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            peer, _ = listener.accept()
            peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            peer.close()

        thread = threading.Thread(target=serve)
        thread.start()
        target = SshTarget(
            host="127.0.0.1",
            port=listener.getsockname()[1],
            user=getpass.getuser(),
            password=SecretRef("env", "HOME"),
        )
        error = refused(make_hosts, target)
        thread.join()
    assert error.code.id == "KB201"
