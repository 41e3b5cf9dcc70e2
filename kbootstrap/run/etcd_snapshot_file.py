"""Files with snapshots of etcd on the operator's workstation."""

import hashlib
from pathlib import Path
from typing import IO

from kbootstrap import codes
from kbootstrap.atomic_file import sync_directory
from kbootstrap.engine.inputs import SnapshotFile
from kbootstrap.errors import RefusedError

_SUM = hashlib.sha256().digest_size
_PAGE = 512  # a database is whole pages of at least this
_CHUNK = 1024 * 1024


def read(path: Path) -> SnapshotFile:
    """A snapshot that is whole: its last 32 bytes are the sha256 of all before them.

    Raises:
        RefusedError: KB433, it is something else, or cut short.
        OSError: it cannot be read.

    """
    size = path.stat().st_size
    with path.open("rb") as file:
        inner, outer = _sums(file, size - _SUM)
        end = file.read()
    if size % _PAGE != _SUM or inner.digest() != end:
        raise RefusedError(codes.BAD_SNAPSHOT, f"{path} does not end with its own sha256")
    outer.update(end)
    return SnapshotFile(path=str(path), size=size, sha256=outer.hexdigest())


def _sums(file: IO[bytes], size: int) -> tuple["hashlib._Hash", "hashlib._Hash"]:
    """Two equal hashes of the first ``size`` bytes; the caller continues one of them."""
    summed, left = hashlib.sha256(), size
    while left > 0 and (data := file.read(min(_CHUNK, left))):
        summed.update(data)
        left -= len(data)
    return summed, summed.copy()


def complete(path: Path) -> SnapshotFile:
    """Check ``PATH.part`` and give it its name.

    Raises:
        RefusedError: KB433, it is not whole.

    """
    part = Path(f"{path}.part")
    found = read(part)
    part.replace(path)
    sync_directory(path.parent)
    return SnapshotFile(path=str(path), size=found.size, sha256=found.sha256)
