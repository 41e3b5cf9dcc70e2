"""What all connections of a run share: keys, jump hosts, and a limit on handshakes.

Used by `kbootstrap.remote.hosts`. One connection per jump host serves all nodes behind it; if it
fails, all waiting threads get the same error instead of retrying each.
"""

import contextlib
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kbootstrap.codes import LOST
from kbootstrap.errors import KbError, LostError
from kbootstrap.model.ssh_target import SshTarget
from kbootstrap.remote.host_keys import HostKeys
from kbootstrap.remote.meter import Meter, Usage
from kbootstrap.remote.secret_source import SecretSource
from kbootstrap.remote.ssh_errors import again, is_final
from kbootstrap.remote.time_limit import TimeLimits
from kbootstrap.wait import retry

if TYPE_CHECKING:
    from kbootstrap.remote.ssh import Connector

PATIENCE_SECONDS = 20  # for an sshd that drops connections (MaxStartups)


class SharedConnection:
    """One connection, opened when first used and reopened when lost; thread-safe.

    After a refused login or a wrong host key the host is not contacted again.
    """

    def __init__(self, dial: Callable[[], Any]) -> None:
        self._dial = dial
        self._dialling = threading.Lock()
        self._lock = threading.Lock()  # for the fields below; held briefly
        self._connection: Any = None
        self._error: KbError | None = None
        self._failed_at = 0.0
        self._closed = False

    def get(self) -> Any:
        """The open `fabric.Connection`; all threads that waited for it get the same error."""
        asked = time.monotonic()
        with self._dialling:
            with self._lock:
                self._check(asked)
                if self._connection is not None and self._connection.is_connected:
                    return self._connection
            try:
                connection = self._dial()
            except KbError as error:
                self.fail(error)
                raise again(error) from error
            with self._lock:
                self._connection, self._error = connection, None
                if not self._closed:
                    return connection
        hang_up(connection)
        raise _closed()

    def fail(self, error: KbError) -> None:
        """Record an error, also one found after the login, such as a wrong sudo password."""
        with self._lock:
            self._error, self._failed_at = error, time.monotonic()

    def drop(self, connection: Any) -> None:
        """Close a dead connection, unless it has already been replaced."""
        hang_up(connection)
        with self._lock:
            if self._connection is connection:
                self._connection = None

    def close(self) -> None:
        """Close for good, without waiting for a login in progress."""
        with self._lock:
            self._closed = True
            connection, self._connection = self._connection, None
        if connection is not None:
            hang_up(connection)

    def _check(self, asked: float) -> None:
        if self._closed:
            raise _closed()
        if self._error is not None and (is_final(self._error) or self._failed_at > asked):
            raise again(self._error)


def _closed() -> LostError:
    return LostError(LOST, "the connection was closed by this run")


class ConnectionPool:
    """Opens connections, also through jump hosts, with a limit on concurrent handshakes."""

    def __init__(
        self, trust: HostKeys, secrets: SecretSource, meter: Meter, handshakes: int = 32
    ) -> None:
        self.secrets = secrets
        self._trust = trust
        self._meter = meter
        self.limits = TimeLimits()
        self._gate = threading.BoundedSemaphore(handshakes)
        self._lock = threading.Lock()
        self._jumps: dict[SshTarget, SharedConnection] = {}
        self._closed = False
        self._door: Connector | None = None

    def dial(self, target: SshTarget, name: str) -> Any:
        """Log in; returns a `fabric.Connection`.

        Raises:
            KbError: the host, or the jump host named in the message, is unreachable or refuses.

        """
        from kbootstrap.remote import connect_errors  # noqa: PLC0415  # 80 ms, only when used

        jump = self._jump(target.jump) if target.jump is not None else None
        transient = self.unless_closed(connect_errors.is_transient)
        try:
            connection = retry(lambda: self._once(target, jump), PATIENCE_SECONDS, transient)
        except Exception as error:
            raise connect_errors.on_connect(error, _place(target)) from error
        self._meter.add(name, Usage(connects=1))
        return connection

    def unless_closed(
        self, transient: Callable[[BaseException], bool]
    ) -> Callable[[BaseException], bool]:
        """``transient``, but false once the pool is closed."""
        return lambda error: not self._closed and transient(error)

    def close(self) -> None:
        """Close the jump hosts and stop all retries."""
        self._closed = True
        with self._lock:
            jumps, door = tuple(self._jumps.values()), self._door
        for jump in jumps:
            jump.close()
        if door is not None:
            door.close()
        self.limits.close()

    def _once(self, target: SshTarget, jump: SharedConnection | None) -> Any:
        from kbootstrap.remote import ssh  # noqa: PLC0415

        via = self._through(jump, target) if jump is not None else None
        with self._gate:
            if via is not None and target.jump is not None:
                place = f"jump host {_place(target.jump)}"
                sock = ssh.open_channel(via.transport, target.host, target.port, place)
            else:
                sock = ssh.open_socket(target)
            return self._opener().open(target, sock)

    def _through(self, jump: SharedConnection, target: SshTarget) -> Any:
        try:
            return jump.get()
        except KbError as error:
            raise again(error, f"jump host for {target.host}: ") from error

    def _opener(self) -> "Connector":
        from kbootstrap.remote.ssh import Connector  # noqa: PLC0415

        with self._lock:
            if self._door is None:
                self._door = Connector(self._trust, self.secrets, self.limits)
            return self._door

    def _jump(self, target: SshTarget) -> SharedConnection:
        with self._lock:
            if target not in self._jumps:
                name = f"jump host {target.host}"
                self._jumps[target] = SharedConnection(lambda: self.dial(target, name))
            return self._jumps[target]


def _place(target: SshTarget) -> str:
    return f"{target.host}:{target.port}"


def hang_up(connection: Any) -> None:
    """Close a connection or channel that may already be dead."""
    with contextlib.suppress(EOFError, OSError):
        connection.close()
