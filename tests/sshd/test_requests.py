"""Requests over a real connection: big, long, cut off, and quick."""

import hashlib
import os
import signal
import socket
import threading
import time
from pathlib import Path

import pytest

from kbootstrap.errors import KbError, LoginError, LostError, PhaseError, UnreachableError
from kbootstrap.remote import hosts, transfer
from kbootstrap.remote.hosts import Connection
from kbootstrap.remote.meter import Meter
from kbootstrap.remote.protocol import Blob, Part
from kbootstrap.remote.session import Session
from tests.lab.shell import wait_until
from tests.load import within
from tests.sshd.conftest import MakeHosts
from tests.sshd.server import Server, running

HELLO = [Part("hello", "kb_fact hello 1", "probe")]
MIB = 1024 * 1024


@pytest.fixture
def connection(make_hosts: MakeHosts, server: Server) -> Connection:
    return make_hosts().connection(server.target(), "node1")


def put(path: Path, data: bytes) -> str:
    owner = f"{os.getuid()}:{os.getgid()}"
    return f"kb_put {path} 0600 {owner} {len(data)} {hashlib.sha256(data).hexdigest()}"


def test_four_mebibytes_arrive_from_memory_and_from_a_file(
    connection: Connection, tmp_path: Path
) -> None:
    data = os.urandom(4 * MIB)
    source = tmp_path / "source"
    source.write_bytes(data)
    parts = [
        Part("a", put(tmp_path / "a", data), blobs=(Blob(len(data), data),)),
        Part("b", put(tmp_path / "b", data), blobs=(Blob(len(data), source),)),
    ]
    reply = connection.perform(parts, run_id="r")
    assert reply.ok, reply.first_failure
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() == data


def test_blobs_that_are_not_read_do_not_block(connection: Connection) -> None:
    data = os.urandom(8 * MIB)
    parts = [Part("a", "exit 3", blobs=(Blob(len(data), data),)), Part("b", "", always=True)]
    reply = connection.perform(parts, run_id="r")
    assert (reply.part("a").rc, reply.part("b").rc) == (3, 0)


def test_output_before_the_blobs_are_read_does_not_block(connection: Connection) -> None:
    """More output than the windows hold, while we still have 8 MiB to send."""
    data = os.urandom(8 * MIB)
    script = "head -c 8000000 /dev/zero | tr '\\0' x; kb_take 8388608 | sha256sum; kb_left=0"
    reply = connection.perform([Part("a", script, blobs=(Blob(len(data), data),))], run_id="r")
    assert reply.output("a").endswith(f"{hashlib.sha256(data).hexdigest()}  -\n")


def test_fifty_mebibytes_of_output_are_capped(connection: Connection) -> None:
    script = f"echo first; head -c {50 * MIB} /dev/zero | tr '\\0' x; echo; echo last"
    reply = connection.perform([Part("a", script)], run_id="r")
    assert reply.part("a").truncated
    assert len(reply.output("a")) < 300_000
    assert reply.output("a").startswith("first\n")
    assert reply.output("a").endswith("\nlast\n")


