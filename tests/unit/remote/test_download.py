"""Files that come down: whole and at their place, or not there at all."""

import hashlib
from pathlib import Path

import pytest

from kbootstrap.action import FetchFile
from kbootstrap.remote.download import Download
from kbootstrap.remote.protocol import Part, PartResult
from tests.unit.remote.conftest import Machine

DATA = bytes(range(256)) * 8192 + b"\x1eKB1 and so on\n\0"


def kept(folder: Path, data: bytes = DATA) -> Path:
    """A file there, with its sum beside it."""
    path = folder / "kept.db"
    path.write_bytes(data)
    path.with_name("kept.db.sha256").write_text(hashlib.sha256(data).hexdigest() + "\n")
    return path


def fetch(machine: Machine, path: Path, into: Path) -> PartResult:
    action = FetchFile(why="x", path=str(path), into=str(into))
    parts = [
        Part("before", "echo before"),
        Part("p", machine.prefix + action.script(), into=into),
        Part("after", "echo after"),
    ]
    reply = machine.connection.perform(parts, run_id="run1")
    assert reply.output("before") == "before\n"
    assert reply.part("after").skipped or reply.output("after") == "after\n"
    return reply.part("p")


def test_any_bytes_come_down(machine: Machine, tmp_path: Path) -> None:
    into = tmp_path / "here"
    result = fetch(machine, kept(tmp_path), into)
    assert (result.rc, result.output) == (0, "")
    assert into.read_bytes() == DATA
    assert into.stat().st_mode & 0o777 == 0o600


def test_one_that_changed_does_not_stay(machine: Machine, tmp_path: Path) -> None:
    path, into = kept(tmp_path), tmp_path / "here"
    path.write_bytes(DATA[1:])
    result = fetch(machine, path, into)
    assert result.rc == 1
    assert result.output.startswith(f"KB-CHECKSUM {into} was received with sha256 ")
    assert not into.exists()


def test_one_that_is_gone_is_reported(machine: Machine, tmp_path: Path) -> None:
    into = tmp_path / "here"
    result = fetch(machine, tmp_path / "none", into)
    assert result.rc != 0
    assert "none.sha256" in result.output
    assert not into.exists()


def test_a_directory_that_is_not_there(machine: Machine, tmp_path: Path) -> None:
    into = tmp_path / "no" / "here"
    result = fetch(machine, kept(tmp_path), into)
    assert (result.rc, result.output) == (
        1,
        f"KB-HERE cannot write {into}: No such file or directory",
    )


@pytest.mark.parametrize("size", [0, 1, 40, 65, 100])
def test_what_was_cut_off_is_removed(size: int, tmp_path: Path) -> None:
    into = tmp_path / "here"
    download = Download(into)
    download.feed((hashlib.sha256(DATA).hexdigest() + "\n").encode()[:size] + DATA[: size - 65])
    download.close()
    assert download.problem == "the connection broke"
    assert not into.exists()


@pytest.mark.parametrize("chunk", [1, 7, 64, 65, 66, 4096])
def test_any_chunks_will_do(chunk: int, tmp_path: Path) -> None:
    data = b"some bytes" * 20
    sent = (hashlib.sha256(data).hexdigest() + "\n").encode() + data
    download = Download(tmp_path / "here")
    for start in range(0, len(sent), chunk):
        download.feed(sent[start : start + chunk])
    download.end()
    download.close()
    assert download.problem == ""
    assert (tmp_path / "here").read_bytes() == data
