"""A node that was away for a moment, found when the next request wants a channel."""

import errno
from types import SimpleNamespace
from typing import Any

import paramiko
import pytest

from kbootstrap.errors import LostError, UnreachableError
from kbootstrap.remote import ssh
from kbootstrap.remote.hosts import Connection
from kbootstrap.remote.protocol import Part
from kbootstrap.remote.session import Session
from kbootstrap.remote.time_limit import TimeLimits


class Transport:
    """Gives a channel after some that time out, as when a cable was out for a moment."""

    def __init__(self, failures: int) -> None:
        self.failures, self.asked = failures, 0

    def open_session(self, timeout: float) -> str:
        del timeout
        self.asked += 1
        if self.asked <= self.failures:
            raise paramiko.SSHException("Timeout opening channel.")
        return "channel"


def session(transport: Transport, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A connection whose server answers again."""
    monkeypatch.setattr(ssh, "answers", lambda *_: True)
    pool: Any = SimpleNamespace(unless_closed=lambda transient: transient, limits=TimeLimits())
    target: Any = SimpleNamespace(host="192.0.2.1", port=22)
    connection = Connection(target, name="n1", pool=pool, meter=SimpleNamespace())  # type: ignore[arg-type]
    shared: Any = SimpleNamespace(get=lambda: SimpleNamespace(transport=transport))
    monkeypatch.setattr(connection, "_shared", shared)
    return connection._session  # noqa: SLF001 - the one thing under test


def test_a_channel_is_asked_for_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    transport = Transport(failures=1)

    assert session(transport, monkeypatch)().channel == "channel"


def test_a_server_that_never_gives_one_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    transport = Transport(failures=9)

    with pytest.raises(UnreachableError, match="Timeout opening") as caught:
        session(transport, monkeypatch)()

    assert (caught.value.code.id, transport.asked) == ("KB214", 2)


class Channel:
    """Of a connection that is cut at this very moment, as paramiko shows it."""

    def __init__(self) -> None:
        self.in_buffer = self.in_stderr_buffer = SimpleNamespace(set_event=lambda _: None)

    def settimeout(self, seconds: float) -> None:
        """Nothing to do."""

    def exec_command(self, command: str) -> None:
        del command
        raise ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")

    def close(self) -> None:
        raise EOFError


def test_a_connection_cut_as_the_command_starts_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as by a reboot: neither the reset nor what closing then says is a bug of ours."""
    target: Any = SimpleNamespace(user="root", become=False, become_password=None)
    meter: Any = SimpleNamespace(add=lambda *_: None)
    pool: Any = SimpleNamespace(limits=TimeLimits())
    connection = Connection(target, name="n1", pool=pool, meter=meter)
    away = SimpleNamespace(is_connected=True)
    monkeypatch.setattr(connection, "_session", lambda: Session(away, Channel()))

    with pytest.raises(LostError, match="Connection reset by peer") as caught:
        connection.perform([Part("p", "true")], run_id="r")

    assert caught.value.code.id == "KB207"
