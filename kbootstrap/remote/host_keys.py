"""The expected host keys; strict unless `--accept-new-host-keys` is given.

`kbootstrap.remote.ssh` checks them after the key exchange and before authentication, so that a
wrong host receives no credentials. The known_hosts files are read once per run, since paramiko's
loader is quadratic in their length, and never rewritten: accept-new appends one line under a lock.
"""

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from kbootstrap import codes, pki
from kbootstrap.atomic_file import open_own
from kbootstrap.errors import HostKeyError
from kbootstrap.model.ssh_target import SshTarget
from kbootstrap.pki import HostCertificate
from kbootstrap.remote.known_hosts import Entry, HostKey, KnownHosts, Marker, parse_key

SYSTEM_FILE = Path("/etc/ssh/ssh_known_hosts")
_SSH_PORT = 22


@dataclass(frozen=True, slots=True)
class Shown:
    """What a host shows in the key exchange; it has proved that it holds the key's other half.

    Attributes:
        certificate: in its wire form; empty if it shows the key alone.

    """

    key: HostKey
    certificate: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Trusted:
    """What is known about one host.

    Attributes:
        keys: its own keys.
        portless: without ``keys``, those listed for its name without a port.
        authorities: whose host certificates are accepted for it.
        revoked: keys and authorities that are not, wherever they are listed.

    """

    keys: frozenset[HostKey]
    portless: frozenset[HostKey]
    authorities: frozenset[HostKey]
    revoked: frozenset[HostKey]


def _ignore(text: str) -> None:
    del text


class HostKeys:
    """The keys of all hosts; thread-safe.

    Without ``files``, the user's and the system's known_hosts. With ``accept_new``, the key
    of a host that is not known at all is appended to the first file; a changed key never is.
    ``warn`` gets a line for each file with lines that cannot be used.
    """

    def __init__(
        self,
        files: Sequence[Path] | None = None,
        *,
        accept_new: bool = False,
        warn: Callable[[str], None] = _ignore,
    ) -> None:
        self._given = None if files is None else tuple(files)
        self.accept_new = accept_new
        self._warn = warn
        self._lock = threading.Lock()
        self._read: dict[Path, KnownHosts] = {}

    def trusted(self, target: SshTarget) -> Trusted:
        """What is known about this host, to request those keys from it.

        Raises:
            HostKeyError: a file cannot be read (KB202).

        """
        with self._lock:
            return self._trusted(target)

    def check(self, target: SshTarget, shown: Shown) -> None:
        """Return if the key is the host's.

        Raises:
            HostKeyError: the host is unknown (KB202) or its key differs (KB203).

        """
        with self._lock:
            key, trusted = shown.key, self._trusted(target)
            certificate = _certificate(shown)
            if key in trusted.revoked or _signer(certificate) in trusted.revoked:
                raise _changed(target, key, "marked as revoked")
            refusal = _refusal(target, certificate, trusted)
            if not refusal or key in trusted.keys or key in trusted.portless:
                return
            if trusted.keys:
                expected = ", ".join(sorted(k.fingerprint for k in trusted.keys))
                raise _changed(target, key, f"expected {expected}")
            if _listed(target) or trusted.authorities or not self.accept_new:
                raise self._unknown(target, key, refusal if trusted.authorities else "")
            self._append(target, key)

    def files(self, target: SshTarget) -> tuple[Path, ...]:
        """Where keys of this host are looked up; the first gets new ones."""
        if self._given is not None:
            return self._given
        own = target.known_hosts or (str(Path.home() / ".ssh" / "known_hosts"),)
        return (*map(Path, own), SYSTEM_FILE)

    def _trusted(self, target: SshTarget) -> Trusted:
        here = self._entries(target, _name(target))
        bare = self._entries(target, target.host.lower()) if not target.host_key_alias else []
        revoked = _keys(Marker.REVOKED, [*here, *bare])
        if _listed(target):
            keys, authorities = map(_written, (target.host_keys, target.host_cas))
            return Trusted(keys, frozenset(), authorities, revoked)
        keys = _keys(Marker.KNOWN, here)
        authorities = _keys(Marker.AUTHORITY, here) or _keys(Marker.AUTHORITY, bare)
        portless = frozenset() if keys else _keys(Marker.KNOWN, bare)
        return Trusted(keys, portless, authorities, revoked)

    def _entries(self, target: SshTarget, name: str) -> list[Entry]:
        files = [self._file(path) for path in self.files(target)]
        return [entry for file in files for entry in file.entries(name)]

    def _file(self, path: Path) -> KnownHosts:
        if path not in self._read:
            file = KnownHosts(path)
            try:
                file.load()
            except OSError as error:
                raise HostKeyError(
                    codes.KEY_UNKNOWN, f"cannot read {path}: {error.strerror}"
                ) from error
            self._read[path] = file
            if file.broken:
                more = f" and {len(file.broken) - 1} more" if len(file.broken) > 1 else ""
                self._warn(f"{path} has lines that cannot be used: {file.broken[0]}{more}")
        return self._read[path]

    def _append(self, target: SshTarget, key: HostKey) -> None:
        """Append one line, unless another process added the host in the meantime."""
        path = self.files(target)[0]
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = open_own(path, os.O_RDWR | os.O_APPEND | os.O_CREAT)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            self._file(path).load()
            known = self._trusted(target).keys
            if known:
                if key not in known:
                    raise _changed(target, key, "another process has just recorded another key")
                return
            size = os.fstat(descriptor).st_size
            broken = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            os.write(descriptor, f"{chr(10) * broken}{_name(target)} {key.text}\n".encode())
            os.fsync(descriptor)
            self._file(path).load()
        finally:
            os.close(descriptor)

    def _unknown(self, target: SshTarget, key: HostKey, refusal: str) -> HostKeyError:
        files = self.files(target)
        places = "ssh.host_keys" if _listed(target) else " or ".join(map(str, files))
        scan = f"ssh-keyscan -p {target.port} {target.host} >> {files[0]}"
        detail = f"once you have compared the fingerprint: {scan}\nor: --accept-new-host-keys"
        if refusal:
            detail = f"a certificate authority is known for it, but {refusal}"
        return HostKeyError(
            codes.KEY_UNKNOWN,
            f"{target.host}:{target.port} shows a {key.kind} key {key.fingerprint},"
            f" which is not in {places}",
            detail=detail,
        )


