"""Downloads to the operator's workstation, checked against the sha256 published beside them."""

import hashlib
import io
import os
import tarfile
from pathlib import Path

from kbootstrap import codes
from kbootstrap.artifacts.checksums import cache_directory
from kbootstrap.errors import PhaseError, TrustError

TIMEOUT = 30  # seconds per request
_HEX_DIGITS = hashlib.sha256().digest_size * 2


def read(url: str) -> bytes:
    """The content of a URL.

    Raises:
        PhaseError: KB311, it cannot be read.

    """
    import urllib.error  # noqa: PLC0415  # imports HTTP and TLS, which a directory does not need
    import urllib.request  # noqa: PLC0415

    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:  # noqa: S310 - the user's URL
            data: bytes = answer.read()
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise PhaseError(codes.PROGRAM_MISSING, f"cannot read {url}: {error}") from error
    return data


def published_sha256(url: str) -> str:
    """The checksum in the file ``URL.sha256``.

    Raises:
        PhaseError: KB311, the file cannot be read or holds no checksum.

    """
    fields = read(f"{url}.sha256").decode(errors="replace").split()
    if not fields or len(fields[0]) != _HEX_DIGITS:
        raise PhaseError(codes.PROGRAM_MISSING, f"{url}.sha256 holds no sha256")
    return fields[0]


def unpacked(url: str) -> Path:
    """The directory in the cache that holds the files of a ``.tar.gz``; downloaded once.

    Raises:
        PhaseError: KB311, the archive or its checksum cannot be read.
        TrustError: KB502, the archive is not what its site published.

    """
    published = published_sha256(url)
    directory = cache_directory() / published
    if not directory.is_dir():
        data = read(url)
        found = hashlib.sha256(data).hexdigest()
        if found != published:
            raise TrustError(codes.CHECKSUM, f"{url} has sha256 {found}, published is {published}")
        _unpack(data, directory)
    return directory


def _unpack(data: bytes, directory: Path) -> None:
    new = directory.with_suffix(f".{os.getpid()}")
    new.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        for member in archive:
            name = member.name.removeprefix("./")
            content = archive.extractfile(member) if _is_top_level_file(member, name) else None
            if content is not None:
                (new / name).write_bytes(content.read())
                (new / name).chmod(member.mode & 0o755)
    new.rename(directory)


def _is_top_level_file(member: tarfile.TarInfo, name: str) -> bool:
    """Only these are binaries; no link or path of an archive leads out of its directory.

    By hand, since Debian 12's Python 3.11.2 has no extraction filters (PEP 706).
    """
    return member.isreg() and "/" not in name and bool(name.strip("."))
