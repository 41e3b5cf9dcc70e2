"""The runtime's version: asked once, and again when its binary is another one."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kbootstrap.render import render
from tests.unit.remote.conftest import Machine

SYSTEMCTL = """systemctl() {
  case "$*" in
  *ActiveState*) printf '%s\\n' ActiveState=active UnitFileState=enabled MainPID=PID ;;
  *) echo MainPID=PID ;;
  esac
}
"""
PROGRAM = """#!/bin/sh
echo asked >>{asked}
echo containerd example.org/containerd v{version} 1234
"""


class Runtime:
    """A binary, its socket and its configuration below one directory."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        self.machine = machine
        self.record = Path(machine.connection.state) / "runtime"
        self.record.parent.mkdir(parents=True, exist_ok=True)
        self.asked, self.config = folder / "asked", folder / "config.toml"
        self.program, self.socket = folder / "containerd", folder / "socket"
        self.config.write_text("version = 2\n")
        self.outdated = self.record.with_name("runtime-outdated")
        self.pid = os.getpid()  # of the daemon

    def install(self, version: str) -> None:
        self.program.unlink(missing_ok=True)
        self.program.write_text(PROGRAM.format(asked=self.asked, version=version))
        self.program.chmod(0o755)

    def wait(self) -> None:
        """What a step does once the runtime was restarted."""
        result = self.machine.step(self._render("wait"))
        assert result.rc == 0, result.output

    def about_to_change(self) -> None:
        """What a step does before it writes a file that the daemon reads when it starts."""
        result = self.machine.step(self._systemctl + self._render("outdated"))
        assert result.rc == 0, result.output

    def look(self) -> list[str]:
        """The probe's facts, without those of files."""
        facts = self.machine.probe(self._systemctl + self._render("probe"))
        return [line for line in facts.splitlines() if not line.startswith("file=")]

    @property
    def _systemctl(self) -> str:
        return SYSTEMCTL.replace("PID ", f"{self.pid} ").replace("=PID", f"={self.pid}")

    @property
    def times_asked(self) -> int:
        return len(self.asked.read_text().splitlines()) if self.asked.exists() else 0

    def _render(self, name: str) -> str:
        return render(
            f"runtime/{name}.sh.j2",
            binary=str(self.program),
            record=str(self.record),
            unit="containerd.service",
            socket=str(self.socket),
            paths=[str(self.config)],
            mirrors="",
            ours="",
            outdated=str(self.outdated),
            run="runtime-settings",
            kept=str(self.record.with_name("runtime-settings")),
            kubelet=str(self.record.with_name("config.yaml")),
        )


@pytest.fixture
def runtime(machine: Machine, tmp_path: Path) -> Iterator[Runtime]:
    runtime = Runtime(machine, tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(runtime.socket))
        listener.listen()
        yield runtime


GOOD = ["active=1", "enabled=1", "answers=1"]


def test_nothing_is_recorded_and_it_is_asked_each_time(runtime: Runtime) -> None:
    runtime.install("1.7.20")
    assert runtime.look() == runtime.look() == ["version=v1.7.20", *GOOD]
    assert runtime.times_asked == 2


def test_once_recorded_only_another_binary_is_asked(runtime: Runtime) -> None:
    runtime.install("1.7.20")
    runtime.wait()
    assert runtime.look() == ["version=v1.7.20", *GOOD]
    assert runtime.times_asked == 1

    runtime.install("2.0.1")
    assert runtime.look() == ["version=v2.0.1", *GOOD]
    assert runtime.times_asked == 2


def test_a_binary_that_is_gone_has_no_version(runtime: Runtime) -> None:
    runtime.install("1.7.20")
    runtime.wait()
    runtime.program.unlink()
    assert runtime.look() == GOOD


def test_the_process_that_ran_before_the_change_is_stale_until_it_is_gone(
    runtime: Runtime,
) -> None:
    """Whoever restarts it: a run that was cut short, an administrator, a package, a reboot."""
    runtime.install("1.7.20")
    runtime.about_to_change()
    assert runtime.look()[-2:] == ["stale=1", "answers=1"]

    with subprocess.Popen(["sleep", "60"]) as another:
        runtime.pid = another.pid
        assert runtime.look() == ["version=v1.7.20", *GOOD]
        another.kill()


def test_a_process_of_another_boot_with_the_same_number_is_not_the_one(runtime: Runtime) -> None:
    runtime.install("1.7.20")
    runtime.about_to_change()
    boot, rest = runtime.outdated.read_text().split(".", 1)
    runtime.outdated.write_text(f"{boot[::-1]}.{rest}")
    assert "stale=1" not in runtime.look()


def test_a_daemon_that_did_not_run_is_not_stale_once_it_does(runtime: Runtime) -> None:
    runtime.install("1.7.20")
    daemon, runtime.pid = runtime.pid, 0
    runtime.about_to_change()
    assert "stale=1" not in runtime.look()
    runtime.pid = daemon
    assert "stale=1" not in runtime.look()


def test_no_clock_makes_it_stale(runtime: Runtime) -> None:
    """A suspend and a step made them disagree: the file seems younger than the process."""
    runtime.install("1.7.20")
    later = time.time() + 3600
    os.utime(runtime.config, (later, later))
    assert runtime.look() == ["version=v1.7.20", *GOOD]
