"""The transport below a connection: which algorithms are offered, and what is read from a host.

`kbootstrap.remote.ssh` makes one for each connection.
"""

import threading
from contextlib import suppress
from typing import Any

import paramiko

from kbootstrap.remote.host_keys import Trusted

_BANNER_BYTES = 64 * 1024  # with the lines before it (RFC 4253, section 4.2)
_PACKET_BYTES = 256 * 1024  # as OpenSSH; RFC 4253, section 6.1, requires 35,000
_STACK_BYTES = 512 * 1024
_STACK_LOCK = threading.Lock()

# What is offered. Not offered: CBC and 3DES, MACs with MD5 and SHA-1 or cut to 96 bits, RSA
# signatures with SHA-1, and DH key exchanges, which take 8 to 26 times the CPU time of the others.
_CIPHERS = (
    *("aes128-ctr", "aes192-ctr", "aes256-ctr"),
    *("aes128-gcm@openssh.com", "aes256-gcm@openssh.com"),
)
_MACS = (
    *("hmac-sha2-256", "hmac-sha2-512"),
    *("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com"),
)
_KEX = tuple(  # those that the installed cryptography has
    name
    for name in paramiko.Transport._preferred_kex  # noqa: SLF001
    if name.startswith(("mlkem768x25519-", "curve25519-", "ecdh-sha2-"))
)
_KEYS = (
    *("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    *("rsa-sha2-512", "rsa-sha2-256"),
)
_CERTIFICATE = "-cert-v01@openssh.com"


class _Packetizer(paramiko.packet.Packetizer):  # type: ignore[misc]
    """Refuses a banner or packet that is too long; paramiko would collect it in memory."""

    _banner_left = _BANNER_BYTES

    def _read_timeout(self, timeout: float) -> bytes:  # called for the banner only
        data: bytes = super()._read_timeout(timeout)
        self._banner_left -= len(data)
        if self._banner_left < 0:
            raise paramiko.SSHException(f": it is longer than {_BANNER_BYTES} bytes")
        return data

    def read_all(self, n: int, check_rekey: bool = False) -> bytes:  # noqa: FBT001, FBT002
        if n > _PACKET_BYTES:
            raise paramiko.SSHException(f"the host announces a packet of {n} bytes")
        data: bytes = super().read_all(n, check_rekey)
        return data


class _Transport(paramiko.Transport):  # type: ignore[misc]  # paramiko has no types
    """A transport whose thread has a stack of 512 KiB instead of 8 MiB.

    Attributes:
        dismissed: the server sent SSH_MSG_DISCONNECT (RFC 4253, section 11.1).
        preferred_keys: the types of host keys and certificates to request, the best first.

    """

    _preferred_ciphers, _preferred_macs, _preferred_kex = _CIPHERS, _MACS, _KEX
    preferred_keys: tuple[str, ...] = _KEYS
    dismissed = False

    def _verify_key(self, host_key: bytes, sig: bytes) -> None:
        # Paramiko accepts each algorithm that fits the key, whatever was agreed.
        algorithm = paramiko.Message(sig).get_text()
        if algorithm != self.host_key_type.removesuffix(_CERTIFICATE):
            raise paramiko.SSHException(f"the host signs with {algorithm[:40]!r}")
        super()._verify_key(host_key, sig)

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
        with suppress(paramiko.SSHException, EOFError, OSError):
            super().run()


def transport_factory(trusted: Trusted) -> Any:
    """Makes transports that prefer what is known of the host: its certificate or its key types."""

    def make(sock: Any, disabled_algorithms: dict[str, list[str]]) -> paramiko.Transport:
        transport = _Transport(
            sock, disabled_algorithms=disabled_algorithms, packetizer_class=_Packetizer
        )
        known = {key.kind for key in trusted.keys or trusted.portless}
        plain = sorted(transport.preferred_keys, key=lambda name: _of(name) not in known)
        certified = [f"{name}{_CERTIFICATE}" for name in plain] if trusted.authorities else []
        transport.preferred_keys = (*certified, *plain)
        return transport

    return make


def _of(algorithm: str) -> str:
    """The type of the keys that sign with an algorithm (RFC 8332)."""
    return "ssh-rsa" if algorithm.startswith("rsa-sha2-") else algorithm
