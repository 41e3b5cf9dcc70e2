r"""Parses the reply to a `protocol.Request`, in chunks of any size; no I/O.

stdout holds frames::

    \x1eKB1 ready                                  stage 0 runs (before it knows the nonce)
    \x1eKB1 <nonce> H                              the whole script arrived, the driver runs
    \x1eKB1 <nonce> R <id> <rc> <millis> <length>  a result, then length bytes and a newline
    \x1eKB1 <nonce> K <id>                         a part was skipped
    \x1eKB1 <nonce> Z <count>                      the end

stderr holds the parts' live output between marks: ``B <id>`` and ``E <id>`` around each
part, ``A <name> <offset>`` and ``D <name>`` around the output of a detached run, ``W`` a sign of
life, ``Z`` the end. The length of live output is not known in advance; marks are safe delimiters
because no process on the node has the nonce. Anything else on either stream is noise, such as a
banner of the login shell or sudo's lecture; its beginning is retained for error messages.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from kbootstrap.remote.bounded_buffer import BoundedBuffer
from kbootstrap.remote.output_stream import NOISE, MalformedReply, OnOutput, OutputStream
from kbootstrap.remote.protocol import PartResult, Reply, Request

READY = b"\x1eKB1 ready\n"
PROMPT = "KB-sudo-password:"  # the prompt that sudo prints
_LONGEST_LINE = 512
_MOST_DIGITS = 15


@dataclass(slots=True)
class _Count:
    """Counts the occurrences of a text in a stream, across chunks."""

    text: bytes
    times: int = 0
    _rest: bytes = b""

    def feed(self, data: bytes) -> None:
        data = self._rest + data
        self.times += data.count(self.text)
        self._rest = data[-(len(self.text) - 1) :]


@dataclass(slots=True)
class _Scanner:
    """Splits a stream into text and lines that begin with a marker; buffers partial ones."""

    marker: bytes
    buffer: bytearray = field(default_factory=bytearray)
    body: int = 0  # bytes missing from the body of the previous frame

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Pairs of text before a marker line and the rest of that line; "" if there is none."""
        self.buffer += data
        while self.buffer:
            if self.body:
                text = bytes(self.buffer[: self.body])
                del self.buffer[: len(text)]
                self.body -= len(text)
                yield text, b""
                continue
            at = self.buffer.find(self.marker)
            if at < 0:
                yield self._cut(len(self.buffer) - self._partial()), b""
                return
            end = self.buffer.find(b"\n", at)
            if end < 0:
                yield self._cut(at), b""
                if len(self.buffer) > _LONGEST_LINE:
                    raise MalformedReply(repr(bytes(self.buffer[:80])))
                return
            text = self._cut(at)
            line = self._cut(end + 1 - at)
            yield text, line[len(self.marker) : -1]

    def rest(self) -> bytes:
        """The buffered bytes, once the stream has ended."""
        return self._cut(len(self.buffer))

    def _cut(self, size: int) -> bytes:
        text = bytes(self.buffer[:size])
        del self.buffer[:size]
        return text

    def _partial(self) -> int:
        """How many bytes at the end may be the beginning of a marker, which has one RS."""
        start = self.buffer.rfind(self.marker[:1], -len(self.marker))
        if start >= 0 and self.marker.startswith(self.buffer[start:]):
            return len(self.buffer) - start
        return 0


@dataclass(slots=True)
class _Result:
    rc: int = 0
    millis: int = 0
    skipped: bool = False
    body: BoundedBuffer = field(default_factory=BoundedBuffer)


