"""Downloads to the operator's workstation, checked against the sha256 published beside them."""

import hashlib
import re

from kbootstrap import codes
from kbootstrap.errors import PhaseError, TrustError

# A site must not fill the workstation's memory or disk.
TEXT_BYTES = 64 * 1024
MANIFEST_BYTES = 8 * 1024**2
ARCHIVE_BYTES = 256 * 1024**2
_SHA256 = re.compile("[0-9a-f]{64}")


def read(url: str, most: int) -> bytes:
    """The content of a URL, of at most ``most`` bytes.

    Raises:
        PhaseError: KB311, it cannot be read, is larger, or comes too slowly.
        TrustError: KB512, the site redirects from https to something else.

    """
    from kbootstrap.artifacts import https  # noqa: PLC0415  # HTTP and TLS; a directory needs none

    return https.read(url, most)


def published_sha256(url: str) -> str:
    """The checksum in the file ``URL.sha256``.

    Raises:
        PhaseError: KB311, the file cannot be read or holds no checksum.

    """
    first, *_ = read(f"{url}.sha256", TEXT_BYTES).decode(errors="replace").split() or [""]
    if not _SHA256.fullmatch(first.lower()):
        raise PhaseError(codes.PROGRAM_MISSING, f"{url}.sha256 holds no sha256")
    return first.lower()


def whole(url: str, sha256: str) -> bytes:
    """The content of a binary or archive that must have this sha256.

    Raises:
        PhaseError: KB311, it cannot be read, or is too large.
        TrustError: KB502, it has another sha256.

    """
    data = read(url, ARCHIVE_BYTES)
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise TrustError(codes.CHECKSUM, f"{url} has sha256 {found}, expected is {sha256}")
    return data
