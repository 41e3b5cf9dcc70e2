"""The trial of a runtime's new configuration, with commands that answer as a test wants."""

import subprocess
from pathlib import Path

import pytest

from kbootstrap.render import render

READY = '{"status": {"conditions": [{"status": true, "type": "RuntimeReady"}]}}'
CRICTL = """#!/bin/sh
case "$*" in
*info*) echo '{ready}' ;;
*inspecti*) exit 1 ;;
*pull*) {pull} ;;
esac
"""


class Trial:
    """A runtime whose file has changed, and the copy of the old one."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.kept = folder, folder / "kept"
        self.file, self.binaries = folder / "config.toml", folder / "bin"
        self.kept.mkdir()
        self.binaries.mkdir()
        self.file.write_text("new\n")
        (self.kept / "copy").write_text("old\n")
        (self.kept / "paths").write_text(f"copy {self.file}\n")
        for name in ("systemctl", "journalctl"):
            self.command(name, "#!/bin/sh\n")

    def command(self, name: str, text: str) -> None:
        path = self.binaries / name
        path.write_text(text)
        path.chmod(0o755)

    def run(self, pull: str) -> subprocess.CompletedProcess[str]:
        self.command("crictl", CRICTL.format(ready=READY, pull=pull))
        script = render(
            "runtime/settings.sh.j2",
            kept=str(self.kept),
            unit="containerd.service",
            socket="unix:///run/c.sock",
            pause="r.example/pause:1",
            pull_seconds=1,
        )
        return subprocess.run(
            ["sh", "-eu", "-c", script],
            env={"PATH": f"{self.binaries}:/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
            timeout=45,
        )


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    return Trial(tmp_path)


def test_a_registry_that_does_not_answer_is_not_waited_for(trial: Trial) -> None:
    """Otherwise the deadline of the whole trial ends it, with the new file in its place."""
    ended = trial.run("sleep 60")

    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "cannot be pulled: r.example/pause:1" in ended.stdout
    assert "the old configuration is back, and containerd.service works with it" in ended.stdout
    assert trial.file.read_text() == "old\n"
    assert not trial.kept.exists()


def test_what_an_interrupted_way_back_left_is_removed(trial: Trial) -> None:
    """CRI-O reads every file in its directory."""
    beside = Path(f"{trial.file}.kb")
    beside.write_text("half")

    ended = trial.run("exit 0")

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert trial.file.read_text() == "new\n"
    assert not beside.exists()
    assert not trial.kept.exists()