class ReplyReader:
    """Collects the reply to one request.

    It is fed bytes of either stream in chunks of any size; `done` is true once the reply is
    complete. Live output of steps that are not secret is passed to ``on_output`` at once.
    """

    def __init__(
        self,
        request: Request,
        on_output: OnOutput | None = None,
        earlier: Mapping[str, BoundedBuffer] | None = None,
    ) -> None:
        """``earlier``: output of detached runs that earlier connections of this run received."""
        marker = f"\x1eKB1 {request.nonce} ".encode()
        self._parts = {part.id: part for part in request.parts}
        self._stdout = _Scanner(marker)
        self._stderr = _Scanner(marker)
        self._live = OutputStream(self._parts, on_output, earlier or {})
        self._results: dict[str, _Result] = {}
        self._receiving: BoundedBuffer | None = None
        self._noise = bytearray()
        self._ready = _Count(READY)
        self._prompts = _Count(PROMPT.encode())
        self.started = False
        self._ended = False

    @property
    def done(self) -> bool:
        """Whether both streams have ended as expected."""
        return self._ended and self._live.ended

    @property
    def ready(self) -> bool:
        """Whether stage 0 runs."""
        return self.started or self._ready.times > 0

    @property
    def asked(self) -> int:
        """How often sudo has asked for a password."""
        return self._prompts.times

    @property
    def complete(self) -> bool:
        """Whether every result was received; live output may follow."""
        return self._ended

    @property
    def noise(self) -> str:
        """The first text on either stream that belongs to no part."""
        texts = [bytes(self._noise).replace(READY, b""), bytes(self._live.noise)]
        return "\n".join(t.decode(errors="replace").strip() for t in texts if t.strip())

    @property
    def runs(self) -> dict[str, BoundedBuffer]:
        """Detached run -> its output so far, from its beginning."""
        return self._live.runs

    def feed_stdout(self, data: bytes) -> None:
        """Add bytes of stdout; raises `MalformedReply`."""
        for text, line in self._stdout.feed(data):
            if self._receiving is not None and text:
                self._receiving.feed(text)
                if not self._stdout.body:
                    self._receiving = None
            elif text and not self.started:
                self._note(text)
            if line:
                self._frame(line)

    def feed_stderr(self, data: bytes) -> None:
        """Add bytes of stderr."""
        for text, line in self._stderr.feed(data):
            if text:
                self._prompts.feed(b"" if self.ready else text)
                self._live.text(text)
            if line:
                self._live.mark(line.decode(errors="replace").split(" "))

    def reply(self) -> Reply:
        """The results; only when `complete`."""
        self._live.text(self._stderr.rest())
        return Reply(tuple(self._part(part_id) for part_id in self._parts))

    def close(self) -> None:
        """The streams have ended: remove an incomplete download."""
        self._live.close()

    def _note(self, text: bytes) -> None:
        self._noise += text[: NOISE - len(self._noise)]
        self._ready.feed(text)

    def _frame(self, line: bytes) -> None:
        match line.decode(errors="replace").split(" "):
            case ["H"]:
                self.started = True
            case ["R", part_id, rc, millis, length] if self._awaits(part_id):
                result = self._results[part_id] = _Result(_number(rc), _number(millis))
                self._stdout.body = _number(length)
                self._receiving = result.body if self._stdout.body else None
            case ["K", part_id] if self._awaits(part_id):
                self._results[part_id] = _Result(skipped=True)
            case ["Z", count] if _number(count) == len(self._results) == len(self._parts):
                self._ended = True
            case _:
                raise MalformedReply(repr(line[:80]))

    def _awaits(self, part_id: str) -> bool:
        return part_id in self._parts and part_id not in self._results

    def _part(self, part_id: str) -> PartResult:
        result = self._results[part_id]
        live = self._live.captures.get(part_id, BoundedBuffer())
        probe = self._parts[part_id].kind == "probe"
        kept = result.body if probe else live
        download = self._live.downloads.get(part_id)
        problem = download.problem if download else ""
        return PartResult(
            id=part_id,
            rc=result.rc or int(bool(problem)),
            output=problem or kept.text(),
            millis=result.millis,
            skipped=result.skipped,
            truncated=kept.truncated,
            stderr=live.text() if probe else "",
        )


def _number(text: str) -> int:
    if len(text) > _MOST_DIGITS or not (text.isascii() and text.isdecimal()):
        raise MalformedReply(f"{text[:40]!r} is not a number")
    return int(text)
