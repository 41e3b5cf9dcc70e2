"""One host must not hold up the run for all: it is given up, and memory stays flat."""

import itertools
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kbootstrap.errors import KbError, LostError
from kbootstrap.fanout import as_completed
from kbootstrap.model.ssh_target import SshTarget
from kbootstrap.remote import hosts, pool, protocol, ssh, transfer
from kbootstrap.remote.host_keys import HostKeys
from kbootstrap.remote.hosts import Connection, Hosts
from kbootstrap.remote.meter import Meter
from kbootstrap.remote.protocol import Part
from kbootstrap.remote.secret_source import Secrets
from kbootstrap.secret import SecretRef
from tests.attacks.rogue_ssh import READY, Door, script_received, ssh_server, tcp_server
from tests.load import within

PROBE = [Part("a", ":", "probe")]
STEP = [Part("a", ":", seconds=1)]
LIMIT = 2  # seconds of each stage
AT_MOST = 20  # seconds, on a busy workstation
MIB = 1024 * 1024


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh, "HANDSHAKE_SECONDS", LIMIT)
    monkeypatch.setattr(ssh, "AUTH_SECONDS", LIMIT)
    monkeypatch.setattr(ssh, "CHANNEL_SECONDS", LIMIT)
    monkeypatch.setattr(hosts, "START_SECONDS", 2 * LIMIT)
    monkeypatch.setattr(hosts, "_ANSWER_SECONDS", LIMIT)
    monkeypatch.setattr(protocol, "PROBE_SECONDS", 2 * LIMIT)
    monkeypatch.setattr(transfer, "SILENT_SECONDS", LIMIT)
    monkeypatch.setattr(transfer, "_SUDO_SECONDS", LIMIT)
    monkeypatch.setattr(transfer, "_QUIET_SECONDS", 0.5)
    monkeypatch.setattr(pool, "PATIENCE_SECONDS", 0)


@pytest.fixture
def made() -> Iterator[Hosts]:
    made = Hosts(HostKeys([]), Secrets(), Meter())
    yield made
    made.close()


@contextmanager
def flat_memory(growth: int = 48 * MIB) -> Iterator[None]:
    """Fails if the process needs so many bytes more than before at any moment."""
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak
    before = _peak()
    yield
    assert _peak() - before < growth


def _peak() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def refused(made: Hosts, target: SshTarget, parts: list[Part] = PROBE) -> KbError:
    """The error with which a request to it ends, in bounded time and memory."""
    begin = time.monotonic()
    with flat_memory(), pytest.raises(KbError) as caught:
        made.connection(target, "n1").perform(parts, run_id="r")
    assert time.monotonic() - begin < within(AT_MOST)
    return caught.value


# ---- before SSH is spoken


def a_banner_byte_by_byte(peer: socket.socket) -> None:
    for byte in b"SSH-2.0-" + b"x" * 200:
        peer.sendall(bytes([byte]))
        time.sleep(0.3)


def lines_before_the_banner(peer: socket.socket) -> None:
    while True:
        peer.sendall(b"patience\r\n")
        time.sleep(0.3)


def silence_after_the_banner(peer: socket.socket) -> None:
    peer.sendall(b"SSH-2.0-x\r\n")
    while peer.recv(65536):
        pass


def a_packet_byte_by_byte(peer: socket.socket) -> None:
    peer.sendall(b"SSH-2.0-x\r\n\0\0\x80\x04")
    while True:
        peer.sendall(b"\0")
        time.sleep(0.1)


@pytest.mark.parametrize(
    "attack",
    [
        a_banner_byte_by_byte,
        lines_before_the_banner,
        silence_after_the_banner,
        a_packet_byte_by_byte,
    ],
)
def test_a_key_exchange_without_end(made: Hosts, attack: Callable[[Any], None]) -> None:
    with tcp_server(attack) as target:
        error = refused(made, target)
    assert error.code.id == "KB216"
    assert "the SSH key exchange took more than 2 s" in error.message


def an_endless_banner(peer: socket.socket) -> None:
    while True:
        peer.sendall(b"x" * 65536)


def endless_lines(peer: socket.socket) -> None:
    while True:
        peer.sendall(b"x\n" * 32768)


