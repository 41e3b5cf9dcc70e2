"""A full disk on the workstation: reported as what it is, never a bug, and no half-written file."""

import errno
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from kbootstrap import cli
from kbootstrap.artifacts.checksums import sha256_of
from kbootstrap.atomic_file import write_private
from kbootstrap.console.screens import PlainScreen
from kbootstrap.engine.events import Event
from kbootstrap.errors import ExitCode
from kbootstrap.options import RunOptions
from kbootstrap.run.report import Report

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class FullFile:
    """A log on a disk with no room left."""

    name = "/var/log/run.log"

    def write(self, text: str) -> int:
        del text
        raise FULL

    def flush(self) -> None:
        raise FULL

    def close(self) -> None:
        raise FULL


def test_a_log_that_cannot_be_written_is_reported_once_and_the_run_continues(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    report = Report(RunOptions(inventory=Path("inventory.yaml")), PlainScreen(0))
    monkeypatch.setattr(report, "_log", FullFile())

    report.bus(Event(kind="note", text="one"))
    report.bus(Event(kind="note", text="two"))
    report.close(0)

    assert capsys.readouterr().out.splitlines() == [
        "/var/log/run.log is no longer written: no space left on device",
        "one",
        "two",
    ]


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing reaches the disk."""

    def fsync(handle: int) -> None:
        del handle
        raise FULL

    monkeypatch.setattr(os, "fsync", fsync)


@pytest.mark.usefixtures("full")
def test_a_kubeconfig_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "demo.kubeconfig"
    target.write_text("the old one")

    with pytest.raises(OSError, match="No space left"):
        write_private(target, "the new one")

    assert [path.name for path in tmp_path.iterdir()] == ["demo.kubeconfig"]
    assert target.read_text() == "the old one"


@pytest.mark.usefixtures("full")
def test_sums_that_cannot_be_stored_are_computed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    program = tmp_path / "kubeadm"
    program.write_text("x")

    assert sha256_of(program) == sha256_of(program)
    assert list((tmp_path / "kbootstrap").iterdir()) == []


def test_no_space_left_is_no_bug(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def verb(*words: Any) -> ExitCode:
        del words
        raise FULL

    monkeypatch.setattr("kbootstrap.commands.validate.validate", verb)

    status = cli.dispatch(RunOptions(verb="validate"))

    assert status == ExitCode.USAGE
    assert "KB195" in capsys.readouterr().err


def test_sigterm_ends_as_ctrl_c_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(signal.SIGTERM)

    def verb(*words: Any) -> ExitCode:
        del words
        os.kill(os.getpid(), signal.SIGTERM)
        return ExitCode.DONE

    monkeypatch.setattr("kbootstrap.commands.validate.validate", verb)

    assert cli.main(["validate"]) == ExitCode.INTERRUPTED
    assert "run the same command again" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) is before
