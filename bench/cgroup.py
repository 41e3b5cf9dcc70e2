"""CPU and memory of a tree of processes, whatever it forks: control groups, v1 or v2."""

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Group:
    """One control group; in v1 the same name below ``cpuacct`` and ``memory``."""

    name: str

    @property
    def _folders(self) -> list[Path]:
        v1 = [ROOT / kind / self.name for kind in ("cpuacct", "memory") if (ROOT / kind).is_dir()]
        return v1 or [ROOT / self.name]

    @property
    def doors(self) -> list[Path]:
        """The files that take a process id."""
        return [folder / "cgroup.procs" for folder in self._folders]

    def make(self) -> None:
        """Create it, if need be."""
        for folder in self._folders:
            folder.mkdir(exist_ok=True)

    def enter(self) -> None:
        """Move this process, and what it will start, into the group."""
        for door in self.doors:
            door.write_text(str(os.getpid()))

    def cpu(self) -> float:
        """Seconds of CPU used so far by all that ever was in it."""
        folder = self._folders[0]
        if (folder / "cpuacct.usage").exists():
            return int((folder / "cpuacct.usage").read_text()) / 1e9
        line = (folder / "cpu.stat").read_text().split()
        return int(line[line.index("usage_usec") + 1]) / 1e6

    def forget_peak(self) -> None:
        """Reset the memory's high-water mark, if the kernel supports it."""
        with contextlib.suppress(OSError):
            (self._folders[-1] / "memory.max_usage_in_bytes").write_text("0")

    def peak(self) -> float:
        """The most memory in use at one time, MB; 0 if the kernel does not say."""
        for name in ("memory.max_usage_in_bytes", "memory.peak"):
            with contextlib.suppress(OSError):
                return int((self._folders[-1] / name).read_text()) / 1e6
        return 0.0

    def pids(self) -> list[int]:
        """Who is in it now."""
        return [int(word) for word in self.doors[0].read_text().split()]

    def kill(self) -> None:
        """End everything in it, such as the masters of SSH connections."""
        while pids := self.pids():
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)


def leave() -> None:
    """Move this process back to the top group."""
    for door in (ROOT / "cpuacct", ROOT / "memory", ROOT):
        with contextlib.suppress(OSError):
            (door / "cgroup.procs").write_text(str(os.getpid()))
