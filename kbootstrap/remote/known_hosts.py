"""One known_hosts file, read as OpenSSH reads it; `kbootstrap.remote.host_keys` decides with it.

The format: sshd(8), SSH_KNOWN_HOSTS FILE FORMAT. A line is ``[marker] names type key [comment]``,
by position: a host may be called ``ssh-gw``. Tested against ``ssh-keygen -F`` and ``ssh``.
"""

import base64
import binascii
import fnmatch
import hashlib
import hmac
import re
from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path

_BLANKS = re.compile(r"[ \t]+")
_SALT_BYTES = 20  # of a hashed name: HMAC-SHA1
_LONGEST_PATTERN = 1024  # OpenSSH ignores longer ones


class Marker(StrEnum):
    """What a line says about its key."""

    KNOWN = ""  # the key of the host itself
    REVOKED = "@revoked"
    AUTHORITY = "@cert-authority"  # of host certificates


@dataclass(frozen=True, slots=True)
class HostKey:
    """A public key, of a host or of an authority."""

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


def parse_key(text: str) -> HostKey:
    """The key in ``type base64 [comment]``.

    Raises:
        ValueError: it is no such key.

    """
    fields = _BLANKS.split(text.strip(" \t\r\n"))
    if len(fields) < 2:  # noqa: PLR2004
        raise ValueError("the key is missing")
    kind, encoded = fields[:2]
    try:
        blob = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("the key is not base64") from error
    if not blob.startswith(len(kind.encode()).to_bytes(4, "big") + kind.encode()):
        raise ValueError("the key is damaged or of another type")
    return HostKey(kind, blob)


@dataclass(frozen=True)
class Entry:
    """One line.

    Attributes:
        names: patterns with commas between them, or one hashed name.

    """

    marker: Marker
    names: str
    key: HostKey

    def matches(self, name: str) -> bool:
        """Whether the line is about this name, which is in lower case: ``h`` or ``[h]:port``."""
        if isinstance(self._matcher, _HashedName):
            return self._matcher.matches(name)
        wanted, unwanted = self._matcher
        return any(p.match(name) for p in wanted) and not any(p.match(name) for p in unwanted)

    @cached_property
    def literal(self) -> tuple[str, ...]:
        """Its names, if none is a pattern or hashed."""
        plain = not set(self.names) & set("*?!|")
        return tuple(self.names.lower().split(",")) if plain else ()

    @cached_property
    def _matcher(self) -> "_HashedName | tuple[list[re.Pattern[str]], list[re.Pattern[str]]]":
        if self.names.startswith("|"):
            return _hashed_name(self.names)
        globs = [g for g in self.names.lower().split(",") if len(g) < _LONGEST_PATTERN]
        wanted = [_pattern(glob) for glob in globs if not glob.startswith("!")]
        return wanted, [_pattern(glob[1:]) for glob in globs if glob.startswith("!")]


@dataclass(frozen=True, slots=True)
class _HashedName:
    salt: bytes
    digest: bytes

    def matches(self, name: str) -> bool:
        return hmac.compare_digest(hmac.digest(self.salt, name.encode(), "sha1"), self.digest)


def _pattern(glob: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(glob.replace("[", "[[]")))


def _hashed_name(text: str) -> _HashedName:
    try:
        _, version, salt, digest = text.split("|")
        name = _HashedName(*(base64.b64decode(part, validate=True) for part in (salt, digest)))
    except ValueError as error:
        raise ValueError("the hashed name is damaged") from error
    if version != "1" or len(name.salt) != _SALT_BYTES or len(name.digest) != _SALT_BYTES:
        raise ValueError("the hashed name is damaged")
    return name


def parse_line(line: str) -> Entry | None:
    """The entry of a line; None for a comment or an empty line.

    Raises:
        ValueError: why the line cannot be used; OpenSSH skips it, too.

    """
    fields = _BLANKS.split(line.strip(" \t\r\n"), maxsplit=1)
    if not fields[0] or fields[0].startswith("#"):
        return None
    marker = Marker.KNOWN
    if fields[0].startswith("@"):
        if fields[0] not in (Marker.REVOKED, Marker.AUTHORITY) or len(fields) == 1:
            raise ValueError("the marker is unknown")
        marker = Marker(fields[0])
        fields = _BLANKS.split(fields[1], maxsplit=1)
    if fields[0].startswith("@"):
        raise ValueError("there are two markers")
    if fields[0].startswith("|"):
        _hashed_name(fields[0])
    return Entry(marker, fields[0], parse_key("".join(fields[1:])))


class KnownHosts:
    """The entries of one file; not thread-safe.

    Attributes:
        path: the file, which may not exist.
        broken: "line N: why" for each line that is skipped.

    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.broken: list[str] = []
        self._literal: defaultdict[str, list[Entry]] = defaultdict(list)
        self._patterns: list[Entry] = []
        self._found: dict[str, tuple[Entry, ...]] = {}
        self._offset = 0
        self._lines = 0

    def load(self) -> None:
        """Read the lines that were appended since the last time.

        Raises:
            OSError: the file cannot be read.

        """
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except (FileNotFoundError, NotADirectoryError):
            return
        self._offset += len(data)
        self._found.clear()
        for line in data.decode(errors="replace").split("\n"):
            self._lines += 1
            self._take(line)
        self._lines -= 1  # what follows the last newline is no line

    def entries(self, name: str) -> tuple[Entry, ...]:
        """The lines about this name."""
        if name not in self._found:
            matching = [entry for entry in self._patterns if entry.matches(name)]
            self._found[name] = (*self._literal.get(name, ()), *matching)
        return self._found[name]

    def _take(self, line: str) -> None:
        try:
            entry = parse_line(line)
        except ValueError as error:
            self.broken.append(f"line {self._lines}: {error}")
            return
        if entry is None:
            return
        for name in entry.literal:
            self._literal[name].append(entry)
        if not entry.literal:
            self._patterns.append(entry)
