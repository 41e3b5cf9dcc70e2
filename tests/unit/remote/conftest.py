"""This host as a node: the driver under each shell we promise to work with."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from kbootstrap.remote.local import LocalConnection
from kbootstrap.remote.protocol import Blob, Part, PartResult

SHELLS = {
    "dash": ("dash",),
    "bash": ("bash", "--posix"),
    "busybox": ("busybox", "sh"),
    "busybox-tools": ("busybox", "sh"),  # and its dd, stat, cp, ... instead of GNU's
    "uutils": ("dash",),  # and the coreutils of Ubuntu from 25.10 on, written in Rust
}
UUTILS = Path(tempfile.gettempdir()) / "kbootstrap-tests-uutils"  # unpacked once


@dataclass
class Machine:
    """A local shell with a state directory of its own."""

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
    """A directory of links to every applet, first in PATH."""
    folder.mkdir()
    subprocess.run(["busybox", "--install", "-s", str(folder)], check=True)
    return f"PATH={folder}:$PATH\n"


@cache
def _uutils_folder() -> Path | None:
    """Debian's rust-coreutils, unpacked; None where apt-get cannot download it.

    Without two that were wrong in 0.0.17: its dd reads more of a pipe than it copies, and its
    timeout ends with 125 instead of 124.
    """
    folder = UUTILS / "usr/lib/cargo/bin/coreutils"
    if not folder.is_dir():
        with tempfile.TemporaryDirectory() as name:
            script = "apt-get -q download rust-coreutils && dpkg-deb -x *.deb unpacked"
            done = subprocess.run(["sh", "-c", script], cwd=name, capture_output=True, check=False)
            if done.returncode != 0:
                return None
            for wrong in ("dd", "timeout"):
                (Path(name) / "unpacked/usr/lib/cargo/bin/coreutils" / wrong).unlink()
            with suppress(OSError):  # another test process was faster
                shutil.copytree(Path(name) / "unpacked", UUTILS, symlinks=True)
    return folder


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    name = str(request.param)
    if shutil.which(SHELLS[name][0]) is None:
        pytest.skip(f"{SHELLS[name][0]} is not installed")
    if name == "uutils" and _uutils_folder() is None:
        pytest.skip("apt-get cannot download rust-coreutils")
    return name


@pytest.fixture
def machine(shell: str, tmp_path: Path) -> Machine:
    state, prefix = tmp_path / "state", ""
    if shell == "busybox-tools":
        prefix = _busybox_folder(tmp_path / "bin")
    elif shell == "uutils":
        prefix = f"PATH={_uutils_folder()}:$PATH\n"
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
