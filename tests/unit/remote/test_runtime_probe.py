"""The runtime's version: asked once, and again when its program is another one."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from kbootstrap.render import render
from tests.unit.remote.conftest import Machine

SYSTEMCTL = """systemctl() {
  printf '%s\\n' ActiveState=active UnitFileState=enabled ExecMainStartTimestampMonotonic=STARTED
}
"""
PROGRAM = """#!/bin/sh
echo asked >>{asked}
echo containerd example.org/containerd v{version} 1234
"""
LONG_AFTER, LONG_BEFORE = "99999999999999", "1"


class Runtime:
    """A program, its socket and its configuration below one folder."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        self.machine = machine
        self.record = Path(machine.connection.state) / "runtime"
        self.record.parent.mkdir(parents=True, exist_ok=True)
        self.asked, self.config = folder / "asked", folder / "config.toml"
        self.program, self.socket = folder / "containerd", folder / "socket"
        self.config.write_text("version = 2\n")

    def install(self, version: str) -> None:
        self.program.unlink(missing_ok=True)
        self.program.write_text(PROGRAM.format(asked=self.asked, version=version))
        self.program.chmod(0o755)

    def wait(self) -> None:
        """What a step does once the runtime was restarted."""
        result = self.machine.step(self._render("wait"))
        assert result.rc == 0, result.output

    def look(self, started: str = LONG_AFTER) -> list[str]:
        """The probe's facts, without those of files."""
        functions = SYSTEMCTL.replace("STARTED", started)
        facts = self.machine.probe(functions + self._render("probe"))
        return [line for line in facts.splitlines() if not line.startswith("file=")]

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
            daemon_paths=[str(self.config), f"{self.config}.missing"],
        )


@pytest.fixture(params=["dash", "bash"])  # a node with systemd has GNU's date
def shell(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def runtime(machine: Machine, tmp_path: Path) -> Iterator[Runtime]:
    runtime = Runtime(machine, tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(runtime.socket))
        listener.listen()
        yield runtime


GOOD = ["active=1", "enabled=1", "answers=1"]


def test_nothing_is_noted_and_it_is_asked_each_time(runtime: Runtime) -> None:
    runtime.install("1.7.20")
    assert runtime.look() == runtime.look() == ["version=v1.7.20", *GOOD]
    assert runtime.times_asked == 2


def test_once_noted_only_another_program_is_asked(runtime: Runtime) -> None:
    runtime.install("1.7.20")
    runtime.wait()
    assert runtime.look() == ["version=v1.7.20", *GOOD]
    assert runtime.times_asked == 1

    runtime.install("2.0.1")
    assert runtime.look() == ["version=v2.0.1", *GOOD]
    assert runtime.times_asked == 2


def test_a_program_that_is_gone_has_no_version(runtime: Runtime) -> None:
    runtime.install("1.7.20")
    runtime.wait()
    runtime.program.unlink()
    assert runtime.look() == GOOD


def test_a_configuration_younger_than_the_process_is_stale(runtime: Runtime) -> None:
    runtime.install("1.7.20")
    assert "stale=1" in runtime.look(started=LONG_BEFORE)