def a_packet_of_two_gibibytes(peer: socket.socket) -> None:
    peer.sendall(b"SSH-2.0-x\r\n\x7f\xff\xff\xf4")
    while True:
        peer.sendall(b"\0" * 65536)


@pytest.mark.parametrize(
    ("attack", "why"),
    [
        (an_endless_banner, "longer than"),
        (endless_lines, "protocol version"),
        (a_packet_of_two_gibibytes, "announces a packet of"),
    ],
)
def test_more_than_fits_into_memory(made: Hosts, attack: Callable[[Any], None], why: str) -> None:
    with tcp_server(attack) as target:
        error = refused(made, target)
    assert error.code.id == "KB201"
    assert why in error.message


# ---- at the login, and at the start of a shell


def _nothing(channel: Any) -> None:
    del channel


class SlowLogin(Door):
    def check_auth_password(self, username: str, password: str) -> int:
        threading.Event().wait(AT_MOST)
        return super().check_auth_password(username, password)


class NoSession(Door):
    def check_channel_request(self, kind: str, chanid: int) -> int:
        threading.Event().wait(AT_MOST)
        return super().check_channel_request(kind, chanid)


class NoReplyToExec(Door):
    def check_channel_exec_request(self, channel: Any, command: bytes) -> bool:
        threading.Event().wait(AT_MOST)
        return super().check_channel_exec_request(channel, command)


@pytest.mark.parametrize(
    ("door", "what"),
    [(SlowLogin, "the SSH login took"), (NoReplyToExec, "the start of a shell took")],
)
def test_a_door_that_does_not_open(made: Hosts, door: type[Door], what: str) -> None:
    with ssh_server(_nothing, door) as target:
        error = refused(made, target)
    assert error.code.id == "KB216"
    assert what in error.message


def test_a_session_that_is_never_opened(made: Hosts) -> None:
    with ssh_server(_nothing, NoSession) as target:
        assert refused(made, target).code.id in {"KB207", "KB214", "KB216"}


# ---- in the place of the shell


def silence(channel: Any) -> None:
    while channel.recv(65536):
        pass


def noise(channel: Any) -> None:
    while True:
        channel.sendall(b"x" * 32768)


def noise_on_stderr(channel: Any) -> None:
    while True:
        channel.sendall_stderr(b"x" * 32768)


def ready_without_end(channel: Any) -> None:
    while True:
        channel.sendall(READY)


def forged_frames(channel: Any) -> None:
    while True:
        channel.sendall(b"\x1eKB1 " + b"0" * 32 + b" H\n")


@pytest.mark.parametrize(
    "attack", [silence, noise, noise_on_stderr, ready_without_end, forged_frames]
)
def test_something_else_than_a_shell(made: Hosts, attack: Callable[[Any], None]) -> None:
    with ssh_server(attack) as target:
        assert refused(made, target).code.id == "KB209"


# ---- in the place of the driver


def life_without_end(channel: Any, mark: bytes) -> None:
    while True:
        channel.sendall_stderr(mark + b"W\n")
        time.sleep(0.2)


def many_signs_of_life(channel: Any, mark: bytes) -> None:
    while True:
        channel.sendall_stderr((mark + b"W\n") * 500)


def begins_without_end(channel: Any, mark: bytes) -> None:
    while True:
        channel.sendall(mark + b"H\n")


def an_endless_body(channel: Any, mark: bytes) -> None:
    channel.sendall(mark + b"R a 0 1 999999999999999\n")
    noise(channel)


def a_dripping_body(channel: Any, mark: bytes) -> None:
    channel.sendall(mark + b"R a 0 1 100000\n")
    while True:
        channel.sendall(b"x")
        time.sleep(0.2)


def endless_output(channel: Any, mark: bytes) -> None:
    channel.sendall_stderr(mark + b"B a\n")
    noise_on_stderr(channel)


@pytest.mark.parametrize("parts", [PROBE, STEP])
@pytest.mark.parametrize(
    "attack",
    [
        life_without_end,
        many_signs_of_life,
        begins_without_end,
        an_endless_body,
        a_dripping_body,
        endless_output,
    ],
)
def test_an_answer_without_end(
    made: Hosts, attack: Callable[[Any, bytes], None], parts: list[Part]
) -> None:
    with ssh_server(lambda channel: attack(channel, script_received(channel))) as target:
        error = refused(made, target, parts)
    assert error.code.id == "KB216"
    assert "a request took more than" in error.message
    assert isinstance(error, LostError) is (parts is STEP)  # it may still run


