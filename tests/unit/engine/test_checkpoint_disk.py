"""The record of a node whose disk is full: the old one stays, nothing half written does."""

import subprocess
from pathlib import Path

import pytest

from kbootstrap.engine import checkpoint


def test_a_record_is_replaced_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "state.json"
    state.write_text("old\n")
    monkeypatch.setattr(checkpoint, "CHECKPOINT", str(state))
    script = checkpoint.write_script("new").replace("/var/lib/kbootstrap", str(tmp_path))

    full = subprocess.run(["sh", "-euc", f"mv() {{ return 1; }}\n{script}"], check=False)
    assert full.returncode != 0
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]
    assert state.read_text() == "old\n"

    subprocess.run(["sh", "-euc", script], check=True)
    assert state.read_text() == "new\n"
