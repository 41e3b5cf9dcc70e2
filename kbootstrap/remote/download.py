"""A file that comes down from a machine: streamed to this disk, checked, never half there.

The part sends one line with the sha256 in hex, then the bytes. Called by `live.OutputStream`.
"""

import hashlib
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import IO

_HEAD = 65  # hex sha256 and a newline
_WORDS = 1000  # bytes kept to say what came in the place of a file
_SUM = re.compile(rb"[0-9a-f]{64}\n")


class Download:
    """One file on its way.

    Attributes:
        problem: what went wrong; empty when the file is at its place.

    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sum = hashlib.sha256()
        self._head = bytearray()
        self._words = bytearray()
        self._file: IO[bytes] | None = None
        self.problem = ""
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.fchmod(handle, 0o600)  # whatever an earlier one was
            self._file = os.fdopen(handle, "wb")
        except OSError as error:
            self.problem = f"KB-HERE cannot write {path}: {error.strerror}"

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        self._words += data[: _WORDS - len(self._words)]
        room = _HEAD - len(self._head)
        self._head += data[:room]
        if not (data := data[room:]) or self._file is None:
            return
        self._sum.update(data)
        try:
            self._file.write(data)
        except OSError as error:
            self._fail(f"KB-HERE cannot write {self._path}: {error.strerror}")

    def end(self) -> None:
        """All has come: is it what was sent?"""
        if self._file is None:
            return
        if not _SUM.fullmatch(self._head):
            self._fail(self._words.decode(errors="replace").strip() or "nothing came")
        elif self._sum.hexdigest() != self._head[:64].decode():
            sent, found = self._head[:64].decode(), self._sum.hexdigest()
            self._fail(f"KB-CHECKSUM {self._path} arrived with sha256 {found}, sent was {sent}")
        else:
            self._save(self._file)

    def _save(self, file: IO[bytes]) -> None:
        try:
            with file:
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            self._fail(f"KB-HERE cannot write {self._path}: {error.strerror}")
        self._file = None

    def close(self) -> None:
        """Nothing more comes: what has no end is removed."""
        if self._file is not None:
            self._fail("the connection broke")

    def _fail(self, problem: str) -> None:
        self.problem = problem
        with suppress(OSError):
            if self._file is not None:
                self._file.close()
            self._path.unlink()
        self._file = None
