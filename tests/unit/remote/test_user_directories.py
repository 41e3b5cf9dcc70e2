"""Root writes only where no other user can change the path: planted links, races, removed files."""

import os
import shlex
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kbootstrap.action import FetchBinary, PutFile, write_commands
from tests.unit.remote.conftest import Machine
from tests.unit.remote.test_put import owner, put

NOBODY = 65534
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="NOT RUN: only root can chown")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The directory of a user of the node."""
    made = tmp_path / "home" / "mallory"
    made.mkdir(parents=True)
    os.chown(made, NOBODY, NOBODY)
    return made


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A directory of root's, as /etc/profile.d."""
    made = tmp_path / "profile.d"
    made.mkdir()
    (made / "env.sh").write_text("root's\n")
    return made


def write(path: Path, text: str = "hello\n") -> str:
    return write_commands([PutFile(why="", path=str(path), body=text, owner=owner())])


WRITERS: dict[str, Callable[[Path], tuple[str, tuple[bytes, ...]]]] = {
    "small": lambda path: (write(path), ()),
    "large": lambda path: (put(path, b"hello\n"), (b"hello\n",)),
    "lines": lambda path: (shlex.join(["kb_edit", str(path), "hello # kbootstrap"]), ()),
}
each_writer = pytest.mark.parametrize("writer", WRITERS)


def refused(machine: Machine, writer: str, path: Path, says: str) -> None:
    script, blobs = WRITERS[writer](path)
    result = machine.step(script, *blobs)
    assert result.rc != 0
    assert "KB-UNSAFE " in result.output, result.output
    assert says in result.output


@each_writer
def test_a_directory_of_a_user_is_refused(machine: Machine, home: Path, writer: str) -> None:
    refused(machine, writer, home / "env.sh", f"{home}: other users")
    refused(machine, writer, home / "app" / "env.sh", f"{home}: other users")
    assert list(home.iterdir()) == []


@each_writer
def test_a_link_that_a_user_planted_is_not_followed(
    machine: Machine, home: Path, target: Path, writer: str
) -> None:
    (home / "app").symlink_to(target)

    refused(machine, writer, home / "app" / "env.sh", str(home))

    assert (target / "env.sh").read_text() == "root's\n"
    assert [path.name for path in target.iterdir()] == ["env.sh"]


@each_writer
def test_a_link_of_root_is_followed_only_past_directories_of_root(
    machine: Machine, home: Path, target: Path, tmp_path: Path, writer: str
) -> None:
    (home / "back").symlink_to(target)
    (tmp_path / "by-mallory").symlink_to(home / "back")
    (tmp_path / "by-root").symlink_to("profile.d")

    refused(machine, writer, tmp_path / "by-mallory" / "new.sh", str(home))
    script, blobs = WRITERS[writer](tmp_path / "by-root" / "new.sh")
    result = machine.step(script, *blobs)

    assert result.rc == 0, result.output
    assert (target / "new.sh").read_text().startswith("hello")


def test_nothing_is_downloaded_to_a_directory_of_a_user(
    machine: Machine, home: Path, target: Path
) -> None:
    """The temporary name of the download would be followed as well."""
    (home / ".kb.kubeadm").symlink_to(target / "env.sh")
    url, path = "https://127.0.0.1:1/kubeadm", str(home / "kubeadm")

    result = machine.step(FetchBinary(why="", path=path, url=url, sha256="0" * 64).script())

    assert result.rc != 0
    assert f"KB-UNSAFE {home}: other users" in result.output
    assert (home / ".kb.kubeadm").is_symlink()
    assert (target / "env.sh").read_text() == "root's\n"


@each_writer
@pytest.mark.parametrize("mode", [0o775, 0o757, 0o1777])
def test_a_directory_that_others_can_write_to_is_refused(
    machine: Machine, target: Path, writer: str, mode: int
) -> None:
    target.chmod(mode)
    refused(machine, writer, target / "new.sh", str(target))
    refused(machine, writer, target / "new" / "new.sh", str(target))
    assert [path.name for path in target.iterdir()] == ["env.sh"]


@each_writer
def test_links_that_lead_in_a_circle_are_refused(
    machine: Machine, tmp_path: Path, writer: str
) -> None:
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    refused(machine, writer, tmp_path / "one" / "new.sh", "more than 8 links")


def test_the_path_is_checked_again_before_the_file_is_moved(
    machine: Machine, target: Path, tmp_path: Path
) -> None:
    """The directory is another user's when the bytes have been written."""
    for writer in ("small", "large"):
        script, blobs = WRITERS[writer](target / "new.sh")
        swap = f'sync() {{ chown {NOBODY} {target}; command sync "$@"; }}\n'
        result = machine.step(swap + script, *blobs)
        assert result.rc != 0
        assert "KB-UNSAFE " in result.output
        assert not (target / "new.sh").exists()
        os.chown(target, 0, 0)
    assert (tmp_path / "profile.d" / "env.sh").read_text() == "root's\n"


def test_a_race_for_the_temporary_name_has_nothing_to_win(
    machine: Machine, home: Path, target: Path
) -> None:
    """A user renames what is staged and puts a link in its place, at each chance."""
    shadow, ended = target / "env.sh", threading.Event()

    def race() -> None:
        while not ended.is_set():
            for staged in home.glob(".kb.*"):
                try:
                    staged.rename(home / "aside")
                    staged.symlink_to(shadow)
                except OSError:
                    continue
            time.sleep(0)

    racer = threading.Thread(target=race)
    racer.start()
    try:
        for writer in WRITERS:
            refused(machine, writer, home / "env.sh", str(home))
    finally:
        ended.set()
        racer.join()
    assert shadow.read_text() == "root's\n"
    assert shadow.stat().st_uid == 0
    assert list(home.iterdir()) == []


def test_nothing_is_removed_or_put_back_where_a_user_planted_a_link(
    machine: Machine, tmp_path: Path, target: Path, home: Path
) -> None:
    """The directory was root's when the file was written."""
    app = tmp_path / "app"
    app.mkdir()
    (app / "env.sh").write_text("before\n")
    assert machine.step(write(app / "env.sh") + "\n").rc == 0
    assert machine.step(write(app / "other.sh") + "\n").rc == 0
    shutil.rmtree(app)
    (target / "other.sh").write_text("root's\n")
    (home / "link").symlink_to(target)
    app.symlink_to(home / "link")

    result = machine.step("kb_undo_ledger")

    assert f"retained {app}/env.sh" in result.output
    assert f"retained {app}/other.sh" in result.output
    assert {path.name: path.read_text() for path in target.iterdir()} == {
        "env.sh": "root's\n",
        "other.sh": "root's\n",
    }


@pytest.mark.parametrize("mode", [0o755, 0o2755])
def test_a_file_is_root_s_also_where_the_directory_gives_its_group(
    machine: Machine, target: Path, mode: int
) -> None:
    os.chown(target, 0, NOBODY)
    target.chmod(mode)
    for name in ("small", "large"):
        script, blobs = WRITERS[name](target / name)
        assert machine.step(script, *blobs).rc == 0
        stat = (target / name).stat()
        assert (stat.st_uid, stat.st_gid) == (0, 0)
