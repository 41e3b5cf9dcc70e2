"""kb_put, the ledger, and putting everything back."""

import hashlib
import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.unit.remote.conftest import Machine


def owner() -> str:
    done = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True)
    group = subprocess.run(["id", "-gn"], capture_output=True, text=True, check=True)
    return f"{done.stdout.strip()}:{group.stdout.strip()}"


def put(path: Path, data: bytes, mode: str = "0640") -> str:
    return f"kb_put {path} {mode} {owner()} {len(data)} {hashlib.sha256(data).hexdigest()}\n"


def ledger(machine: Machine) -> list[str]:
    """Its lines, without those that say what we wrote."""
    lines = (machine.state / "ledger").read_text().splitlines()
    return [line for line in lines if not line.startswith("wrote ")]


def snapshot(folder: Path) -> dict[str, tuple[int, int, int, bytes | str]]:
    """All of a tree but the times of directories, and of links, which busybox's cp forgets."""
    tree: dict[str, tuple[int, int, int, bytes | str]] = {}
    for path in sorted(folder.rglob("*")):
        stat = path.lstat()
        body: bytes | str = b""
        if path.is_symlink():
            body = str(path.readlink())
        elif path.is_file():
            body = path.read_bytes()
        time = 0 if path.is_dir() or path.is_symlink() else stat.st_mtime_ns
        tree[str(path)] = (stat.st_mode, stat.st_uid, time, body)
    return tree


