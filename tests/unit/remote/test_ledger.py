"""Undoing: what others changed since stays, and of files that are not ours only our lines go."""

import os
import subprocess
from pathlib import Path

import pytest

from kbootstrap.render import render
from tests.unit.remote.conftest import Machine
from tests.unit.remote.test_put import put, snapshot, write

# ---- what was changed by others since


def test_a_file_changed_since_we_wrote_it_is_retained(machine: Machine, tmp_path: Path) -> None:
    replaced, created, same = (tmp_path / name for name in ("replaced", "created", "same"))
    replaced.write_text("before")
    same.write_text("before")
    for path in (replaced, created, same):
        assert machine.step(put(path, b"ours"), b"ours").rc == 0
    assert machine.probe("kb_changed") == ""
    replaced.write_text("theirs")
    created.write_text("theirs")

    assert machine.probe("kb_changed").splitlines() == [
        f"replaced {replaced}",
        f"created {created}",
    ]
    assert machine.probe(f"kb_changed {tmp_path}") == ""
    result = machine.step("kb_undo_ledger")

    assert result.rc == 0, result.output
    assert (replaced.read_text(), created.read_text(), same.read_text()) == (
        "theirs",
        "theirs",
        "before",
    )
    assert (tmp_path / "replaced.kbootstrap-original").read_text() == "before"
    assert f"retained {created}: changed after kbootstrap wrote it" in result.output
    assert f"the original is {replaced}.kbootstrap-original" in result.output


def test_below_a_directory_that_goes_nothing_is_retained(machine: Machine, tmp_path: Path) -> None:
    path = tmp_path / "cni" / "file"
    assert machine.step(put(path, b"ours"), b"ours").rc == 0
    path.write_text("a plugin's")

    assert machine.step(f"kb_undo_ledger {tmp_path}/cni").output == ""

    assert not path.exists()


def test_every_version_of_ours_counts(machine: Machine, tmp_path: Path) -> None:
    """A run that was killed before the rename leaves the version before."""
    path = tmp_path / "file"
    path.write_text("before")
    for body in (b"one", b"two"):
        assert machine.step(put(path, body), body).rc == 0
    path.write_text("one")

    assert machine.step("kb_undo_ledger").output == ""

    assert path.read_text() == "before"


