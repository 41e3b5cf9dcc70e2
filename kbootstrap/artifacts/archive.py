"""Reads the binaries of a ``.tar.gz`` that may be hostile; nothing is written here.

By hand and never by `tarfile.extractall`: Debian 12's Python 3.11.2 has no extraction filters (PEP
706), and those of some later releases can be evaded (CVE-2025-4517).
"""

import gzip
import hashlib
import io
import re
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

BINARY_BYTES = 128 * 1024**2
UNPACKED_BYTES = 512 * 1024**2  # with what is left out, since that is decompressed, too
_HEADER_BYTES = 64 * 1024
_ENTRIES = 1000
_REGULAR = (tarfile.REGTYPE, tarfile.AREGTYPE)  # no sparse file
_NAME = re.compile(r"(\./)?([A-Za-z0-9][A-Za-z0-9._+-]{0,99})")


class BadArchiveError(Exception):
    """It is no readable archive, or it is too large."""


@dataclass(frozen=True, slots=True)
class Member:
    """A regular file at the top of an archive."""

    name: str
    executable: bool
    data: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


def members(data: bytes) -> Iterator[Member]:
    """Each regular file with a plain name, such as ``crictl`` or ``./bridge``, in their order.

    Raises:
        BadArchiveError: it cannot be read, is too large, or has two files of one name.

    """
    seen: set[str] = set()
    try:
        with gzip.open(io.BytesIO(data)) as stream:
            for member in _members(_Bounded(stream)):
                if member.name in seen:
                    raise BadArchiveError(f"it has {member.name} twice")
                seen.add(member.name)
                yield member
    # What tarfile and gzip raise in foreign bytes; RecursionError: headers of headers.
    except (tarfile.TarError, EOFError, OSError, zlib.error, ValueError, RecursionError) as error:
        raise BadArchiveError(" ".join(str(error).split())) from error


def _members(stream: "_Bounded") -> Iterator[Member]:
    with tarfile.open(fileobj=stream, mode="r:") as archive:
        for number, entry in enumerate(archive):
            if number >= _ENTRIES:
                raise BadArchiveError(f"it has more than {_ENTRIES} entries")
            name = _NAME.fullmatch(entry.name)
            content = archive.extractfile(entry) if name and entry.type in _REGULAR else None
            if name is None or content is None:
                continue
            if entry.size > BINARY_BYTES:
                raise BadArchiveError(f"its file {name[2]} is larger than {BINARY_BYTES} bytes")
            data = b"".join(iter(partial(content.read, _HEADER_BYTES), b""))
            yield Member(name[2], bool(entry.mode & 0o100), data)


class _Bounded(io.RawIOBase):
    """A stream that ends in an error when too much is read of it, or by one header."""

    def __init__(self, stream: gzip.GzipFile) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _HEADER_BYTES:
            raise BadArchiveError(f"a header is larger than {_HEADER_BYTES} bytes")
        self._check(self.tell() + size)
        return self._stream.read(size)

    def seek(self, position: int, whence: int = io.SEEK_SET) -> int:
        self._check(position)
        return self._stream.seek(position, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def _check(self, position: int) -> None:
        if position > UNPACKED_BYTES:
            raise BadArchiveError(f"it unpacks to more than {UNPACKED_BYTES} bytes")