def forged_runs(channel: Any, mark: bytes) -> None:
    channel.sendall_stderr(mark + b"B a\n")
    for number in itertools.count():
        channel.sendall_stderr(mark + f"A {'x' * 100}{number} 0\ntext\n".encode())


def one_run_again_and_again(channel: Any, mark: bytes) -> None:
    channel.sendall_stderr(mark + b"B a\n")
    while True:
        channel.sendall_stderr(mark + b"A x 0\n" + b"y" * 30000)


def a_long_number(channel: Any, mark: bytes) -> None:
    channel.sendall(mark + b"R a 0 1 " + b"9" * 5000 + b"\n")


def a_number_of_other_digits(channel: Any, mark: bytes) -> None:
    channel.sendall(mark + "R a 0 1 ٣\n".encode())


def a_line_without_end(channel: Any, mark: bytes) -> None:
    channel.sendall(mark + b"R a ")
    noise(channel)


def an_unknown_part(channel: Any, mark: bytes) -> None:
    channel.sendall(mark + b"R b 0 1 0\n")


def too_many_results(channel: Any, mark: bytes) -> None:
    channel.sendall((mark + b"R a 0 1 0\n\n") * 2)


def an_end_too_early(channel: Any, mark: bytes) -> None:
    channel.sendall(mark + b"Z 1\n")


def no_end_on_stderr(channel: Any, mark: bytes) -> None:
    channel.sendall(mark + b"R a 0 1 0\n\n" + mark + b"Z 1\n")
    noise_on_stderr(channel)


@pytest.mark.parametrize(
    "attack",
    [
        forged_runs,
        one_run_again_and_again,
        a_long_number,
        a_number_of_other_digits,
        a_line_without_end,
        an_unknown_part,
        too_many_results,
        an_end_too_early,
        no_end_on_stderr,
    ],
)
def test_an_answer_that_is_none(made: Hosts, attack: Callable[[Any, bytes], None]) -> None:
    with ssh_server(lambda channel: attack(channel, script_received(channel))) as target:
        assert refused(made, target).code.id == "KB209"


# ---- in the place of sudo


def test_a_sudo_that_asks_nothing_more(made: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    def asks_once(channel: Any) -> None:
        channel.sendall_stderr(b"KB-sudo-password:")
        channel.recv(100)
        channel.sendall_stderr(b"Sorry, try again.\n")
        silence(channel)

    monkeypatch.setattr(Connection, "_become", True)
    monkeypatch.setattr(transfer, "_END_SECONDS", 1)
    with ssh_server(asks_once) as target:
        asking = SshTarget(
            host=target.host,
            port=target.port,
            password=target.password,
            host_keys=target.host_keys,
            become=True,
            become_password=SecretRef("env", "HOME"),
        )
        error = refused(made, asking)
    assert error.code.id == "KB215"
    assert "sudo received the password and did not continue in time" in error.message
    assert "Sorry, try again." in error.detail


# ---- the others


def test_the_other_nodes_do_not_wait(made: Hosts) -> None:
    """Their answers are there before the rogue host is given up."""

    def answers(channel: Any) -> None:
        mark = script_received(channel)
        channel.sendall(mark + b"R a 0 1 2\nok\n" + mark + b"Z 1\n")
        channel.sendall_stderr(mark + b"B a\n" + mark + b"E a\n" + mark + b"Z 1\n")
        silence(channel)

    def ask(item: tuple[str, SshTarget]) -> str:
        name, target = item
        return made.connection(target, name).perform(PROBE, run_id="r").output("a")

    with tcp_server(a_banner_byte_by_byte) as rogue, ssh_server(answers) as good:
        targets = [("rogue", rogue), *((f"n{number}", good) for number in range(3))]
        ended = [(item[0], result) for item, result in as_completed(targets, ask)]

    assert [result for _, result in ended[:3]] == ["ok"] * 3
    name, error = ended[3]
    assert name == "rogue"
    assert isinstance(error, KbError)
    assert error.code.id == "KB216"


def test_the_tests_measure_the_peak_of_memory() -> None:
    with pytest.raises(AssertionError), flat_memory():
        assert len(os.urandom(64 * MIB)) == 64 * MIB
