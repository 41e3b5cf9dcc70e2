"""The expected host keys; strict unless `--accept-new-host-keys` is given.

`kbootstrap.remote.ssh` checks them after the key exchange and before authentication, so that a
wrong host receives no credentials. The known_hosts files are read once per run, since paramiko's
loader is quadratic in their length, and never rewritten: accept-new appends one line under a lock.
"""

import base64
import binascii
import fcntl
import fnmatch
import hashlib
import hmac
import itertools
import os
import threading
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kbootstrap import codes
from kbootstrap.errors import HostKeyError
from kbootstrap.model.cluster import SshTarget

SYSTEM_FILE = Path("/etc/ssh/ssh_known_hosts")


@dataclass(frozen=True, slots=True)
class HostKey:
    """A public host key."""

    kind: str  # "ssh-ed25519", ...; all RSA signatures go by "ssh-rsa"
    blob: bytes

    @property
    def fingerprint(self) -> str:
        """As ``ssh-keygen -l`` prints it."""
        digest = base64.b64encode(hashlib.sha256(self.blob).digest()).decode()
        return f"SHA256:{digest.rstrip('=')}"

    @property
    def text(self) -> str:
        """As in a known_hosts file."""
        return f"{self.kind} {base64.b64encode(self.blob).decode()}"


def parse_key(text: str) -> HostKey | None:
    """The key in ``[names] kind base64 [comment]``, or None."""
    fields = text.split()
    for kind, encoded in itertools.pairwise(fields):
        if not kind.startswith(("ssh-", "ecdsa-", "sk-")):
            continue
        try:
            blob = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            return None
        return HostKey(kind, blob) if blob[4 : 4 + len(kind)] == kind.encode() else None
    return None


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A hashed or wildcard entry, which is compared with every name."""

    names: str
    key: HostKey

    def matches(self, name: str) -> bool:
        if self.names.startswith("|1|"):
            _, _, salt, digest = self.names.split("|")
            made = hmac.digest(base64.b64decode(salt), name.encode(), "sha1")
            return hmac.compare_digest(base64.b64encode(made).decode(), digest)
        globs = self.names.split(",")
        if any(fnmatch.fnmatchcase(name, glob[1:]) for glob in globs if glob.startswith("!")):
            return False
        return any(fnmatch.fnmatchcase(name, _literal_brackets(glob)) for glob in globs)


def _literal_brackets(glob: str) -> str:
    return glob.replace("[", "[[]")


class HostKeys:
    """The keys of all hosts.

    Without ``files``, the user's and the system's known_hosts. With ``accept_new``, the key
    of a host that is not known at all is appended to the first file; a changed key never is.
    """

    def __init__(self, files: Sequence[Path] | None = None, *, accept_new: bool = False) -> None:
        default = (Path.home() / ".ssh" / "known_hosts", SYSTEM_FILE)
        self.files = tuple(files) if files is not None else default
        self.accept_new = accept_new
        self._lock = threading.Lock()
        self._plain: defaultdict[str, set[HostKey]] = defaultdict(set)
        self._patterns: list[_Pattern] = []
        self._revoked: set[HostKey] = set()
        self._read: dict[Path, int] = {}  # bytes of each file that are loaded

    def kinds(self, target: SshTarget) -> tuple[str, ...]:
        """The types of the known keys of this host, which are requested from it."""
        with self._lock:
            return tuple(sorted({key.kind for key in self._known(target)}))

    def check(self, target: SshTarget, key: HostKey) -> None:
        """Return if the key is the host's.

        Raises:
            HostKeyError: the host is unknown (KB202) or its key differs (KB203).

        """
        with self._lock:
            known = self._known(target)
            if key in self._revoked:
                raise _changed(target, key, "marked as revoked")
            if key in known or (not known and key in self._portless(target)):
                return
            if known:
                expected = ", ".join(sorted(k.fingerprint for k in known))
                raise _changed(target, key, f"expected {expected}")
            if target.host_keys or not self.accept_new:
                raise self._unknown(target, key)
            self._append(target, key)

    def _known(self, target: SshTarget) -> set[HostKey]:
        if target.host_keys:
            return {key for key in map(parse_key, target.host_keys) if key is not None}
        if not self._read:
            for path in self.files:
                self._load(path)
        return self._lookup(_name(target))

    def _portless(self, target: SshTarget) -> set[HostKey]:
        """As in ssh, a key listed for the name without a port is accepted for any port."""
        return set() if target.host_keys else self._lookup(target.host.lower())

    def _lookup(self, name: str) -> set[HostKey]:
        matching = {pattern.key for pattern in self._patterns if pattern.matches(name)}
        return self._plain.get(name, set()) | matching

    def _load(self, path: Path) -> None:
        """Read the lines that were appended to a file since the last time."""
        start = self._read.setdefault(path, 0)
        try:
            with path.open("rb") as file:
                file.seek(start)
                data = file.read()
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise HostKeyError(
                codes.KEY_UNKNOWN, f"cannot read {path}: {error.strerror}"
            ) from error
        self._read[path] = start + len(data)
        self._take(data.decode(errors="replace").splitlines())

    def _take(self, lines: Iterable[str]) -> None:
        for line in lines:
            fields = line.split(None, 1)
            key = parse_key(line)
            if key is None or line.startswith(("#", "@cert-authority")):
                continue
            if fields[0] == "@revoked":
                self._revoked.add(key)
            elif fields[0].startswith("|1|") or set(fields[0]) & set("*?!"):
                self._patterns.append(_Pattern(fields[0], key))
            else:
                for name in fields[0].lower().split(","):
                    self._plain[name].add(key)

    def _append(self, target: SshTarget, key: HostKey) -> None:
        """Append one line, unless another process added the host in the meantime."""
        path = self.files[0]
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            self._load(path)
            known = self._lookup(_name(target))
            if known:
                if key not in known:
                    raise _changed(target, key, "another process has just recorded another key")
                return
            size = os.fstat(descriptor).st_size
            broken = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            os.write(descriptor, f"{chr(10) * broken}{_name(target)} {key.text}\n".encode())
            os.fsync(descriptor)
            self._load(path)
        finally:
            os.close(descriptor)

    def _unknown(self, target: SshTarget, key: HostKey) -> HostKeyError:
        places = "ssh.host_keys" if target.host_keys else " or ".join(map(str, self.files))
        scan = f"ssh-keyscan -p {target.port} {target.host} >> {self.files[0]}"
        return HostKeyError(
            codes.KEY_UNKNOWN,
            f"{target.host}:{target.port} shows a {key.kind} key {key.fingerprint},"
            f" which is not in {places}",
            detail=f"once you have compared the fingerprint: {scan}\nor: --accept-new-host-keys",
        )


def _name(target: SshTarget) -> str:
    host = target.host.lower()
    return host if target.port == 22 else f"[{host}]:{target.port}"  # noqa: PLR2004  # ssh's port


def _changed(target: SshTarget, key: HostKey, why: str) -> HostKeyError:
    return HostKeyError(
        codes.KEY_CHANGED,
        f"{target.host}:{target.port} shows a {key.kind} key {key.fingerprint}: {why}",
    )
