"""Connections to nodes, as the engine uses them: `Hosts` has one per node.

A connection is opened by its first request. A session on it is a shell that runs one request
after the other, so that further requests cost one round trip and no exec. Requests that run at
the same time, such as a probe beside a long step, have a session each.
"""

import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any

from kbootstrap import codes
from kbootstrap.errors import KbError, LoginError, LostError, UnreachableError
from kbootstrap.model.ssh_target import SshTarget
from kbootstrap.node_paths import STATE_DIR
from kbootstrap.remote.bounded_buffer import BoundedBuffer
from kbootstrap.remote.forward import LocalForward
from kbootstrap.remote.host_keys import HostKeys
from kbootstrap.remote.logins import AS_WRITTEN, Logins
from kbootstrap.remote.meter import Meter, Usage
from kbootstrap.remote.output_stream import MalformedReply, OnOutput
from kbootstrap.remote.pool import ConnectionPool, SharedConnection, hang_up
from kbootstrap.remote.protocol import Part, Reply, request
from kbootstrap.remote.reply_reader import ReplyReader
from kbootstrap.remote.secret_source import SecretSource
from kbootstrap.remote.session import Session, start_command
from kbootstrap.remote.ssh_errors import Refusal, on_exchange, on_refusal
from kbootstrap.remote.time_limit import Limit
from kbootstrap.remote.transfer import SilentPeer, Transfer
from kbootstrap.wait import retry

# Concurrent requests per connection. sshd allows ten sessions (MaxSessions), but counts those
# that have just ended, too; a request that is refused a session retries.
_SESSIONS = 6
SESSION_SECONDS = 60  # then the connection is closed, with all that runs on it
_SAID = b"kbootstrap-shell"
START_SECONDS = 150  # of a shell, also through a slow login shell and a sudo that asks
_ANSWER_SECONDS = 25  # with the 15 s of silence before: a dead peer is found within 45 s


def _ssh() -> Any:
    """The module `kbootstrap.remote.ssh`, imported late because paramiko is slow to load."""
    from kbootstrap.remote import ssh  # noqa: PLC0415

    return ssh


