"""Opens SSH connections; with `ssh_transport`, `private_keys` and `connect_errors` paramiko's door.

`kbootstrap.remote.pool` imports this module at the first connection, since paramiko takes 80 ms
to load. Added to Fabric: a socket without Nagle's delay (40 ms for each command) that notices a
dead peer, checked host keys, no slow key exchange, one login attempt, and a timeout everywhere.

Of Fabric we use `Connection`: its configuration, `open`, the paramiko client and transport below
it, and `close`. Why no more (Fabric 3.2.3, Invoke 2.2.1):

- `run`, `sudo`: what is sent to a command's stdin is read one byte at a time with a pause of 10 ms
  after each (`Runner.handle_stdin`), so 1 kB takes 10 s; each command takes three threads; values
  of `env` stand unquoted in the command line. `transfer` sends whole frames over one channel.
- `put`, `get`: SFTP writes as the login user, so not as root, not atomically, and with several
  round trips for each file. `protocol` sends the files of a step in the request that runs it.
- `gateway`: each connection behind a jump host opens a channel of its own `Connection` object;
  `pool` shares one login to a jump host between all nodes and reports which hop failed.
- `forward_local`: `accept` is polled every 10 ms, data is copied by the kilobyte, and an error
  appears only when the tunnel is closed. `forward` reports it to the request that it broke.
- `Group`: waits for the slowest host; results come as they complete here (`as_they_come`).
- `~/.ssh/config` and `AutoAddPolicy`: `logins` reads the file, and an unknown host key is refused.
"""

import logging
import socket
import threading
from contextlib import closing, suppress
from typing import Any

import fabric
import paramiko

from kbootstrap import codes
from kbootstrap.errors import KbError, LoginError, UnreachableError
from kbootstrap.model.ssh_target import SshTarget
from kbootstrap.remote.connect_errors import on_connect
from kbootstrap.remote.host_keys import HostKeys, Shown
from kbootstrap.remote.known_hosts import HostKey
from kbootstrap.remote.private_keys import MOST_KEYS, Keyring
from kbootstrap.remote.secret_source import SecretSource
from kbootstrap.remote.ssh_transport import transport_factory
from kbootstrap.remote.time_limit import Limit, TimeLimits

CONNECT_SECONDS = 10
_BANNER_SECONDS = 20  # without a byte; long enough for a busy sshd or a busy workstation
HANDSHAKE_SECONDS = 45  # banner and key exchange
AUTH_SECONDS = 60  # all attempts; PAM may ask a slow directory
CHANNEL_SECONDS = 10
_PRINTED_BYTES = 4096
KEEPALIVE_SECONDS = 15
_PASSWORD = "password"  # noqa: S105  # as it is called in errors
_POLL_SECONDS = 5  # poll interval of paramiko's reader; its default of 0.1 s costs CPU

LOSSES: tuple[type[Exception], ...] = (paramiko.SSHException, EOFError)
FAULTS: tuple[type[Exception], ...] = (*LOSSES, OSError)


# Paramiko logs a traceback for every failed connection; kbootstrap raises its own errors.
logging.getLogger("paramiko").setLevel(logging.CRITICAL)


def open_socket(target: SshTarget) -> socket.socket:
    """A TCP connection with TCP_NODELAY that detects a dead peer within 45 s."""
    sock = socket.create_connection((target.host, target.port), timeout=CONNECT_SECONDS)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        ("TCP_USER_TIMEOUT", 30_000),
        ("TCP_KEEPIDLE", 15),
        ("TCP_KEEPINTVL", 5),
        ("TCP_KEEPCNT", 3),
    ):
        if hasattr(socket, option):  # Linux has them all
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    return sock


class Connector:
    """Opens connections; thread-safe."""

    def __init__(self, trust: HostKeys, secrets: SecretSource, limits: TimeLimits) -> None:
        self._trust = trust
        self._secrets = secrets
        self._limits = limits
        self._keyring = Keyring(secrets)

    def open(self, target: SshTarget, sock: Any) -> Any:
        """Log in over a socket or channel; returns the `fabric.Connection`.

        Raises paramiko's exceptions, which `kbootstrap.remote.connect_errors` maps, or KB216; the
        socket is closed then.
        """
        place = f"{target.host}:{target.port}"
        handshake = Limit(place, "the SSH key exchange", HANDSHAKE_SECONDS, lambda: _cut(sock))
        with self._limits.within(handshake):
            return self._open(target, sock, handshake)

    def _open(self, target: SshTarget, sock: Any, limit: Limit) -> Any:
        connection = fabric.Connection(
            target.host,
            user=target.user,
            port=target.port,
            # Reads no file. Not shared, since a new connection clears it for a moment.
            config=fabric.Config(lazy=True, ssh_config=paramiko.SSHConfig()),
            connect_kwargs={
                "sock": sock,
                "auth_strategy": _Login(target, self._keyring, self._secrets, limit),
                "transport_factory": transport_factory(self._trust.trusted(target)),
                "banner_timeout": _BANNER_SECONDS,
                "auth_timeout": 2 * AUTH_SECONDS,  # the limit ends it before
                "channel_timeout": CHANNEL_SECONDS,
            },
        )
        connection.client.set_missing_host_key_policy(_Policy(self._trust, target))
        try:
            connection.open()
        except BaseException:
            connection.client.close()
            sock.close()
            raise
        connection.transport.set_keepalive(KEEPALIVE_SECONDS)
        sock.settimeout(_POLL_SECONDS)
        return connection

    def close(self) -> None:
        """Close the connection to the agent; SSH connections stay open."""
        self._keyring.close()


def _cut(sock: Any) -> None:
    """Close a socket or channel, and wake who reads from it."""
    with suppress(*FAULTS):
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()


