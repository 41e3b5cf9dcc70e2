"""Running one command and weighing it: time, CPU on both sides, bytes, memory."""

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench import fleet
from bench.cgroup import Group

CLIENT = Group("kbootstrap-bench-client")
ENTER = 'n=$1; shift; while [ "$n" -gt 0 ]; do echo $$ >"$1"; shift; n=$((n - 1)); done; exec "$@"'
LONGEST = 3600


@dataclass(frozen=True)
class Sample:
    """One run of one command.

    Attributes:
        client: CPU seconds of the command and all it started.
        server: CPU seconds of all hosts together.
        moved: bytes over the wire, headers included.
        memory: MB at the most, all its processes together.
        load: the machine's load average when it began.

    """

    wall: float
    client: float
    server: float
    moved: int
    memory: float
    load: float
    status: int

    def data(self) -> dict[str, Any]:
        """For the JSON file."""
        return asdict(self)


def measure(
    words: Sequence[str], log: Path, machines: "fleet.Fleet | None", env: Mapping[str, str]
) -> Sample:
    """Run it with its output in ``log``; whatever it leaves running is ended."""
    CLIENT.make()
    CLIENT.forget_peak()
    client, server = CLIENT.cpu(), fleet.GROUP.cpu() if machines else 0.0
    moved = machines.wire_bytes() if machines else 0
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
        guard = threading.Timer(LONGEST, CLIENT.kill)
        guard.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
        guard.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    used = CLIENT.cpu() - client
    CLIENT.kill()
    return Sample(
        wall=wall,
        client=used,
        server=fleet.GROUP.cpu() - server if machines else 0.0,
        moved=machines.wire_bytes() - moved if machines else 0,
        memory=CLIENT.peak() or usage.ru_maxrss / 1e3,
        load=load,
        status=process.returncode,
    )
