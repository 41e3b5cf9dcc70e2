"""A machine that is this one: the driver under each shell we promise to work with."""

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from kbootstrap.remote.local import LocalConnection
from kbootstrap.remote.wire import Blob, Part, PartResult

SHELLS = {
    "dash": ("dash",),
    "bash": ("bash", "--posix"),
    "busybox": ("busybox", "sh"),
    "busybox-tools": ("busybox", "sh"),  # and its dd, stat, cp, ... instead of GNU's
}


@dataclass
class Machine:
    """A local shell with a state folder of its own."""

    connection: LocalConnection
    state: Path
    prefix: str

    def step(self, script: str, *blobs: bytes, run_id: str = "run1") -> PartResult:
        """Run one step."""
        parts = [Part("p", self.prefix + script, blobs=tuple(Blob(len(b), b) for b in blobs))]
        return self.connection.perform(parts, run_id=run_id).part("p")

    def probe(self, script: str) -> str:
        """The output of one probe, which must succeed."""
        result = self.connection.perform([Part("p", self.prefix + script, "probe")], run_id="run1")
        assert result.part("p").rc == 0, result.part("p").stderr
        return result.output("p")


def _busybox_folder(folder: Path) -> str:
    """A folder of links to every applet, first in PATH."""
    folder.mkdir()
    subprocess.run(["busybox", "--install", "-s", str(folder)], check=True)
    return f"PATH={folder}:$PATH\n"


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    name = str(request.param)
    if shutil.which(SHELLS[name][0]) is None:
        pytest.skip(f"{SHELLS[name][0]} is not installed")
    return name


@pytest.fixture
def machine(shell: str, tmp_path: Path) -> Machine:
    state = tmp_path / "state"
    prefix = _busybox_folder(tmp_path / "bin") if shell == "busybox-tools" else ""
    return Machine(LocalConnection(SHELLS[shell], state=state), state, prefix)


@pytest.fixture
def wait_for() -> Callable[[Callable[[], bool]], None]:
    """Wait until something holds, at most 10 s."""
    return _wait_for


def _wait_for(condition: Callable[[], bool]) -> None:
    import time  # noqa: PLC0415

    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)
