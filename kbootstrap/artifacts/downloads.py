"""Downloads to the operator's workstation, checked against the sha256 published beside them."""

import hashlib
import io
import tarfile
import tempfile
import zlib
from pathlib import Path

from kbootstrap import codes
from kbootstrap.artifacts.checksums import cache_directory
from kbootstrap.errors import PhaseError, TrustError

TIMEOUT = 30  # seconds without a byte
# A site must not fill the workstation's memory or disk.
TEXT_BYTES = 64 * 1024
MANIFEST_BYTES = 32 * 1024**2
ARCHIVE_BYTES = 512 * 1024**2
UNPACKED_BYTES = 2 * 1024**3
_HEX_DIGITS = hashlib.sha256().digest_size * 2


def read(url: str, most: int) -> bytes:
    """The content of a URL, of at most ``most`` bytes.

    Raises:
        PhaseError: KB311, it cannot be read or is larger.

    """
    import urllib.error  # noqa: PLC0415  # imports HTTP and TLS, which a directory does not need
    import urllib.request  # noqa: PLC0415

    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:  # noqa: S310 - the user's URL
            data: bytes = answer.read(most + 1)
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise PhaseError(codes.PROGRAM_MISSING, f"cannot read {url}: {error}") from error
    if len(data) > most:
        raise PhaseError(codes.PROGRAM_MISSING, f"{url} is larger than {most} bytes")
    return data


def published_sha256(url: str) -> str:
    """The checksum in the file ``URL.sha256``.

    Raises:
        PhaseError: KB311, the file cannot be read or holds no checksum.

    """
    fields = read(f"{url}.sha256", TEXT_BYTES).decode(errors="replace").split()
    if not fields or len(fields[0]) != _HEX_DIGITS:
        raise PhaseError(codes.PROGRAM_MISSING, f"{url}.sha256 holds no sha256")
    return fields[0]


def unpacked(url: str) -> Path:
    """The directory in the cache that holds the files of a ``.tar.gz``; downloaded once.

    Raises:
        PhaseError: KB311, the archive or its checksum cannot be read, or is too large.
        TrustError: KB502, the archive is not what its site published.

    """
    published = published_sha256(url)
    directory = cache_directory() / published
    if not directory.is_dir():
        data = read(url, ARCHIVE_BYTES)
        found = hashlib.sha256(data).hexdigest()
        if found != published:
            raise TrustError(codes.CHECKSUM, f"{url} has sha256 {found}, published is {published}")
        _unpack(url, data, directory)
    return directory


def _unpack(url: str, data: bytes, directory: Path) -> None:
    """Unpack beside the directory, then rename; another run may be faster."""
    with tempfile.TemporaryDirectory(dir=directory.parent) as beside:
        new = Path(beside, "new")
        new.mkdir()
        try:
            _extract(url, data, new)
        except (tarfile.TarError, EOFError, zlib.error) as error:
            message = f"{url} is not a readable .tar.gz: {error}"
            raise PhaseError(codes.PROGRAM_MISSING, message) from error
        try:
            new.rename(directory)
        except OSError:
            if not directory.is_dir():
                raise


def _extract(url: str, data: bytes, directory: Path) -> None:
    room = UNPACKED_BYTES
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        for member in archive:
            room -= member.size
            if room < 0:
                message = f"{url} unpacks to more than {UNPACKED_BYTES} bytes"
                raise PhaseError(codes.PROGRAM_MISSING, message)
            name = member.name.removeprefix("./")
            content = archive.extractfile(member) if _is_top_level_file(member, name) else None
            if content is not None:
                (directory / name).write_bytes(content.read())
                (directory / name).chmod(member.mode & 0o755)


def _is_top_level_file(member: tarfile.TarInfo, name: str) -> bool:
    """Only these are binaries; no link or path of an archive leads out of its directory.

    By hand, since Debian 12's Python 3.11.2 has no extraction filters (PEP 706).
    """
    return member.isreg() and "/" not in name and bool(name.strip("."))
