"""Opens SSH connections; with `keys` the only importer of fabric and paramiko.

`kbootstrap.remote.pool` imports this module at the first connection, since paramiko takes 80 ms
to load. Added to Fabric: a socket without Nagle's delay (40 ms for each command) that notices a
dead peer, checked host keys, no slow key exchange, one login attempt, and a timeout everywhere.

Of Fabric we use `Connection`: its configuration, `open`, the paramiko client and transport below
it, and `close`. Why no more (Fabric 3.2.3, Invoke 2.2.1):

- `run`, `sudo`: what is sent to a command's stdin is read one byte at a time with a pause of 10 ms
  after each (`Runner.handle_stdin`), so 1 kB takes 10 s; each command takes three threads; values
  of `env` stand unquoted in the command line. `exchange` sends whole frames over one channel.
- `put`, `get`: SFTP writes as the login user, so not as root, not atomically, and with several
  round trips for each file. `wire` sends the files of a step in the request that runs it.
- `gateway`: each connection behind a jump host opens a channel of its own `Connection` object;
  `pool` shares one login to a jump host between all nodes and reports which hop failed.
- `forward_local`: `accept` is polled every 10 ms, data is copied by the kilobyte, and an error
  appears only when the tunnel is closed. `forward` reports it to the request that it broke.
- `Group`: waits for the slowest host; results come as they complete here (`as_they_come`).
- `~/.ssh/config` and `AutoAddPolicy`: the inventory alone says how to log in, and an unknown host
  key is refused.
"""

import logging
import socket
import threading
from contextlib import suppress
from typing import Any

import fabric
import paramiko

from kbootstrap import codes
from kbootstrap.errors import KbError, LoginError, UnreachableError
from kbootstrap.model.cluster import SshTarget
from kbootstrap.remote.host_keys import HostKey, HostKeys
from kbootstrap.remote.private_keys import Keyring
from kbootstrap.remote.secret_source import SecretSource
from kbootstrap.remote.ssh_errors import on_connect

CONNECT_SECONDS = 10
_BANNER_SECONDS = 20  # long enough for a busy sshd or a busy workstation
_AUTH_SECONDS = 60  # PAM may ask a slow directory
CHANNEL_SECONDS = 10
KEEPALIVE_SECONDS = 15
_POLL_SECONDS = 5  # poll interval of paramiko's reader; its default of 0.1 s costs CPU
_STACK_BYTES = 512 * 1024

LOSSES: tuple[type[Exception], ...] = (paramiko.SSHException, EOFError)
FAULTS: tuple[type[Exception], ...] = (*LOSSES, OSError)

_KEX = (
    "group14-sha256",
    "group16-sha512",
    "group-exchange-sha256",
)  # 8 to 26 times the CPU time of the others
_DISABLED = {"kex": [f"diffie-hellman-{name}" for name in _KEX]}
_STACK_LOCK = threading.Lock()

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

    def __init__(self, trust: HostKeys, secrets: SecretSource) -> None:
        self._trust = trust
        self._secrets = secrets
        self._keyring = Keyring(secrets)

    def open(self, target: SshTarget, sock: Any) -> Any:
        """Log in over a socket or channel; returns the `fabric.Connection`.

        Raises paramiko's exceptions, which `kbootstrap.remote.ssh_errors` maps; the socket is
        closed then.
        """
        connection = fabric.Connection(
            target.host,
            user=target.user,
            port=target.port,
            # Reads no file. Not shared, since a new connection clears it for a moment.
            config=fabric.Config(lazy=True, ssh_config=paramiko.SSHConfig()),
            connect_kwargs={
                "sock": sock,
                "auth_strategy": _Login(target, self._keyring, self._secrets),
                "transport_factory": _transport_factory(self._trust.kinds(target)),
                "disabled_algorithms": _DISABLED,
                "banner_timeout": _BANNER_SECONDS,
                "auth_timeout": _AUTH_SECONDS,
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


class _Transport(paramiko.Transport):  # type: ignore[misc]  # paramiko has no types
    """A transport whose thread has a stack of 512 KiB instead of 8 MiB.

    Attributes:
        dismissed: the server sent SSH_MSG_DISCONNECT (RFC 4253, section 11.1).

    """

    dismissed = False

    def _parse_disconnect(self, m: Any) -> None:
        self.dismissed = True
        super()._parse_disconnect(m)

    def start(self) -> None:
        with _STACK_LOCK:
            before = threading.stack_size(_STACK_BYTES)
            try:
                super().start()
            finally:
                threading.stack_size(before)

    def run(self) -> None:
        # It ends by closing a channel, whose jump host connection may be closed already.
        with suppress(*FAULTS):
            super().run()


def _transport_factory(known: tuple[str, ...]) -> Any:
    """Makes transports that prefer the host key types that are known for the host."""

    def make(sock: Any, disabled_algorithms: dict[str, list[str]]) -> paramiko.Transport:
        transport = _Transport(sock, disabled_algorithms=disabled_algorithms)
        options = transport.get_security_options()
        wanted = {kind for kind in options.key_types if kind in known}
        if "ssh-rsa" in known:
            wanted |= {kind for kind in options.key_types if kind.startswith("rsa-")}
        options.key_types = sorted(options.key_types, key=lambda kind: kind not in wanted)
        return transport

    return make


class _Policy(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]
    """Paramiko's hook between key exchange and authentication: checks the host key."""

    def __init__(self, trust: HostKeys, target: SshTarget) -> None:
        self._trust = trust
        self._target = target

    def missing_host_key(self, client: Any, hostname: str, key: Any) -> None:
        del client, hostname
        self._trust.check(self._target, HostKey(key.get_name(), key.asbytes()))


class _Login:
    """Authenticates on one connection: first with the keys, then with the password."""

    def __init__(self, target: SshTarget, keyring: Keyring, secrets: SecretSource) -> None:
        self._target = target
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
        for key in self._keyring.keys(self._target):
            name = f"{key.get_name()} {HostKey('', key.asbytes()).fingerprint}"
            if self._attempt(name, transport, "auth_publickey", user, key):
                return
        if self._target.password is not None:
            password = self._secrets.resolve(self._target.password).reveal()
            if self._attempt("password", transport, "auth_password", user, password):
                return
        tried = ", ".join(self._tried) or "nothing: no key, no agent, no password"
        raise LoginError(
            codes.LOGIN_REFUSED,
            f"{self._target.host}:{self._target.port} refuses {user} (tried {tried})",
            detail=f"it accepts: {', '.join(self._allowed)}" if self._allowed else "",
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
            if "timeout" in str(error):
                raise TimeoutError("no answer to the login") from error
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