def test_a_new_file_in_new_directories(machine: Machine, tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    result = machine.step(put(path, b"hello"), b"hello")
    assert result.rc == 0, result.output
    assert path.read_bytes() == b"hello"
    assert path.stat().st_mode & 0o7777 == 0o640
    assert path.parent.stat().st_mode & 0o777 == 0o755
    assert list(path.parent.iterdir()) == [path]
    assert ledger(machine) == [
        f"mkdir {tmp_path}/a",
        f"mkdir {tmp_path}/a/b",
        f"created {path}",
    ]
    assert (machine.state / "ledger").stat().st_mode & 0o777 == 0o600
    assert machine.state.stat().st_mode & 0o777 == 0o700


def test_what_is_already_so_is_left_alone(machine: Machine, tmp_path: Path) -> None:
    path = tmp_path / "file"
    machine.step(put(path, b"same"), b"same")
    os.utime(path, (1, 1))
    inode = path.stat().st_ino
    result = machine.step(put(path, b"same") + "echo next", b"same")
    assert result.output == "next\n"
    assert (path.stat().st_mtime, path.stat().st_ino) == (1, inode)


def test_content_mode_or_kind_that_differs_is_replaced(machine: Machine, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o640)
    assert machine.step(put(path, b"new"), b"new").rc == 0
    assert path.read_bytes() == b"new"
    path.chmod(0o600)
    assert machine.step(put(path, b"new"), b"new").rc == 0
    assert path.stat().st_mode & 0o777 == 0o640
    link = tmp_path / "link"
    link.symlink_to(path)
    assert machine.step(put(link, b"new"), b"new").rc == 0
    assert not link.is_symlink()
    assert ledger(machine) == [f"replaced {path}", f"replaced {link}"]


def test_megabytes_arrive(machine: Machine, tmp_path: Path) -> None:
    data = os.urandom(3 * 1024 * 1024 + 17)
    other = os.urandom(1024 * 1024)
    paths = (tmp_path / "one", tmp_path / "two")
    result = machine.step(put(paths[0], data) + put(paths[1], other), data, other)
    assert result.rc == 0, result.output
    assert paths[0].read_bytes() == data
    assert paths[1].read_bytes() == other


def test_an_empty_file(machine: Machine, tmp_path: Path) -> None:
    assert machine.step(put(tmp_path / "empty", b""), b"").rc == 0
    assert (tmp_path / "empty").read_bytes() == b""


def test_a_wrong_sum_leaves_everything_as_it_was(machine: Machine, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"before")
    result = machine.step(put(path, b"right") + "echo never", b"wrong")
    assert result.rc == 1
    assert result.output.startswith(f"kbootstrap: KB-CHECKSUM {path} was received with sha256")
    assert path.read_bytes() == b"before"
    assert not list(tmp_path.glob(".kb.*"))


@pytest.mark.parametrize("name", ["with space", "quote'd", "dollar$x", "back\\slash", "ümlaut"])
def test_odd_names(machine: Machine, tmp_path: Path, name: str) -> None:
    import shlex  # noqa: PLC0415

    path = tmp_path / name / "f"
    line = put(Path("@"), b"x").replace("@", shlex.quote(str(path)))
    assert machine.step(line, b"x").rc == 0
    assert path.read_bytes() == b"x"
    assert machine.step("kb_undo_ledger").rc == 0
    assert not path.parent.exists()


def test_directories_and_relative_paths_are_refused(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    assert machine.step(put(tmp_path / "folder", b"x"), b"x").rc == 1
    assert machine.step("kb_ledger relative").rc == 1
    assert machine.step("kb_ledger '/two\nlines'").rc == 1
    assert not (machine.state / "ledger").exists()


def test_undo_restores_the_tree(machine: Machine, tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc" / "keep").write_text("original")
    (root / "etc" / "keep").chmod(0o604)
    os.utime(root / "etc" / "keep", (1_000_000, 1_000_000))
    (root / "etc" / "link").symlink_to("keep")
    before = snapshot(root)

    for body in (b"one", b"two"):  # twice: the ledger keeps the first original
        script = (
            put(root / "etc" / "keep", body)
            + put(root / "etc" / "link", body)
            + put(root / "etc" / "new" / "deep" / "file", body)
            + f"kb_ledger {root}/etc/by-hand\necho x >{root}/etc/by-hand\n"
        )
        assert machine.step(script, body, body, body).rc == 0
    assert snapshot(root) != before

    assert machine.step("kb_undo_ledger").rc == 0
    assert snapshot(root) == before
    assert not (machine.state / "ledger").exists()
    assert not (machine.state / "original").exists()
    assert machine.step("kb_undo_ledger").rc == 0


def test_undo_keeps_directories_that_others_use(machine: Machine, tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    machine.step(put(path, b"x"), b"x")
    (tmp_path / "a" / "theirs").write_text("y")
    assert machine.step("kb_undo_ledger").rc == 0
    assert not path.parent.exists()
    assert (tmp_path / "a" / "theirs").exists()


def test_undo_can_be_done_again_after_a_failure(machine: Machine, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    machine.step(put(path, b"new"), b"new")
    original = machine.state / f"original{path}"
    moved = original.rename(original.with_suffix(".away"))
    assert machine.step("kb_undo_ledger").rc == 1
    assert (machine.state / "ledger").exists()
    moved.rename(original)
    assert machine.step("kb_undo_ledger").rc == 0
    assert path.read_text() == "old"


def test_facts(machine: Machine, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("abc")
    other = tmp_path / "other"
    other.write_text("xyz")
    text = machine.probe(f"kb_fact a 'b c'; kb_sha there {file} gone {file}x again {other}")
    assert set(text.splitlines()) == {
        "a=b c",
        f"there={hashlib.sha256(b'abc').hexdigest()}",
        "gone=",
        f"again={hashlib.sha256(b'xyz').hexdigest()}",
    }
    assert machine.probe(f"kb_sha gone {file}x") == "gone="
    assert machine.step("kb_fact a 'two\nlines'").rc == 1


def test_sockets(machine: Machine, tmp_path: Path) -> None:
    import socket  # noqa: PLC0415

    path = tmp_path / "s.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        ask = f"if kb_socket {path}; then echo yes; else echo no; fi"
        assert machine.probe(ask) == "no"
        server.listen()
        assert machine.probe(ask) == "yes"
        assert machine.probe(ask.replace("s.sock", ".sock")) == "no"
    assert machine.probe(ask) == "no"


def test_what_a_driver_that_died_left_half_written_goes(machine: Machine, tmp_path: Path) -> None:
    """A node that rebooted in the middle of a file: the next try clears up after the last."""
    folder = tmp_path / "programs"
    folder.mkdir()
    pid, start = os.getpid(), Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    dead, alive = folder / ".kb.0123abcd.4194999.7", folder / f".kb.0123abcd.{pid}.{start}"
    reused = folder / f".kb.4567cdef.{pid}.7"  # a process that started later has its pid
    other = folder / ".kb.kubelet"
    for path in (dead, alive, reused, other):
        path.write_bytes(b"half")

    assert machine.step(put(folder / "file", b"whole"), b"whole").rc == 0

    assert sorted(folder.iterdir()) == sorted([folder / "file", alive, other])


def test_undoing_clears_up_after_the_dead_too(machine: Machine, tmp_path: Path) -> None:
    folder = tmp_path / "programs"
    folder.mkdir()
    assert machine.step(put(folder / "file", b"ours"), b"ours").rc == 0
    (folder / ".kb.0123abcd.4194999.7").write_bytes(b"half")

    assert machine.step("kb_undo_ledger").rc == 0

    assert list(folder.iterdir()) == []


def test_steps_that_still_run_are_waited_for(
    machine: Machine, tmp_path: Path, wait_for: Callable[[Callable[[], bool]], None]
) -> None:
    """Those of a connection that broke: what they change is not taken for the original."""
    file, go, order = tmp_path / "file", tmp_path / "go", tmp_path / "order"
    waits = f"touch {tmp_path}/one; until [ -e {go} ]; do sleep 1; done; echo ours >{file}"
    first = f"kb_ledger {file}\n{waits}; echo first >>{order}"
    second = f"touch {tmp_path}/two\nkb_ledger {file}; echo second >>{order}"
    with ThreadPoolExecutor() as pool:
        one = pool.submit(machine.step, first)
        wait_for((tmp_path / "one").exists)
        two = pool.submit(machine.step, second)
        wait_for((tmp_path / "two").exists)
        go.touch()
        assert (one.result().rc, two.result().rc) == (0, 0)
    assert order.read_text().split() == ["first", "second"]
    assert ledger(machine) == [f"created {file}"]


def test_a_detached_run_lets_others_change_files(
    machine: Machine, tmp_path: Path, wait_for: Callable[[Callable[[], bool]], None]
) -> None:
    go, file = tmp_path / "go", tmp_path / "file"
    script = f"touch {tmp_path}/one; until [ -e {go} ]; do sleep 0.1; done"
    run = f"kb_ledger {tmp_path}/other\nkb_detach long 50 <<'X'\n{script}\nX"
    with ThreadPoolExecutor() as pool:
        one = pool.submit(machine.step, run)
        wait_for((tmp_path / "one").exists)
        assert machine.step(f"kb_ledger {file}").rc == 0
        go.touch()
        assert one.result().rc == 0


# ---- several small files at once


def write(*files: tuple[Path, str], mode: str = "0640") -> str:
    import shlex  # noqa: PLC0415

    lines = [shlex.join(["kb_write", str(path), text]) for path, text in files]
    return "\n".join([*lines, f"kb_flush {mode} {owner()}"])


def test_files_are_written_together(machine: Machine, tmp_path: Path) -> None:
    old, new, odd = tmp_path / "old", tmp_path / "a" / "b" / "new", tmp_path / ".it's $odd *"
    old.write_text("before")
    texts = {old: "x\n\n", new: "$y `z` 'q' \\n ü", odd: ""}

    result = machine.step(write(*texts.items()))

    assert result.rc == 0, result.output
    assert {path: path.read_text() for path in texts} == texts
    assert {path.stat().st_mode & 0o7777 for path in texts} == {0o640}
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o755
    assert not list(tmp_path.rglob(".kb.*"))
    assert ledger(machine) == [
        f"replaced {old}",
        f"mkdir {tmp_path}/a",
        f"mkdir {tmp_path}/a/b",
        f"created {new}",
        f"created {odd}",
    ]
    assert machine.step("kb_undo_ledger").rc == 0
    assert old.read_text() == "before"
    assert not (tmp_path / "a").exists()


def test_if_one_cannot_be_written_none_is(machine: Machine, tmp_path: Path) -> None:
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.write_text("before")
    bad.mkdir()

    result = machine.step(write((good, "after"), (bad, "after")))

    assert result.rc == 1
    assert f"{bad} is not a file" in result.output
    assert good.read_text() == "before"
    assert not list(tmp_path.glob(".kb.*"))


def test_a_link_is_replaced_and_a_second_time_notes_nothing(
    machine: Machine, tmp_path: Path
) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("before")
    link.symlink_to(target)

    assert machine.step(write((link, "one"))).rc == 0
    assert machine.step(write((link, "two"), mode="0755")).rc == 0

    assert (link.read_text(), target.read_text()) == ("two", "before")
    assert not link.is_symlink()
    assert link.stat().st_mode & 0o777 == 0o755
    assert ledger(machine) == [f"replaced {link}"]


def test_a_full_disk_is_reported_as_such(machine: Machine) -> None:
    result = machine.step("printf '%s' x >/dev/full || printf '%s' x | cat >/dev/full")

    assert "No space left on device" in result.output


def test_sums_of_many_files(machine: Machine, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a b", "c\\d", "missing", "e")]
    for path in paths:
        if path.name != "missing":
            path.write_text(path.name)
            path.chmod(0o640)
    import shlex  # noqa: PLC0415

    words = " ".join(shlex.quote(str(path)) for path in [*paths, tmp_path])
    want = [
        f"f={hashlib.sha256(path.read_bytes()).hexdigest()} 640 {path}"
        for path in paths
        if path.exists()
    ]

    assert machine.probe(f"kb_files f %a {words}").splitlines() == want
    assert machine.probe(f"kb_files f '' {words}").splitlines() == [
        line.replace(" 640 ", " ") for line in want
    ]
    assert machine.probe(f"kb_files f '' {tmp_path}/missing") == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to mount a small disk")
def test_replacing_on_a_full_disk_leaves_what_was(machine: Machine) -> None:
    folder = machine.state / "small"
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", folder], check=True)
    try:
        assert machine.step(f"kb_replace {folder}/notes 'one\ntwo'").rc == 0
        machine.step(f"head -c 100000 /dev/zero >{folder}/ballast || :")

        result = machine.step(f'kb_replace {folder}/notes "$(seq 3000)"')

        assert result.rc != 0
        assert "No space left on device" in result.output
        assert (folder / "notes").read_text() == "one\ntwo\n"
        assert sorted(path.name for path in folder.iterdir()) == ["ballast", "notes"]
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
