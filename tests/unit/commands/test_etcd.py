"""``etcd``: what a snapshot is, and what is refused before any node is contacted."""

import hashlib
from pathlib import Path

import pytest

from kbootstrap import codes
from kbootstrap.cli import main
from kbootstrap.errors import RefusedError
from kbootstrap.resources import data_path
from kbootstrap.run import etcd_snapshot_file as snapshots

PAGES = b"\x07" * 4096
WHOLE = PAGES + hashlib.sha256(PAGES).digest()


def test_a_whole_snapshot_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(WHOLE)
    found = snapshots.read(path)
    assert (found.size, found.sha256) == (len(WHOLE), hashlib.sha256(WHOLE).hexdigest())


@pytest.mark.parametrize(
    "data",
    [b"", b"hello", PAGES, WHOLE[:-1], WHOLE[1:], WHOLE[:-33] + WHOLE[-32:], WHOLE[:-1] + b"\0"],
    ids=["empty", "text", "without sum", "cut", "late", "hole", "wrong sum"],
)
def test_anything_else_is_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(data)
    with pytest.raises(RefusedError) as caught:
        snapshots.read(path)
    assert caught.value.code is codes.BAD_SNAPSHOT


def test_a_copy_gets_its_name_when_it_is_whole(tmp_path: Path) -> None:
    path, part = tmp_path / "x.db", tmp_path / "x.db.part"
    part.write_bytes(WHOLE[:-1])
    with pytest.raises(RefusedError):
        snapshots.complete(path)
    assert not path.exists()

    part.write_bytes(WHOLE)
    kept = snapshots.complete(path)
    assert kept == snapshots.read(path)
    assert not part.exists()


@pytest.mark.parametrize(
    ("layout", "words", "ends"),
    [
        ("external-etcd", "snapshot", "7 KB431"),
        ("external-etcd", "restore x.db", "7 KB431"),
        ("ha", "restore missing.db", "2 KB195"),
        ("ha", "restore inventory.yaml", "7 KB433"),
        ("ha", "snapshot --to inventory.yaml", "2 KB193"),
    ],
)
def test_refused_at_once(
    layout: str,
    words: str,
    ends: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("inventory.yaml").write_text((data_path("inventory") / f"{layout}.yaml").read_text())
    status, code = ends.split()
    assert str(main(["etcd", *words.split()])) == status
    assert code in capsys.readouterr().err
