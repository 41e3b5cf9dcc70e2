"""Files and directories on the operator's workstation: everything that is written there.

Each file is readable by its owner only and is written whole or not at all. No link that another
user planted is followed: a new file is made under a random name, and must not exist before.
"""

import contextlib
import errno
import os
import secrets
from pathlib import Path
from typing import IO

_NAME_BYTES = 200  # of 255, so that a random part has room


class NewFile:
    """A file that gets its name when it is whole; until then the old one stays."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._new = path.with_name(f".{path.name[:_NAME_BYTES]}.{secrets.token_hex(8)}")
        self._file = create(self._new)

    def write(self, data: bytes) -> None:
        self._file.write(data)

    def commit(self) -> None:
        """Write it to the disk and put it in its place, where a link is replaced."""
        with self._file:
            self._file.flush()
            os.fsync(self._file.fileno())
        self._new.replace(self._path)
        sync_directory(self._path.parent)

    def discard(self) -> None:
        """Remove it."""
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            self._new.unlink()


def write_private(path: Path, text: str) -> None:
    """Replace a file by one that only its owner can read (0600).

    Raises:
        OSError: the file cannot be written; the old file is unchanged and no other file is left.

    """
    new = NewFile(path)
    try:
        new.write(text.encode())
        new.commit()
    except BaseException:
        new.discard()
        raise


def create(path: Path, mode: int = 0o600) -> IO[bytes]:
    """Open a new file for writing.

    Raises:
        FileExistsError: there is something of that name, be it a link to nothing.

    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    return os.fdopen(os.open(path, flags, mode), "wb")


def append_private(path: Path) -> IO[str]:
    """Open a file to append text; a new one has mode 0600.

    Raises:
        PermissionError: it is a link that another user made.

    """
    handle = open_own(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    return os.fdopen(handle, "a", encoding="utf-8", errors="backslashreplace")


def open_own(path: Path, flags: int) -> int:
    """A file descriptor; a link is followed only if it is this user's or root's.

    Raises:
        PermissionError: it is a link that another user made.

    """
    _refuse_link_of_others(path)
    follow = 0 if path.is_symlink() else os.O_NOFOLLOW
    return os.open(path, flags | follow, 0o600)


def _refuse_link_of_others(path: Path) -> None:
    if path.is_symlink() and path.lstat().st_uid not in {0, os.geteuid()}:
        raise PermissionError(errno.EPERM, "is a link that another user made", str(path))


def private_directory(path: Path) -> Path:
    """A directory of this user that is closed to others (0700); made if it is missing.

    Raises:
        PermissionError: it belongs to another user, or is a link that another user made.

    """
    _refuse_link_of_others(path)
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    _refuse_directory_of_others(path)
    if path.stat().st_mode & 0o077:
        path.chmod(0o700)
    return path


def directory_below(base: Path, path: Path) -> Path:
    """The directory ``path`` below ``base``; each one between them is this user's.

    Raises:
        PermissionError: one belongs to another user, or is a link that another user made.

    """
    at = base
    for name in path.relative_to(base).parts:
        at /= name
        _refuse_link_of_others(at)
        at.mkdir(exist_ok=True)
        _refuse_directory_of_others(at)
    return at


def _refuse_directory_of_others(path: Path) -> None:
    if path.stat().st_uid != os.geteuid():
        raise PermissionError(errno.EPERM, "belongs to another user", str(path))


def sync_directory(path: Path) -> None:
    """Write the names in a directory to the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
