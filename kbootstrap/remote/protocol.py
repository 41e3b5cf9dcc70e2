r"""The protocol between kbootstrap and the shell on a node, as data; no I/O.

One `Request` is one round trip: a header line, a script with the driver and all parts, then the
blobs::

    KB1 <nonce> <bytes of script>\n <script> <blob> <blob> ...

All of it is sent on stdin, so no secret is in an argument or the environment. The nonce, 128
random bits per request, distinguishes the reply (`kbootstrap.remote.reply_reader`) from other
output of the node.
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

SLICE = 32 * 1024 - 64  # the payload of one SSH packet of OpenSSH's maximum size

PROBE_SECONDS = 180  # for all probes of a request together
STEP_SECONDS = 1800  # for a step that names no other limit
DOWNLOAD_SECONDS = 4 * 3600  # more, for a step that downloads a file
_SLOWEST_UPLOAD = 64 * 1024  # bytes per second

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,99}")


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes sent after the script, for ``kb_put``; a file is read while it is sent."""

    size: int
    source: bytes | Path = field(repr=False)


@dataclass(frozen=True, slots=True)
class Part:
    """One shell fragment; runs in a subshell ``( set -eu; ... ) </dev/null``.

    Attributes:
        id: its name in the reply.
        script: POSIX shell text; it may call the functions of templates/remote/prelude.sh.
        kind: after a failed step later parts are skipped, after a failed probe they are not. The
            output of a step is stdout and stderr, that of a probe is stdout only.
        blobs: the content for its ``kb_put`` calls, in order; for steps only.
        always: runs even after an earlier step failed.
        secret: its output is in the reply and nowhere else.
        seconds: how long a step may take at most; its host is given up after it (KB216).
        into: the path to which its output, a sha256 and a file, is downloaded (`download`).

    """

    id: str
    script: str = field(repr=False)
    kind: Literal["step", "probe"] = "step"
    blobs: tuple[Blob, ...] = ()
    always: bool = False
    secret: bool = False
    seconds: int = STEP_SECONDS
    into: Path | None = None


@dataclass(frozen=True, slots=True)
class PartResult:
    """The result of one part.

    Attributes:
        rc: exit status; also 0 if it was skipped.
        output: at most 256 KiB; a line marks what was dropped from the middle.
        millis: run time on the node, to 10 ms.
        stderr: a probe's stderr.

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
        run_id: identifies the detached runs of this run, across connections and processes.
        state: the directory of ledger and detached runs on the node.
        bin_dir: the directory that is first in PATH; empty: none.
        seen: detached run -> bytes of its output that were received before.

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
        """Driver, functions and parts as one text; it ends with the nonce, see stage0.sh."""
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
        """All bytes of the request, in slices of one SSH packet."""
        yield from _slices(self.head())
        for part in self.parts:
            for blob in part.blobs:
                yield from _blob(blob)

    @property
    def seconds(self) -> float:
        """How long it may take at most, with the transfer of its blobs."""
        steps = sum(part.seconds for part in self.parts if part.kind == "step")
        downloads = sum(DOWNLOAD_SECONDS for part in self.parts if part.into is not None)
        return PROBE_SECONDS + steps + downloads + self.size / _SLOWEST_UPLOAD

    @property
    def size(self) -> int:
        """The total size of the blobs in bytes."""
        return sum(blob.size for part in self.parts for blob in part.blobs)


def _call(part: Part) -> str:
    size = sum(blob.size for blob in part.blobs)
    arguments = ["kb_part", part.id, part.kind, str(int(part.always)), str(size)]
    script = f"kb_tmp\n{part.script}" if "KB_TMP" in part.script else part.script
    return f"{shlex.join(arguments)} {shlex.quote(script)}"


def _slices(data: bytes) -> Iterator[memoryview]:
    view = memoryview(data)
    for start in range(0, len(view), SLICE):
        yield view[start : start + SLICE]


def _blob(blob: Blob) -> Iterator[memoryview]:
    """The bytes of a blob, exactly as many as its size.

    Raises:
        PhaseError: the file is missing or has shrunk (KB212). The rest of the request must not be
            sent then, since the node would read it as part of the blob.

    """
    if isinstance(blob.source, bytes):
        if len(blob.source) != blob.size:
            raise InternalError(BUG, "a blob does not have its announced size")
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
