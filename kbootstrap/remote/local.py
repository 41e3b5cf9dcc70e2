"""Runs requests in a local shell, for tests of the scripts under any shell."""

import os
import selectors
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from kbootstrap.node_paths import STATE_DIR
from kbootstrap.remote.bounded_buffer import BoundedBuffer
from kbootstrap.remote.meter import Meter, Usage
from kbootstrap.remote.output_stream import OnOutput
from kbootstrap.remote.protocol import Part, Reply, request
from kbootstrap.remote.reply_reader import ReplyReader
from kbootstrap.remote.shell_library import stage0
from kbootstrap.remote.ssh_errors import Refusal, on_exchange, on_refusal


class LocalConnection:
    """`hosts.Connection` without SSH.

    Attributes:
        shell: the command that takes ``-c``: ("dash",), ("bash", "--posix"), ("busybox", "sh").
        state: the directory of ledger and detached runs.

    """

    def __init__(
        self,
        shell: Sequence[str] = ("sh",),
        *,
        name: str = "local",
        state: str | Path = STATE_DIR,
        bin_dir: str | Path = "",
        meter: Meter | None = None,
    ) -> None:
        self.shell = tuple(shell)
        self.state = str(state)
        self._bin_dir = str(bin_dir)
        self._name = name
        self._meter = meter or Meter()
        self._runs: dict[str, dict[str, BoundedBuffer]] = {}

    def perform(
        self, parts: Sequence[Part], *, run_id: str, on_output: OnOutput | None = None
    ) -> Reply:
        """Run the parts; see `hosts.Connection.perform`."""
        runs = self._runs.setdefault(run_id, {})
        seen = {name: capture.size for name, capture in runs.items()}
        message = request(parts, run_id, state=self.state, bin_dir=self._bin_dir, seen=seen)
        reader = ReplyReader(message, on_output, runs)
        command = [*self.shell, "-c", stage0()]
        pipe = subprocess.PIPE
        with subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True
        ) as process:
            sent, received = _Exchange(process, reader).run(message.chunks())
        runs.update(reader.runs)
        reader.close()
        usage = Usage(trips=1, parts=len(message.parts), sent=sent, received=received)
        self._meter.add(self._name, usage)
        if reader.complete:
            return reader.reply()
        if reader.started:
            raise on_exchange(None, self._name)
        status = process.returncode
        refusal = Refusal(status, reader.noise, reader.ready, become=False, asked=0, password=False)
        raise on_refusal(refusal, self._name)

    def close(self) -> None:
        """Nothing is open between requests."""


class _Exchange:
    """Writes to a process and reads from it until it ends, without a deadlock."""

    def __init__(self, process: subprocess.Popen[bytes], reader: ReplyReader) -> None:
        self._process = process
        self._reader = reader
        self._selector = selectors.DefaultSelector()
        self._pending = memoryview(b"")
        self._sent = 0
        self._received = 0

    def run(self, chunks: Iterator[memoryview]) -> tuple[int, int]:
        stdin, stdout, stderr = self._process.stdin, self._process.stdout, self._process.stderr
        if stdin is None or stdout is None or stderr is None:  # for mypy: all three are pipes
            return 0, 0
        os.set_blocking(stdin.fileno(), False)
        with self._selector as selector:
            selector.register(stdin, selectors.EVENT_WRITE, None)
            selector.register(stdout, selectors.EVENT_READ, self._reader.feed_stdout)
            selector.register(stderr, selectors.EVENT_READ, self._reader.feed_stderr)
            while selector.get_map() and not self._reader.done:
                for key, _ in selector.select():
                    if key.data is None:
                        self._write(stdin, chunks)
                    else:
                        self._read(key)
        return self._sent, self._received

    def _read(self, key: selectors.SelectorKey) -> None:
        data = os.read(key.fd, 65536)
        self._received += len(data)
        if data:
            key.data(data)
        else:
            self._selector.unregister(key.fd)

    def _write(self, stdin: IO[bytes], chunks: Iterator[memoryview]) -> None:
        if not self._pending:
            self._pending = next(chunks, memoryview(b""))
        try:
            count = os.write(stdin.fileno(), self._pending) if self._pending else 0
        except BrokenPipeError:  # it ended early; its output has the reason
            self._pending = memoryview(b"")
            count = 0
        self._sent += count
        self._pending = self._pending[count:]
        if not count:
            self._selector.unregister(stdin)
            with suppress(BrokenPipeError):
                stdin.close()