class Connection:
    """The connection to one node; thread-safe.

    Attributes:
        target: how to log in.
        name: the node's name, for errors and the meter.

    """

    def __init__(
        self,
        target: SshTarget,
        *,
        name: str,
        pool: ConnectionPool,
        meter: Meter,
        state: str = STATE_DIR,
        bin_dir: str = "",
    ) -> None:
        self.target = target
        self.name = name
        self._pool = pool
        self._meter = meter
        self._where = {"state": state, "bin_dir": bin_dir}
        self._shared = SharedConnection(lambda: pool.dial(target, name))
        self._sessions = threading.BoundedSemaphore(_SESSIONS)
        self._idle: list[Session] = []
        self._runs: defaultdict[str, dict[str, BoundedBuffer]] = defaultdict(dict)

    def perform(
        self, parts: Sequence[Part], *, run_id: str, on_output: OnOutput | None = None
    ) -> Reply:
        """Run the parts in order, in one round trip.

        ``on_output(part_id, text)`` gets the live output of steps, in this thread. A part that
        failed is in the reply; an exception means that there is no reply.

        Raises:
            UnreachableError: no connection, or login or sudo refused; nothing ran.
            LostError: the connection broke; the parts may have run or may still run.

        """
        with self._sessions:
            session = self._session()
            try:
                return self._perform(session, parts, run_id, on_output)
            except LostError:
                if session.fresh or any(part.kind == "step" for part in parts):
                    raise
            # The idle session had died, and probes can be repeated.
            return self._perform(self._session(), parts, run_id, on_output)

    def _perform(
        self, session: Session, parts: Sequence[Part], run_id: str, on_output: OnOutput | None
    ) -> Reply:
        runs = self._runs[run_id]
        seen = {name: capture.size for name, capture in runs.items()}
        message = request(parts, run_id, **self._where, seen=seen)
        reader = ReplyReader(message, on_output, runs)
        exchange = Transfer(
            session.channel, reader, lambda: self._answers(session.connection), _ssh().kill
        )
        try:
            with self._limit(session, parts) as limit:
                if not session.fresh or exchange.start(self._command, self._password()):
                    limit.begin("a request", message.seconds)
                    exchange.run(message.chunks())
        except MalformedReply as error:
            text = f"{self.name} sent a malformed reply"
            raise LoginError(codes.NOT_A_SHELL, text, detail=str(error)) from error
        except SilentPeer as error:
            text = f"{self.name} does not answer as a shell ({error})"
            raise LoginError(codes.NOT_A_SHELL, text, detail=reader.noise) from error
        except _ssh().LOSSES as error:
            raise self._lost(session.connection, error) from error
        finally:
            runs.update(reader.runs)
            reader.close()
            usage = Usage(
                trips=1, parts=len(message.parts), sent=exchange.sent, received=exchange.received
            )
            self._meter.add(self.name, usage)
            self._leave(session, done=reader.done)
        return self._reply(session, exchange, reader)

    def tunnel(self, host: str, port: int) -> Any:
        """A socket-like channel to an address, resolved on the node; KB201, KB211: it has none."""
        connection = self._shared.get()
        return _ssh().open_channel(connection.transport, host, port, self.name)

    @contextmanager
    def forward(self, host: str, port: int) -> Iterator[LocalForward]:
        """A local port forwarded to an address, resolved on the node."""
        with LocalForward(lambda: self.tunnel(host, port)) as forward:
            yield forward

    def close(self) -> None:
        """Close for good; a request under way ends with `LostError`."""
        self._shared.close()

    def _session(self) -> Session:
        """An idle session or a new one; a dead connection is replaced."""
        for session in self._waiting():
            if session.open:
                return session
            hang_up(session.channel)
        for last in (False, True):
            connection = self._shared.get()
            channel = self._channel(connection, last=last)
            if channel is not None:
                return Session(connection, channel)
        raise on_exchange(None, self.name)

    def _waiting(self) -> Iterator[Session]:
        with suppress(IndexError):  # no more of them
            while True:
                yield self._idle.pop()

    def _limit(self, session: Session, parts: Sequence[Part]) -> AbstractContextManager[Limit]:
        """The time in which the shell has to start; KB216 closes the connection."""
        lost = LostError if any(part.kind == "step" for part in parts) else UnreachableError
        limit = Limit(
            self.name, "the start of a shell", START_SECONDS, partial(hang_up, session.connection)
        )
        return self._pool.limits.within(limit, lost)

    def _leave(self, session: Session, *, done: bool) -> None:
        """Keep the session for the next request if this one was answered completely."""
        if done and session.open:
            self._idle.append(replace(session, fresh=False))
        else:
            hang_up(session.channel)

    def _channel(self, connection: Any, *, last: bool) -> Any:
        """A new channel; None if the connection was dead and has been dropped."""
        seconds = _ssh().CHANNEL_SECONDS
        limit = Limit(self.name, "a session", SESSION_SECONDS, partial(hang_up, connection))
        try:
            with self._pool.limits.within(limit):
                return retry(
                    lambda: connection.transport.open_session(timeout=seconds),
                    seconds,
                    self._pool.unless_closed(_ssh().is_refused_channel),
                )
        except _ssh().FAULTS as error:
            refused = _ssh().is_refused_channel(error)
            if self._answers(connection) and (refused or last):
                message = f"{self.name} refuses a session ({error})"
                raise UnreachableError(codes.SESSION_REFUSED, message) from error
            return None

    def _answers(self, connection: Any) -> bool:
        """Whether the server answers; if not, the connection is dropped."""
        if _ssh().answers(connection.transport, _ANSWER_SECONDS):
            return True
        self._shared.drop(connection)
        return False

    @property
    def _become(self) -> bool:
        return self.target.become and self.target.user != "root"

    @property
    def _command(self) -> str:
        return start_command(become=self._become, asks=self.target.become_password is not None)

    def _password(self) -> bytes | None:
        if not self._become or self.target.become_password is None:
            return None
        return self._pool.secrets.resolve(self.target.become_password).reveal().encode()

    def _reply(self, session: Session, exchange: Transfer, reader: ReplyReader) -> Reply:
        if reader.complete:
            return reader.reply()
        channel, connection = session.channel, session.connection
        cut_off = channel.exit_status < 0 and not exchange.ended
        if reader.started or not session.fresh or cut_off:
            raise self._lost(connection, connection.transport.get_exception())
        refusal = Refusal(
            status=channel.exit_status,
            said=reader.noise,
            ready=reader.ready,
            become=self._become,
            asked=reader.asked,
            password=self.target.become_password is not None,
            ended=exchange.ended,
            shell=exchange.ended or self._runs_commands(connection),
        )
        error = on_refusal(refusal, self.name)
        if refusal.become and error.code != codes.NOT_A_SHELL:
            self._shared.fail(error)
        raise error

    def _runs_commands(self, connection: Any) -> bool:
        """Whether the login shell runs a command without sudo."""
        limit = Limit(self.name, "a command", _ANSWER_SECONDS, partial(hang_up, connection))
        try:
            with self._pool.limits.within(limit):
                return _SAID in _ssh().printed(connection.transport, f"echo {_SAID.decode()}")
        except (UnreachableError, *_ssh().FAULTS):
            return False

    def _lost(self, connection: Any, error: BaseException | None) -> KbError:
        if not connection.is_connected:
            self._shared.drop(connection)
        return on_exchange(error, self.name)


class Hosts:
    """The connections of a run, one per node; on each, ``bin_dir`` is first in PATH."""

    def __init__(
        self,
        trust: HostKeys,
        secrets: SecretSource,
        meter: Meter,
        logins: Logins = AS_WRITTEN,
        state: str = STATE_DIR,
        bin_dir: str = "",
    ) -> None:
        self._logins = logins
        self._pool = ConnectionPool(trust, secrets, meter)
        self._meter = meter
        self._where = {"state": state, "bin_dir": bin_dir}
        self._lock = threading.Lock()
        self._connections: dict[tuple[str, SshTarget], Connection] = {}

    def connection(self, target: SshTarget, name: str) -> Connection:
        """The connection to the node; opened by its first request. KB220: see `Logins`."""
        with self._lock:
            key = (name, target)
            if key not in self._connections:
                login = self._logins.resolve(target, name)
                self._connections[key] = Connection(
                    login, name=name, pool=self._pool, meter=self._meter, **self._where
                )
            return self._connections[key]

    def close(self) -> None:
        """Close everything; requests under way end with `LostError`."""
        with self._lock:
            connections = tuple(self._connections.values())
        for connection in connections:
            connection.close()
        self._pool.close()