class _Policy(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]
    """Paramiko's hook between key exchange and authentication: checks the host key."""

    def __init__(self, trust: HostKeys, target: SshTarget) -> None:
        self._trust = trust
        self._target = target

    def missing_host_key(self, client: Any, hostname: str, key: Any) -> None:
        del client, hostname
        certificate = key.public_blob.key_blob if key.public_blob else b""
        shown = Shown(HostKey(key.get_name(), key.asbytes()), certificate)
        self._trust.check(self._target, shown)


class _Login:
    """Authenticates on one connection: first with the keys, then with the password."""

    def __init__(
        self, target: SshTarget, keyring: Keyring, secrets: SecretSource, limit: Limit
    ) -> None:
        self._target = target
        self._limit = limit
        self._keyring = keyring
        self._secrets = secrets
        self._tried: list[str] = []
        self._allowed: list[str] = []

    def authenticate(self, transport: Any) -> None:
        """Called by paramiko instead of its own list of methods.

        Raises:
            LoginError: the host refuses (KB204) or a key is unusable (KB208).
            EOFError: the connection broke before the host accepted or refused.

        """
        user = self._target.user
        self._limit.begin("the SSH login", AUTH_SECONDS)
        keys = self._keyring.keys(self._target)
        for key in keys[:MOST_KEYS]:
            if transport.dismissed:  # too many tries (MaxAuthTries)
                break
            name = f"{key.get_name()} {HostKey('', key.asbytes()).fingerprint}"
            if self._attempt(name, transport, "auth_publickey", user, key):
                return
        if self._target.password is not None and not transport.dismissed:
            password = self._secrets.resolve(self._target.password).reveal()
            if self._attempt(_PASSWORD, transport, "auth_password", user, password):
                return
        raise self._refused(len(keys) - sum(name != _PASSWORD for name in self._tried))

    def _refused(self, left_out: int) -> LoginError:
        tried = ", ".join(self._tried) or "nothing: no key, no agent, no password"
        details = []
        if self._allowed:
            details.append(f"it accepts: {', '.join(self._allowed)}")
        if left_out:
            more = "1 more key was" if left_out == 1 else f"{left_out} more keys were"
            details.append(f"{more} not offered; name the right one: ssh.key or IdentityFile")
        return LoginError(
            codes.LOGIN_REFUSED,
            f"{self._target.host}:{self._target.port} refuses {self._target.user} (tried {tried})",
            detail="\n".join(details),
        )

    def _attempt(self, name: str, transport: Any, method: str, *args: Any) -> bool:
        """Whether the authentication is complete."""
        self._tried.append(name)
        try:
            self._allowed = list(getattr(transport, method)(*args))
        except paramiko.BadAuthenticationType as error:
            self._allowed = list(error.allowed_types)
            return False
        except paramiko.SSHException as error:
            # Paramiko reports a broken connection as a refused login.
            if not transport.is_active() and not transport.dismissed:
                raise EOFError("during the login") from error
            if not isinstance(error, paramiko.AuthenticationException):
                raise
            return False
        return not self._allowed  # not empty if the host requires more factors


def open_channel(transport: Any, host: str, port: int, place: str) -> Any:
    """A channel through ``place`` to an address, resolved there.

    Raises:
        KbError: forwarding is not allowed (KB211), or nothing answers there (KB201).

    """
    try:
        return transport.open_channel(
            "direct-tcpip", (host, port), ("127.0.0.1", 0), timeout=CHANNEL_SECONDS
        )
    except paramiko.ChannelException as error:
        if error.code == 1:  # SSH_OPEN_ADMINISTRATIVELY_PROHIBITED
            raise on_connect(error, place) from error
        raise _no_answer(place, host, port, str(error.text)) from error
    except FAULTS as error:
        raise _no_answer(place, host, port, str(error)) from error


def _no_answer(place: str, host: str, port: int, why: str) -> KbError:
    return UnreachableError(
        codes.UNREACHABLE, f"{place} cannot reach {host}:{port} ({why.lower()})"
    )


def printed(transport: Any, command: str) -> bytes:
    """What a command prints on stdout at once, at most 4 KiB; raises one of `FAULTS`."""
    with closing(transport.open_session(timeout=CHANNEL_SECONDS)) as channel:
        channel.settimeout(CHANNEL_SECONDS)
        channel.exec_command(command)
        text = b""
        while len(text) < _PRINTED_BYTES and (data := channel.recv(_PRINTED_BYTES)):
            text += data
        return text


def is_refused_channel(error: BaseException) -> bool:
    """Whether the server refused a session because all of them (MaxSessions) are in use."""
    return isinstance(error, paramiko.ChannelException)


def kill(channel: Any) -> None:
    """Send KILL to the channel's command (RFC 4254, section 6.9); there is no reply."""
    message = paramiko.Message()
    message.add_byte(paramiko.common.cMSG_CHANNEL_REQUEST)
    message.add_int(channel.remote_chanid)
    message.add_string("signal")
    message.add_boolean(False)  # noqa: FBT003  # paramiko's own signature
    message.add_string("KILL")
    with suppress(*FAULTS):
        channel.transport._send_user_message(message)  # noqa: SLF001  # there is no public method


def answers(transport: Any, seconds: float) -> bool:
    """Whether the SSH server answers; unlike TCP timers, this works through a jump host."""
    answered = threading.Event()

    def ask() -> None:
        with suppress(*FAULTS):
            transport.global_request("keepalive@openssh.com", wait=True)
            answered.set()

    threading.Thread(target=ask, daemon=True).start()
    return answered.wait(seconds) and bool(transport.is_active())
