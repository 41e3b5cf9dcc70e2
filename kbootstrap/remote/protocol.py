r"""What goes to a machine and what comes back, as data; no I/O.

One `Request` is one round trip: a header line, a script that holds the driver and all parts,
then the blobs, nothing else::

    KB1 <nonce> <bytes of script>\n <script> <blob> <blob> ...

Everything travels on stdin, so no secret is ever in an argument or the environment. The
nonce is 128 random bits per request; it is how the answer, read by
`kbootstrap.remote.reply_reader`, is told from whatever else a machine may print.
"""

import re
import secrets
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from kbootstrap.codes import BLOB_CHANGED, BUG
from kbootstrap.errors import InternalError, PhaseError
from kbootstrap.node_paths import STATE_DIR
from kbootstrap.remote.shell_library import library

SLICE = 32 * 1024 - 64  # what paramiko puts into one packet of OpenSSH's size

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,99}")


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes streamed after the script, for ``kb_put``; a file is read when it is sent."""

    size: int
    source: bytes | Path = field(repr=False)


@dataclass(frozen=True, slots=True)
class Part:
    """One shell fragment; runs in a subshell ``( set -eu; ... ) </dev/null``.

    Attributes:
        id: names it in the reply.
        script: POSIX shell text; see templates/remote/prelude.sh for what it can call.
        kind: a failing step makes later parts be skipped, a failing probe does not. A step's
            output is stdout and stderr as they come; a probe's is stdout only.
        blobs: what its ``kb_put`` calls take, in order; for steps only.
        always: runs even after an earlier step failed.
        secret: its output goes into the reply and nowhere else.
        into: its output is a file's sha256 and the file, which goes there (`download`).

    """

    id: str
    script: str = field(repr=False)
    kind: Literal["step", "probe"] = "step"
    blobs: tuple[Blob, ...] = ()
    always: bool = False
    secret: bool = False
    into: Path | None = None


@dataclass(frozen=True, slots=True)
class PartResult:
    """What became of one part.

    Attributes:
        rc: exit status; 0 too when it was skipped.
        output: at most 256 KiB; what was cut from the middle is marked.
        millis: run time on the machine, to 10 ms.
        stderr: what a probe said besides its facts.

    """

    id: str
    rc: int
    output: str = field(repr=False)
    millis: int
    skipped: bool
    truncated: bool
    stderr: str = field(default="", repr=False)

    @property
    def ok(self) -> bool:
        """It ran and succeeded."""
        return self.rc == 0 and not self.skipped


@dataclass(frozen=True, slots=True)
class Reply:
    """The results of all parts, in order."""

    results: tuple[PartResult, ...]

    @property
    def ok(self) -> bool:
        """Every part ran and succeeded."""
        return all(result.ok for result in self.results)

    @property
    def first_failure(self) -> PartResult | None:
        """The first part that ran and failed."""
        return next((result for result in self.results if result.rc != 0), None)

    def part(self, part_id: str) -> PartResult:
        """The result of one part.

        Raises:
            KeyError: the request had no such part.

        """
        for result in self.results:
            if result.id == part_id:
                return result
        raise KeyError(part_id)

    def output(self, part_id: str) -> str:
        """The output of one part; KeyError if the request had no such part."""
        return self.part(part_id).output


@dataclass(frozen=True, slots=True)
class Request:
    """One round trip, ready to be sent.

    Attributes:
        parts: what it runs.
        run_id: whose detached runs are ours, across connections and processes.
        state: the folder for ledger and runs on the machine.
        bin_dir: the directory whose binaries every script finds first; empty: none.
        seen: detached run -> bytes of its output we already have.

    """

    parts: tuple[Part, ...]
    run_id: str
    state: str = STATE_DIR
    bin_dir: str = ""
    seen: Mapping[str, int] = field(default_factory=dict)
    nonce: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    tag: str = field(default_factory=lambda: secrets.token_hex(8))  # names files, no secret

    def __post_init__(self) -> None:
        names = [self.run_id, *(part.id for part in self.parts)]
        for name in names:
            if not _NAME.fullmatch(name):
                raise InternalError(BUG, f"not a name for a part or run: {name!r}")
        if len(set(names[1:])) != len(self.parts):
            raise InternalError(BUG, "two parts have the same id")
        for part in self.parts:
            if part.kind == "probe" and part.blobs:
                raise InternalError(BUG, f"probe {part.id} has blobs, but probes only read")
            if "\0" in part.script:
                raise InternalError(BUG, f"the script of {part.id} holds a NUL byte")

    def head(self) -> bytes:
        """Header line and script."""
        script = self.script().encode()
        return f"KB1 {self.nonce} {len(script)}\n".encode() + script

    def script(self) -> str:
        """Driver, functions and parts as one text; ends with the nonce, see stage0.sh."""
        seen = " ".join(f"{name}={offset}" for name, offset in self.seen.items())
        values = {
            "KB_MARK": f"\x1eKB1 {self.nonce}",
            "KB_ID": self.tag,
            "KB_RUN": self.run_id,
            "KB_STATE": self.state,
            "KB_BIN": self.bin_dir,
            "KB_SEEN": seen,
        }
        lines = [f"{name}={shlex.quote(value)}" for name, value in values.items()]
        lines.append(library(part.script for part in self.parts))
        lines += [_call(part) for part in self.parts]
        return "\n".join([*lines, "kb_end", f"# KBEND {self.nonce}"])

    def chunks(self) -> Iterator[memoryview]:
        """All bytes of the request, in slices that suit the wire."""
        yield from _slices(self.head())
        for part in self.parts:
            for blob in part.blobs:
                yield from _blob(blob)

    @property
    def size(self) -> int:
        """Bytes of blobs it will send."""
        return sum(blob.size for part in self.parts for blob in part.blobs)


def _call(part: Part) -> str:
    size = sum(blob.size for blob in part.blobs)
    words = ["kb_part", part.id, part.kind, str(int(part.always)), str(size)]
    script = f"kb_tmp\n{part.script}" if "KB_TMP" in part.script else part.script
    return f"{shlex.join(words)} {shlex.quote(script)}"


def _slices(data: bytes) -> Iterator[memoryview]:
    view = memoryview(data)
    for start in range(0, len(view), SLICE):
        yield view[start : start + SLICE]


def _blob(blob: Blob) -> Iterator[memoryview]:
    """The bytes of a blob, exactly as many as announced.

    Raises:
        PhaseError: the file is gone or shorter than it was (KB212); the rest of the request must
            not be sent then, for the reader would take it for the blob.

    """
    if isinstance(blob.source, bytes):
        if len(blob.source) != blob.size:
            raise InternalError(BUG, "a blob is not as long as it says")
        yield from _slices(blob.source)
        return
    left = blob.size
    try:
        with blob.source.open("rb") as file:
            while left:
                data = file.read(min(SLICE, left))
                if not data:
                    raise PhaseError(BLOB_CHANGED, f"{blob.source} is shorter than it was")
                left -= len(data)
                yield memoryview(data)
    except OSError as error:
        raise PhaseError(BLOB_CHANGED, f"cannot read {blob.source}: {error.strerror}") from error


def request(
    parts: Sequence[Part],
    run_id: str,
    *,
    state: str = STATE_DIR,
    bin_dir: str = "",
    seen: Mapping[str, int] | None = None,
) -> Request:
    """A request with a fresh nonce."""
    return Request(tuple(parts), run_id, state=state, bin_dir=bin_dir, seen=dict(seen or {}))
