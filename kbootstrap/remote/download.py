"""Downloads a file from a node: streamed to disk, checked, and in its place only if it is whole.

The part sends one line with the sha256 in hex, then the bytes. Called by
`output_stream.OutputStream`.
"""

import hashlib
import re
from pathlib import Path

from kbootstrap.atomic_file import NewFile

_HEAD = 65  # hex sha256 and a newline
_TEXT = 1000  # bytes retained for the error if something else than a file was sent
_SUM = re.compile(rb"[0-9a-f]{64}\n")


class Download:
    """One download.

    Attributes:
        problem: what went wrong; empty if the file is complete.

    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sum = hashlib.sha256()
        self._head = bytearray()
        self._text = bytearray()
        self._file: NewFile | None = None
        self.problem = ""
        try:
            self._file = NewFile(path)
        except OSError as error:
            self.problem = f"KB-HERE cannot write {path}: {error.strerror}"

    def feed(self, data: bytes) -> None:
        """Add the next bytes."""
        self._text += data[: _TEXT - len(self._text)]
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
        """All bytes were received: compare the checksum."""
        if self._file is None:
            return
        if not _SUM.fullmatch(self._head):
            self._fail(self._text.decode(errors="replace").strip() or "nothing was received")
        elif self._sum.hexdigest() != self._head[:64].decode():
            sent, found = self._head[:64].decode(), self._sum.hexdigest()
            self._fail(
                f"KB-CHECKSUM {self._path} was received with sha256 {found}, but sent with {sent}"
            )
        else:
            self._save(self._file)

    def _save(self, file: NewFile) -> None:
        try:
            file.commit()
        except OSError as error:
            self._fail(f"KB-HERE cannot write {self._path}: {error.strerror}")
        self._file = None

    def close(self) -> None:
        """The stream has ended: remove an incomplete file."""
        if self._file is not None:
            self._fail("the connection broke")

    def _fail(self, problem: str) -> None:
        self.problem = problem
        if self._file is not None:
            self._file.discard()
        self._file = None
