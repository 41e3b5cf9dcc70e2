"""tests/demo: what it prints first, what it prints when binaries are missing or `up` failed."""

import os
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from tests import demo_run
from tests.e2e import site as e2e_site
from tests.e2e.site import Site
from tests.lab import Lab

DEMO = Path(__file__).parents[1] / "demo"
STUBS = {
    "bin/id": "echo 0",
    "tests/setup.sh": ":",
    ".venv/bin/python": ":",
}


@pytest.fixture
def incomplete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with kubeadm and kubelet only, and no etcd anywhere."""
    directory = tmp_path / "binaries"
    directory.mkdir()
    for name in ("kubeadm", "kubelet"):
        (directory / name).touch()
    monkeypatch.delenv("KBOOTSTRAP_E2E", raising=False)
    monkeypatch.setenv("KBOOTSTRAP_LAB_KUBERNETES", str(directory))
    monkeypatch.setattr(e2e_site, "ETCD", tmp_path / "etcd", raising=False)
    return directory


def test_every_missing_binary_is_named_before_a_node_is_made(
    incomplete: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_lab(*_: object) -> None:
        pytest.fail("a lab is made")

    monkeypatch.setattr(demo_run, "Lab", no_lab)
    monkeypatch.setattr("sys.argv", ["tests/demo"])

    assert demo_run.main() == 1

    message = capsys.readouterr().err
    for name in ("kubectl", "kube-apiserver", "kube-proxy", "pause"):
        assert str(incomplete / name) in message
    assert str(incomplete.parent / "etcd/etcdctl") in message
    assert str(incomplete / "kubelet") not in message
    assert "KBOOTSTRAP_E2E=standin" in message


@pytest.mark.parametrize("status", [0, 3])
def test_the_next_steps_are_those_of_what_up_did(
    status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    lab = SimpleNamespace(name="demo", nodes=[SimpleNamespace(name="node3")])
    site = Site(cast("Lab", lab), "standin", tmp_path, tmp_path, "repository")
    monkeypatch.setenv("KBOOTSTRAP_E2E", "standin")
    monkeypatch.setattr(demo_run, "_site", lambda *_: site)
    monkeypatch.setattr(demo_run, "_show_nodes", lambda _: 0)
    monkeypatch.setattr(subprocess, "call", lambda _: status)
    monkeypatch.setattr("sys.argv", ["tests/demo"])

    assert demo_run.main() == status

    printed = capsys.readouterr().out
    assert ("nothing" in printed) == (status == 0)
    assert ("kbootstrap reset" in printed) == (status == 0)
    assert ("kbootstrap up  " in printed) == (status != 0)
    assert "tests/demo --down" in printed


@pytest.mark.parametrize(
    ("binaries", "kind", "word"),
    [(["kubeadm"], "", "REAL"), ([], "", "STAND-IN"), (["kubeadm"], "standin", "STAND-IN")],
)
def test_the_first_line_says_what_runs(
    binaries: list[str], kind: str, word: str, tmp_path: Path
) -> None:
    for name, text in STUBS.items():
        stub = tmp_path / name
        stub.parent.mkdir(parents=True, exist_ok=True)
        stub.write_text(f"#!/bin/sh\n{text}\n")
        stub.chmod(0o755)
    shutil.copy(DEMO, tmp_path / "tests/demo")
    (tmp_path / "tests/e2e").mkdir()
    shutil.copy(DEMO.parent / "e2e/site.py", tmp_path / "tests/e2e/site.py")
    for name in binaries:
        (tmp_path / name).touch()
    environment = os.environ | {
        "PATH": f"{tmp_path}/bin:{os.environ['PATH']}",
        "KBOOTSTRAP_LAB_KUBERNETES": str(tmp_path),
        "KBOOTSTRAP_E2E": kind,
    }

    done = subprocess.run(
        [tmp_path / "tests/demo"], env=environment, capture_output=True, text=True, check=True
    )

    assert word in done.stdout.splitlines()[0]