def test_a_file_that_shrinks_stops_only_that_request(
    connection: Connection, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x" * 10)
    parts = [Part("a", put(tmp_path / "a", b"x" * 11), blobs=(Blob(11, source),))]
    with pytest.raises(PhaseError):
        connection.perform(parts, run_id="r")
    assert not (tmp_path / "a").exists()
    assert connection.perform(HELLO, run_id="r").ok


def test_many_at_once_on_one_connection(connection: Connection, server: Server) -> None:
    """Those beyond sshd's ten sessions wait for their turn."""
    outputs: list[str] = []

    def work() -> None:
        part = Part("a", "sleep 0.2; echo done")
        outputs.append(connection.perform([part], run_id="r").output("a"))

    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outputs == ["done\n"] * 20
    assert server.connections == 1


def test_a_detached_run_survives_the_death_of_its_sshd(
    connection: Connection, server: Server, tmp_path: Path
) -> None:
    """After kill -9 of the session the second request attaches where the first was cut off."""
    script = (
        "kb_detach job 60 <<'END'\n"
        f"echo begin >>{tmp_path}/count\n"
        "echo one\n"
        f"until [ -e {tmp_path}/go ]; do sleep 0.05; done\n"
        "echo two\n"
        "exit 7\n"
        "END\n"
    )
    heard: list[str] = []

    def hear(_: str, text: str) -> None:
        heard.append(text)
        if "one" in text:
            server.kill_sessions()

    with pytest.raises(LostError) as caught:
        connection.perform([Part("a", script)], run_id="r", on_output=hear)
    assert caught.value.code.id == "KB207"
    (tmp_path / "go").touch()
    reply = connection.perform([Part("a", script)], run_id="r", on_output=hear)
    assert reply.part("a").rc == 7
    assert reply.output("a") == "one\ntwo\n"
    assert "".join(heard) == "one\ntwo\n"
    assert (tmp_path / "count").read_text() == "begin\n"
    assert server.connections == 2


def test_a_connection_that_died_idle_is_replaced_unseen(
    connection: Connection, server: Server
) -> None:
    connection.perform(HELLO, run_id="r")
    server.kill_sessions()
    assert connection.perform(HELLO, run_id="r").ok
    assert server.connections == 2


def test_a_driver_that_is_killed_is_lost_and_the_connection_retained(
    connection: Connection, server: Server
) -> None:
    script = "read -r _ _ _ driver _ </proc/self/stat; kill -9 $driver"
    with pytest.raises(LostError):
        connection.perform([Part("a", script)], run_id="r")
    assert connection.perform(HELLO, run_id="r").ok
    assert server.connections == 1


SHELL = Part("pid", 'echo "$$"', "probe")


def shell_of(connection: Connection) -> int:
    return int(connection.perform([SHELL], run_id="r").output("pid"))


def test_the_shell_that_waits_runs_the_next_request(connection: Connection) -> None:
    leave = Part("a", "umask 0; cd /tmp; kb_left_over=1; KB_RUN=other; exit 3")
    first = shell_of(connection)
    connection.perform([leave], run_id="r")
    found = connection.perform(
        [SHELL, Part("b", 'echo "$(umask) $KB_RUN ${kb_left_over:-}"')], run_id="r"
    )
    assert int(found.output("pid")) == first
    assert found.output("b") == "0077 r \n"


def test_a_shell_that_was_killed_is_replaced(connection: Connection, server: Server) -> None:
    first = shell_of(connection)
    os.kill(first, signal.SIGKILL)
    waiting = connection._idle[0]  # noqa: SLF001 - only it knows when the news has come
    wait_until("the channel is closed", lambda: not waiting.open)
    assert connection.perform([Part("a", "echo in")], run_id="r").output("a") == "in\n"
    assert shell_of(connection) != first
    assert server.connections == 1


def test_what_may_have_changed_something_is_not_sent_twice(
    connection: Connection, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The node closes the connection while the next request is on its way to the idle shell."""
    monkeypatch.setattr(Session, "open", True)  # before we know
    shell_of(connection)
    server.kill_sessions()
    with pytest.raises(LostError):
        connection.perform([Part("a", "true")], run_id="r")

    shell_of(connection)
    server.kill_sessions()
    assert connection.perform(HELLO, run_id="r").ok  # only looks


def test_closing_ends_a_request_at_once(
    make_hosts: MakeHosts, server: Server, tmp_path: Path
) -> None:
    hosts = make_hosts()
    errors: list[KbError] = []

    def work() -> None:
        try:
            script = f"touch {tmp_path}/up; sleep 5"
            hosts.connection(server.target(), "n").perform([Part("a", script)], run_id="r")
        except KbError as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    while not (tmp_path / "up").exists():
        assert thread.is_alive(), errors
        time.sleep(0.01)
    begin = time.monotonic()
    hosts.close()
    thread.join()
    assert time.monotonic() - begin < within(1)
    assert isinstance(errors[0], LostError)


def test_round_trips_and_bytes_are_counted(make_hosts: MakeHosts, server: Server) -> None:
    meter = Meter()
    connection = make_hosts(None, meter).connection(server.target(), "node1")
    for _ in range(3):
        connection.perform([*HELLO, Part("b", "")], run_id="r")
    usage = meter.snapshot()["node1"]
    assert (usage.connects, usage.trips, usage.parts) == (1, 3, 6)
    assert 3_000 < usage.sent < 60_000
    assert 300 < usage.received < 3_000


def test_a_warm_request_takes_milliseconds(connection: Connection) -> None:
    connection.perform(HELLO, run_id="r")
    best = 1.0
    for _ in range(20):
        begin = time.perf_counter()
        connection.perform(HELLO, run_id="r")
        best = min(best, time.perf_counter() - begin)
    assert best < 0.015


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("echo This account is not available.; exit 1", "not available"),
        ("/bin/false", ""),
        ("/no/such/program", "no/such"),
    ],
)
def test_a_host_without_a_shell(
    make_hosts: MakeHosts, tmp_path: Path, command: str, said: str
) -> None:
    with running(tmp_path / "sshd", f"ForceCommand {command}") as server:
        with pytest.raises(LoginError) as caught:
            make_hosts().connection(server.target(), "node1").perform(HELLO, run_id="r")
        assert caught.value.code.id == "KB209"
        assert said in caught.value.detail


def test_a_host_that_greets_on_every_stream(make_hosts: MakeHosts, tmp_path: Path) -> None:
    force = 'ForceCommand echo Welcome; echo Have a nice day >&2; eval "$SSH_ORIGINAL_COMMAND"'
    with running(tmp_path / "sshd", force) as server:
        reply = make_hosts().connection(server.target(), "n").perform(HELLO, run_id="r")
    assert reply.output("hello") == "hello=1"
    assert reply.part("hello").stderr == ""


@pytest.mark.parametrize("behind_a_jump_host", [False, True])
def test_a_frozen_node_is_noticed(
    make_hosts: MakeHosts,
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    behind_a_jump_host: bool,
) -> None:
    """Its kernel still acknowledges every packet, so only the SSH server's own answer counts."""
    monkeypatch.setattr(transfer, "_QUIET_SECONDS", 0.5)
    monkeypatch.setattr(hosts, "_ANSWER_SECONDS", 0.5)
    with running(tmp_path / "jump") as jump:
        target = server.target(jump=jump.target() if behind_a_jump_host else None)
        connection = make_hosts().connection(target, "node1")
        begin = 0.0

        def freeze(_: str, text: str) -> None:
            nonlocal begin
            if "second" in text:
                server.kill_sessions(signal.SIGSTOP)
                begin = time.monotonic()

        script = "echo first; sleep 1.2; echo second; sleep 5"  # silence alone is no death
        with pytest.raises(LostError):
            connection.perform([Part("a", script)], run_id="r", on_output=freeze)
        assert 0.9 < time.monotonic() - begin < within(5)
        server.kill_sessions()
        assert connection.perform(HELLO, run_id="r").ok


def test_a_full_window_is_no_death(
    connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node that reads our bytes slowly is alive."""
    monkeypatch.setattr(transfer, "_STALLS", 1)
    monkeypatch.setattr(transfer, "_SEND_SECONDS", 0.1)
    data = os.urandom(6 * MIB)
    script = "sleep 1\n" + put(tmp_path / "a", data)
    assert connection.perform([Part("a", script, blobs=(Blob(len(data), data),))], run_id="r").ok


def test_the_socket_is_tuned(server: Server) -> None:
    from kbootstrap.remote.ssh import open_socket  # noqa: PLC0415

    with open_socket(server.target()) as sock:
        tcp = socket.IPPROTO_TCP
        assert sock.getsockopt(tcp, socket.TCP_NODELAY)
        assert sock.getsockopt(tcp, socket.TCP_USER_TIMEOUT) == 30_000
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        names = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        assert [sock.getsockopt(tcp, name) for name in names] == [15, 5, 3]


def test_no_more_sessions(
    make_hosts: MakeHosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kbootstrap.remote import ssh  # noqa: PLC0415

    monkeypatch.setattr(ssh, "CHANNEL_SECONDS", 1)
    with running(tmp_path / "sshd", "MaxSessions 0") as server:
        with pytest.raises(UnreachableError) as caught:
            make_hosts().connection(server.target(), "node1").perform(HELLO, run_id="r")
        assert caught.value.code.id == "KB214"
