"""Samples the argv of the processes of a lab and of this test, every 10 ms."""

import os
import re
import threading
import time
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.e2e.secrets import KEY, PEM, TOKEN
from tests.lab import Lab

EVERY = 0.01  # seconds
# The digest and hash arguments our own fragments pass are public, and so are ids of containers.
PUBLIC = re.compile(r"kb_put|stat -c|sha256:|containerd-shim|runc |--id |crictl .*exec ")


class ArgvSampler:
    """As a context manager; `lines` are the distinct command lines seen.

    The processes of other labs, and of the tests that run beside this one, are not looked at.
    """

    def __init__(self, lab: Lab) -> None:
        self.lines: set[str] = set()
        self._roots = {os.getpid(), *(node.pid for node in lab.nodes)}
        self.samples = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        known: dict[str, float] = {}
        while not self._stop.is_set():
            start = time.monotonic()
            for path in Path("/proc").iterdir():
                if path.name.isdigit():
                    self._look(path, known)
            self.samples += 1
            self._stop.wait(max(0.0, EVERY - (time.monotonic() - start)))

    def _look(self, path: Path, known: dict[str, float]) -> None:
        """Read a process once per binary it runs: its argv changes only with exec."""
        try:
            identity = (path / "exe").stat().st_ino + path.stat().st_ctime
            if known.get(path.name) == identity:
                return
            words = (path / "cmdline").read_bytes()
            ours = self._ours(int(path.name))
        except OSError:  # it has ended
            return
        known[path.name] = identity
        if ours:
            self.lines.add(words.replace(b"\0", b" ").decode(errors="replace"))

    def _ours(self, pid: int) -> bool:
        """Whether this test or a node of its lab is the process or started it."""
        while pid > 1:
            if pid in self._roots:
                return True
            stat = Path(f"/proc/{pid}/stat").read_text()
            pid = int(stat.rpartition(")")[2].split()[1])
        return False

    def secrets(self, values: Collection[str] = ()) -> list[str]:
        """Command lines with a token, a certificate key, a private key or one of ``values``."""
        return [
            line
            for line in self.lines
            if TOKEN.search(line)
            or PEM in line
            or (KEY.search(line) and not PUBLIC.search(line))
            or any(value in line for value in values)
        ]
