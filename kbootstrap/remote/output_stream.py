"""The live output of a request's parts, which `reply_reader.ReplyReader` finds on stderr.

Retains the output of detached runs, so that a request on a new connection does not receive it
again (``earlier`` of `reply_reader.ReplyReader`).
"""

import codecs
from collections.abc import Callable, Mapping
from copy import deepcopy

from kbootstrap.remote.bounded_buffer import BoundedBuffer
from kbootstrap.remote.download import Download
from kbootstrap.remote.protocol import Part

MOST_SHOWN = 16 * 1024 * 1024  # bytes of a part's output that are passed on while it runs
NOISE = 4096  # bytes retained of output that belongs to no part

OnOutput = Callable[[str, str], None]  # part id, text


class MalformedReply(Exception):  # noqa: N818  # never shown: callers turn it into KB209
    """A frame or mark with the right nonce but invalid content."""


class OutputStream:
    """Assigns live output to parts, passes it on, and retains both ends of it."""

    def __init__(
        self,
        parts: Mapping[str, Part],
        on_output: OnOutput | None,
        earlier: Mapping[str, BoundedBuffer],
    ) -> None:
        self._parts = parts
        self._on_output = on_output
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._current = ""
        self._run: BoundedBuffer | None = None
        self.captures: dict[str, BoundedBuffer] = {}
        self.runs: dict[str, BoundedBuffer] = {}
        self.downloads: dict[str, Download] = {}
        self._earlier = earlier
        self.noise = bytearray()
        self.ended = False

    def text(self, data: bytes) -> None:
        """The next bytes of the current part."""
        if not data:
            return
        if not self._current:
            self.noise += data[: NOISE - len(self.noise)]
            return
        if self._current in self.downloads:
            self.downloads[self._current].feed(data)
            return
        self.captures[self._current].feed(data)
        if self._run is not None:
            self._run.feed(data)
        self._tell(data)

    def mark(self, fields: list[str]) -> None:
        """A mark in the stream; unknown marks are ignored."""
        match fields:
            case ["B", part_id] if part_id in self._parts:
                self._current = part_id
                self._begin(self._parts[part_id])
            case ["E", part_id]:
                if part_id in self.downloads:
                    self.downloads[part_id].end()
                self._tell(b"", final=True)
                self._decoder.reset()
                self._current, self._run = "", None
            case ["A", name, offset] if self._current:
                self._attach(name, offset)
            case ["D", _]:
                self._run = None
            case ["Z", _]:
                self.ended = True
            case _:
                pass

    def close(self) -> None:
        """The stream has ended."""
        for download in self.downloads.values():
            download.close()

    def _begin(self, part: Part) -> None:
        self.captures[part.id] = BoundedBuffer()
        if part.into is not None:
            self.downloads[part.id] = Download(part.into)

    def _attach(self, name: str, offset: str) -> None:
        """The output that follows is that of a detached run, from byte ``offset``."""
        if name in self.runs or len(self.runs) == len(self._parts):
            raise MalformedReply("more than one detached run in a part")
        before = self._earlier.get(name)
        self._run = BoundedBuffer()
        if before is not None and offset == str(before.size):
            self._run = deepcopy(before)
            if not self.captures[self._current].size:
                self.captures[self._current] = deepcopy(before)
        self.runs[name] = self._run

    def _tell(self, data: bytes, *, final: bool = False) -> None:
        part = self._parts.get(self._current)
        if self._on_output is None or part is None or part.kind != "step" or part.secret:
            return
        text = self._decoder.decode(data, final)
        if text and self.captures[part.id].size <= MOST_SHOWN:
            self._on_output(part.id, text)
