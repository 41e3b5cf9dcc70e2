"""Running one command and weighing it: time, CPU on both sides, bytes, memory."""

import os
import re
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench import fleet
from bench.cgroup import Group
from tests.lab.shell import wait_until

CLIENT = Group("kbootstrap-bench-client")
ENTER = 'n=$1; shift; while [ "$n" -gt 0 ]; do echo $$ >"$1"; shift; n=$((n - 1)); done; exec "$@"'
SETTLE = 300  # seconds at most until hosts have done with a command that was stopped


@dataclass(frozen=True)
class Sample:
    """One run of one command.

    Attributes:
        client: CPU seconds of the command and all it started.
        server: CPU seconds of all hosts together.
        moved: bytes over the wire, headers included.
        memory: MB at the most, all its processes together, pages of files that it was the
            first to read and the kernel's own for it included.
        resident: MB, the most that the command's own process had in memory (RSS).
        load: the computer's load average at the start.
        cut: it was stopped, and would have taken longer; all figures are "more than".

    """

    wall: float
    client: float
    server: float
    moved: int
    memory: float
    resident: float
    load: float
    status: int
    cut: bool

    def data(self) -> dict[str, Any]:
        """For the JSON file."""
        return asdict(self)


def measure(
    words: Sequence[str],
    log: Path,
    machines: "fleet.Fleet",
    env: Mapping[str, str],
    longest: float,
) -> Sample:
    """Run it with its output in ``log``, ``longest`` seconds at most; what it leaves is ended."""
    CLIENT.make()
    CLIENT.forget_peak()
    client, server = CLIENT.cpu(), fleet.GROUP.cpu()
    moved = machines.wire_bytes()
    busy = len(fleet.GROUP.pids())
    load = os.getloadavg()[0]
    doors = [str(door) for door in CLIENT.doors]
    with log.open("ab") as out:
        start = time.monotonic()
        process = subprocess.Popen(
            ["sh", "-c", ENTER, "sh", str(len(doors)), *doors, *words],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env={k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | dict(env),
        )
        guard = threading.Timer(longest, CLIENT.kill)
        guard.start()
        with _watching(process.pid) as seen:
            _, status = os.waitpid(process.pid, 0)
            wall = time.monotonic() - start
        guard.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    used = CLIENT.cpu() - client
    resident = max(seen, default=0.0)
    CLIENT.kill()
    sample = Sample(
        wall=wall,
        client=used,
        server=fleet.GROUP.cpu() - server,
        moved=machines.wire_bytes() - moved,
        memory=CLIENT.peak() or resident,
        resident=resident,
        load=load,
        status=process.returncode,
        cut=wall >= longest,
    )
    if sample.cut:
        wait_until(
            "the hosts end what was stopped",
            lambda: len(fleet.GROUP.pids()) <= busy,
            timeout=SETTLE,
        )
    return sample


@contextmanager
def _watching(pid: int) -> Iterator[list[float]]:
    """Its largest RSS so far in MB, ten times a second.

    What `wait4` says begins with ours, which a child has until it becomes another binary.
    """
    seen: list[float] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.1):
            with suppress(OSError):
                found = re.findall(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
                seen.extend(int(kib) * 1024 / 1e6 for kib in found)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        ended.set()
        watcher.join()
