"""Every exception of the libraries below becomes an error with a code and a next step."""

import errno
import inspect
import socket

import paramiko
import pytest
from paramiko import ssh_exception

from kbootstrap.codes import all_codes
from kbootstrap.errors import HostKeyError, KbError, LoginError, LostError, UnreachableError
from kbootstrap.remote.connect_errors import is_transient, on_connect
from kbootstrap.remote.ssh_errors import Refusal, again, is_final, on_exchange, on_refusal

CLASSES = [
    kind
    for _, kind in inspect.getmembers(ssh_exception, inspect.isclass)
    if issubclass(kind, Exception) and kind.__module__ == ssh_exception.__name__
]
KEY = paramiko.ECDSAKey.generate()
MADE: dict[str, Exception] = {
    "BadAuthenticationType": ssh_exception.BadAuthenticationType("no", ["publickey"]),
    "PartialAuthentication": ssh_exception.PartialAuthentication(["password"]),
    "ChannelException": ssh_exception.ChannelException(1, "no"),
    "BadHostKeyException": ssh_exception.BadHostKeyException("host", KEY, KEY),
    "ProxyCommandFailure": ssh_exception.ProxyCommandFailure("nc", "no"),
    "NoValidConnectionsError": ssh_exception.NoValidConnectionsError({("h", 22): OSError()}),
}


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_paramiko_exception_is_mapped(kind: type[Exception]) -> None:
    error = on_connect(MADE.get(kind.__name__) or kind("reason"), "host:22")
    assert isinstance(error, UnreachableError)
    assert error.code.id.startswith("KB2")
    assert "host:22" in error.message
    assert error.hint


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), "KB201", "Connection refused"),
        (TimeoutError("timed out"), "KB201", "timed out"),
        (OSError(errno.EHOSTUNREACH, "x"), "KB201", "No route to host"),
        (OSError(errno.ENETUNREACH, "x"), "KB201", "Network is unreachable"),
        (socket.gaierror(-2, "Name or service not known"), "KB201", "resolved"),
        (ConnectionResetError(errno.ECONNRESET, "x"), "KB201", "reset"),
        (EOFError(), "KB201", "closed"),
        (ssh_exception.AuthenticationException("no"), "KB204", "refuses"),
        (ssh_exception.PasswordRequiredException("no"), "KB208", "passphrase"),
        (ssh_exception.IncompatiblePeer("no"), "KB210", "common"),
        (MADE["BadHostKeyException"], "KB203", "changed"),
    ],
)
def test_codes(error: Exception, code: str, words: str) -> None:
    made = on_connect(error, "host:22")
    assert made.code.id == code
    assert words in made.message


def test_an_exception_is_mapped_by_its_class_not_by_the_name_of_the_class() -> None:
    stranger = type("SSHException", (Exception,), {})("Error reading SSH protocol banner")
    assert not is_transient(stranger)
    with pytest.raises(type(stranger)):
        on_connect(stranger, "host:22")


def test_our_own_errors_and_bugs_stay_what_they_are() -> None:
    ours = LoginError(all_codes()[0], "x")
    assert on_connect(ours, "h") is ours
    assert on_exchange(ours, "h") is ours
    with pytest.raises(ZeroDivisionError):
        on_connect(ZeroDivisionError(), "h")


@pytest.mark.parametrize("error", [None, EOFError(), ssh_exception.SSHException("x"), OSError()])
def test_a_broken_exchange_is_lost_not_failed(error: Exception | None) -> None:
    made = on_exchange(error, "host")
    assert isinstance(made, LostError)
    assert made.code.id == "KB207"


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (ssh_exception.SSHException("Error reading SSH protocol banner"), True),
        (ConnectionResetError(), True),
        (EOFError(), True),
        (ConnectionRefusedError(), False),
        (ssh_exception.SSHException("Timeout opening channel."), False),
        (ssh_exception.AuthenticationException("Error reading SSH protocol banner"), False),
        (LoginError(all_codes()[0], "x"), False),
        (TimeoutError(), False),
    ],
)
def test_only_a_dropped_guest_may_knock_again(error: Exception, *, transient: bool) -> None:
    assert is_transient(error) == transient


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (Refusal(1, "", ready=False, become=True, asked=0, password=False), "KB205"),
        (Refusal(1, "", ready=False, become=True, asked=1, password=True), "KB205"),
        (Refusal(1, "", ready=False, become=True, asked=2, password=True), "KB206"),
        (Refusal(-1, "", ready=False, become=True, asked=2, password=True, ended=True), "KB206"),
        (Refusal(-1, "", ready=False, become=True, asked=0, password=True, ended=True), "KB215"),
        (Refusal(127, "", ready=False, become=False, asked=0, password=False), "KB209"),
        (Refusal(122, "", ready=True, become=True, asked=0, password=True), "KB209"),
    ],
)
def test_refusals(refusal: Refusal, code: str) -> None:
    error = on_refusal(refusal, "host")
    assert error.code.id == code
    assert is_final(error)


def test_again_is_a_new_error_for_each_node() -> None:
    first = UnreachableError(all_codes()[0], "words", detail="more")
    second = again(first, "jump host: ").at("node2")
    assert (second.message, second.detail) == ("jump host: words", "more")
    assert type(second) is UnreachableError
    assert first.where.node == ""


def test_codes_are_distinct_and_say_what_to_do() -> None:
    codes = [code for code in all_codes() if code.id.startswith("KB2")]
    assert len({code.id for code in codes}) == len(codes) >= 13
    for code in codes:
        assert KbError(code, "x").at("node1").hint
    assert is_final(HostKeyError(codes[0], "x"))
