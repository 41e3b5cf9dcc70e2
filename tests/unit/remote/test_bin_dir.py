"""`programs.bin_dir` need not be in the PATH that sudo or a login gives: our scripts find it."""

from pathlib import Path

import pytest

from kbootstrap.remote.local import LocalConnection
from tests.unit.remote.conftest import SHELLS, Machine


def program(folder: Path, says: str) -> None:
    folder.mkdir()
    (folder / "kubeadm").write_text(f"#!/bin/sh\necho {says}\n")
    (folder / "kubeadm").chmod(0o755)


@pytest.fixture
def placed(
    machine: Machine, shell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Machine:
    """An older kubeadm in the PATH, and the one we placed in a directory that is not there."""
    program(tmp_path / "usr", "older")
    program(tmp_path / "opt", "ours")
    monkeypatch.setenv("PATH", f"{tmp_path / 'usr'}:/usr/bin:/bin")
    connection = LocalConnection(SHELLS[shell], state=machine.state, bin_dir=tmp_path / "opt")
    return Machine(connection, machine.state, machine.prefix)


def test_steps_and_probes_find_the_binary_that_was_placed(placed: Machine) -> None:
    assert placed.step("kubeadm").output == "ours\n"
    assert placed.probe("kubeadm") == "ours"


def test_a_detached_script_finds_it_too(placed: Machine) -> None:
    assert placed.step("kb_detach init 20 <<'E'\nkubeadm\nE").output == "ours\n"