def test_a_file_that_is_gone_comes_back_as_it_was(machine: Machine, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("before")
    assert machine.step(write((path, "ours"))).rc == 0
    path.unlink()

    assert machine.step("kb_undo_ledger").output == ""

    assert path.read_text() == "before"


def test_where_nothing_says_what_we_wrote_a_file_is_retained(
    machine: Machine, tmp_path: Path
) -> None:
    """The ledger of an earlier release."""
    path = tmp_path / "file"
    path.write_text("before")
    assert machine.step(f"kb_ledger {path}; echo changed >{path}").rc == 0

    assert machine.step("kb_undo_ledger").rc == 0

    assert path.read_text() == "changed\n"
    assert (tmp_path / "file.kbootstrap-original").read_text() == "before"


@pytest.mark.parametrize("edited", [False, True])
def test_a_file_whose_flags_we_changed(machine: Machine, tmp_path: Path, *, edited: bool) -> None:
    """Ours again after the next change only if it was not changed by others in between."""
    path = tmp_path / "kubelet"
    path.write_text("ARGS=--a=1 --b=2\n")
    for flag in ("a", "b"):
        flags = [(flag, "/etc/default/kubelet")]
        script = render("upgrade/flags.sh.j2", flags=flags)
        result = machine.step(script.replace("/etc/default/kubelet", str(path)))
        assert result.rc == 0, result.output
        if flag == "a" and edited:
            path.write_text(f"{path.read_text()}THEIRS=1\n")

    assert machine.step("kb_undo_ledger").rc == 0

    assert ("THEIRS" in path.read_text()) is edited
    assert ("--a=1" in path.read_text()) is not edited


# ---- lines of files that are not ours


def edit(machine: Machine, file: str, path: Path, **fields: str) -> None:
    """Carry out a template that changes lines of /etc/FILE, with ``path`` in its place."""
    body = render(f"host/{file}.sh.j2", **fields).replace(f"/etc/{file}", str(path))
    result = machine.step(body)
    assert result.rc == 0, result.output


FSTAB = "UUID=a / ext4\n/swap\tnone swap sw\n# /old none swap"


def test_lines_go_and_what_others_added_stays(machine: Machine, tmp_path: Path) -> None:
    fstab = tmp_path / "fstab"
    fstab.write_text(FSTAB)
    edit(machine, "fstab", fstab)
    ours = "UUID=a / ext4\n# kbootstrap: /swap\tnone swap sw\n# /old none swap\n"
    assert fstab.read_text() == ours
    fstab.write_text(ours + "nas:/vol /data nfs\n/more none swap\n")
    edit(machine, "fstab", fstab)  # a year later, once more
    assert machine.probe("kb_changed") == ""

    assert machine.step("kb_undo_ledger").rc == 0

    assert fstab.read_text() == f"{FSTAB}\nnas:/vol /data nfs\n/more none swap\n"


@pytest.mark.parametrize("text", [FSTAB, f"{FSTAB}\n", f"{FSTAB}\n\n"])
def test_lines_go_byte_for_byte(machine: Machine, tmp_path: Path, text: str) -> None:
    fstab = tmp_path / "fstab"
    fstab.write_text(text)
    fstab.chmod(0o664)
    os.utime(fstab, (1_000_000, 1_000_000))
    before = snapshot(tmp_path)[str(fstab)]
    edit(machine, "fstab", fstab)
    assert fstab.stat().st_mode & 0o777 == 0o664

    assert machine.step("kb_undo_ledger").rc == 0

    assert snapshot(tmp_path)[str(fstab)] == before


def test_lines_are_changed_by_rename(machine: Machine, tmp_path: Path) -> None:
    """Who reads meanwhile, or after a power cut, finds the whole file."""
    fstab, other = tmp_path / "fstab", tmp_path / "other"
    fstab.write_text(FSTAB)
    other.hardlink_to(fstab)

    edit(machine, "fstab", fstab)

    assert other.read_text() == FSTAB
    assert "# kbootstrap: /swap" in fstab.read_text()
    assert not list(tmp_path.glob(".kb.*"))


@pytest.mark.parametrize("text", ["127.0.0.1 localhost\n10.9.9.9 db.internal", "", None])
def test_a_name_is_added_to_hosts(machine: Machine, tmp_path: Path, text: str | None) -> None:
    hosts = tmp_path / "hosts"
    if text is not None:
        hosts.write_text(text)

    edit(machine, "hosts", hosts, name="node1", address="192.0.2.11")

    lines = hosts.read_text().splitlines()
    assert lines == ["192.0.2.11 node1 # kbootstrap", *(text or "").splitlines()]
    assert machine.step("kb_undo_ledger").rc == 0
    assert (hosts.read_text() if hosts.exists() else None) == text


def test_what_is_a_link_stays_one(machine: Machine, tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "hosts"
    target.write_text("127.0.0.1 localhost\n")
    link.symlink_to("target")
    edit(machine, "hosts", link, name="node1", address="192.0.2.11")
    assert link.is_symlink()
    assert "node1" in target.read_text()

    assert machine.step("kb_undo_ledger").rc == 0

    assert link.is_symlink()
    assert target.read_text() == "127.0.0.1 localhost\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to mount a file")
def test_a_file_that_is_a_mount_is_changed_in_place(machine: Machine, tmp_path: Path) -> None:
    hosts, source = tmp_path / "hosts", tmp_path / "source"
    hosts.touch()
    source.write_text("127.0.0.1 localhost\n")
    subprocess.run(["mount", "--bind", source, hosts], check=True)
    try:
        edit(machine, "hosts", hosts, name="node1", address="192.0.2.11")
        assert "node1" in source.read_text()
        assert machine.step("kb_undo_ledger").rc == 0
        assert source.read_text() == "127.0.0.1 localhost\n"
    finally:
        subprocess.run(["umount", hosts], check=True)
