"""A kbootstrap process that stands still at every event until it is let go."""

import json
import os
import queue
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from typing import IO, Any

from tests.e2e.prefork import Forked
from tests.faults.operator import GATE

Event = dict[str, Any]
END: Event = {}  # the process has ended and reported everything


class Held:
    """One run of kbootstrap, watched event by event."""

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str]) -> None:
        reading, self._gate = os.pipe()
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the run
        self.process = Forked(
            argv,
            {**environment, GATE: str(reading)},
            stderr=self._said,
            pass_fds=(reading,),
        )
        os.close(reading)
        self.started = time.monotonic()
        self.events: list[Event] = []
        self.stderr = ""  # once it has ended
        self._lines: queue.Queue[Event] = queue.Queue()
        assert self.process.stdout is not None
        threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True).start()

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            if line.startswith("{"):
                self._lines.put(json.loads(line))
        self._lines.put(END)

    def next(self, seconds: float) -> Event | None:
        """The event the process stands at; `END` after its last; None if none came in time."""
        try:
            event = self._lines.get(timeout=max(seconds, 0))
        except queue.Empty:
            return None
        if event is not END:
            self.events.append(event)
        return event

    def go(self) -> None:
        """Let it continue from an event."""
        try:
            os.write(self._gate, b".")
        except BrokenPipeError:
            return

    def finish(self) -> int:
        """Its exit status, once it has ended; a process that will not end is killed."""
        os.close(self._gate)
        try:
            status = self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._said.seek(0)
        self.stderr = self._said.read()
        self._said.close()
        return status

    @property
    def errors(self) -> list[Event]:
        """What it reported as errors."""
        return [event for event in self.events if event["event"] == "error"]
