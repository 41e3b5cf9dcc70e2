"""A rogue SSH server on 127.0.0.1: it needs no root and no sshd.

An attack is a function: of the socket (`tcp_server`, before SSH is spoken) or of the channel of a
command (`ssh_server`, after a login that always succeeds). It runs in a thread of its own and may
do what it likes; a closed connection ends it.
"""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import paramiko

from kbootstrap.model.ssh_target import SshTarget
from kbootstrap.secret import SecretRef

READY = b"\x1eKB1 ready\n"
FAULTS = (OSError, EOFError, paramiko.SSHException)


class Door(paramiko.ServerInterface):  # type: ignore[misc]  # paramiko has no types
    """Accepts every login; an attack at the login or at a request overrides a method."""

    def check_auth_password(self, username: str, password: str) -> int:
        del username, password
        return int(paramiko.AUTH_SUCCESSFUL)

    def check_channel_request(self, kind: str, chanid: int) -> int:
        del kind, chanid
        return int(paramiko.OPEN_SUCCEEDED)

    def check_channel_exec_request(self, channel: Any, command: bytes) -> bool:
        del channel, command
        return True


def script_received(channel: Any) -> bytes:
    """Be stage 0: take the script of a request; returns how each frame and mark begins."""
    channel.sendall(READY)
    head = b""
    while not head.endswith(b"\n"):
        head += channel.recv(1)
    _, nonce, size = head.split()
    left = int(size)
    while left:
        left -= len(channel.recv(left))
    mark = b"\x1eKB1 " + nonce + b" "
    channel.sendall(mark + b"H\n")
    return mark


@contextmanager
def tcp_server(attack: Callable[[socket.socket], None]) -> Iterator[SshTarget]:
    """A port that treats each connection so; how to log in to it."""
    listener = socket.create_server(("127.0.0.1", 0))
    open_ones: list[socket.socket] = []

    def one(peer: socket.socket) -> None:
        with suppress(*FAULTS), peer:
            attack(peer)

    def serve() -> None:
        with suppress(OSError):
            while True:
                peer, _ = listener.accept()
                open_ones.append(peer)
                threading.Thread(target=one, args=(peer,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield SshTarget(
            host="127.0.0.1",
            port=listener.getsockname()[1],
            password=SecretRef("env", "HOME"),
            host_keys=(f"{KEY.get_name()} {KEY.get_base64()}",),
        )
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for peer in open_ones:
            peer.close()


@contextmanager
def ssh_server(attack: Callable[[Any], None], door: type[Door] = Door) -> Iterator[SshTarget]:
    """A server that treats the channel of each command so; how to log in to it."""

    def one(channel: Any) -> None:
        with suppress(*FAULTS):
            attack(channel)

    def speak(peer: socket.socket) -> None:
        transport = paramiko.Transport(peer)
        transport.add_server_key(KEY)
        transport.start_server(server=door())
        while transport.is_active():
            channel = transport.accept(1)
            if channel is not None:
                threading.Thread(target=one, args=(channel,), daemon=True).start()

    with tcp_server(speak) as target:
        yield target


KEY = paramiko.ECDSAKey.generate()
