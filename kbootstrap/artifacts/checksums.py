"""Checksums of files on the operator's workstation, and the cache directory that stores them.

A plan needs the sha256 of each binary. The cache saves reading 200 MB at each run: a file is read
again only if its path, size, times or inode differ from those of the stored checksum.
"""

import contextlib
import hashlib
import json
import os
from pathlib import Path

from kbootstrap.atomic_file import private_directory, write_private


def cache_directory() -> Path:
    """``$XDG_CACHE_HOME/kbootstrap``, or below ``~/.cache``; created if it is missing.

    Raises:
        PermissionError: it belongs to another user.

    """
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return private_directory(Path(base) / "kbootstrap")


def sha256_of(path: Path) -> str:
    """Hex sha256 of a file."""
    stat = path.stat()
    identity = (
        f"{path.resolve()}:{stat.st_size}:{stat.st_mtime_ns}:{stat.st_ctime_ns}:{stat.st_ino}"
    )
    store = cache_directory() / "sums.json"
    known = _stored(store)
    if identity not in known:
        with path.open("rb") as file:
            known[identity] = hashlib.file_digest(file, "sha256").hexdigest()
        with contextlib.suppress(OSError):  # on a full disk the next run reads the file again
            write_private(store, json.dumps(known))
    return known[identity]


def _stored(store: Path) -> dict[str, str]:
    try:
        known = json.loads(store.read_text())
    except (OSError, ValueError, RecursionError):
        return {}
    return known if isinstance(known, dict) else {}