def _listed(target: SshTarget) -> bool:
    """Whether the inventory says what to trust, so that no file does."""
    return bool(target.host_keys or target.host_cas)


def _keys(marker: Marker, entries: Iterable[Entry]) -> frozenset[HostKey]:
    return frozenset(entry.key for entry in entries if entry.marker is marker)


def _written(texts: Iterable[str]) -> frozenset[HostKey]:
    found = set()
    for text in texts:
        with suppress(ValueError):  # the model checks them
            found.add(parse_key(text))
    return frozenset(found)


def _certificate(shown: Shown) -> HostCertificate | str:
    """The certificate that belongs to the key; why there is none."""
    if not shown.certificate:
        return "the host shows no certificate"
    try:
        certificate = pki.host_certificate(shown.certificate)
        if parse_key(certificate.key) == shown.key:
            return certificate
    except ValueError as error:
        return f"the host's certificate cannot be used: {error}"
    return "the host's certificate is for another key"


def _signer(certificate: HostCertificate | str) -> HostKey | None:
    return None if isinstance(certificate, str) else parse_key(certificate.authority)


def _refusal(target: SshTarget, certificate: HostCertificate | str, trusted: Trusted) -> str:
    """Why no authority proves the host's key; empty if one does."""
    if isinstance(certificate, str):
        return certificate
    signer = parse_key(certificate.authority)
    if signer not in trusted.authorities:
        return f"the host's certificate is signed by {signer.fingerprint}"
    why = certificate.refusal(target.host_key_alias or target.host.lower(), time.time())
    return f"the host's certificate cannot be used: {why}" if why else ""


def _name(target: SshTarget) -> str:
    """As in known_hosts: an alias and port 22 go without a port."""
    host = target.host.lower()
    if target.host_key_alias:
        return target.host_key_alias.lower()
    return host if target.port == _SSH_PORT else f"[{host}]:{target.port}"


def _changed(target: SshTarget, key: HostKey, why: str) -> HostKeyError:
    return HostKeyError(
        codes.KEY_CHANGED,
        f"{target.host}:{target.port} shows a {key.kind} key {key.fingerprint}: {why}",
    )
