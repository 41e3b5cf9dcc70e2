"""kubeadm names what it waited for, and not why that does not run; the scripts add the reason."""

import os
import subprocess
from pathlib import Path

import pytest

from kbootstrap.components import STATIC_PODS
from kbootstrap.engine.failures import last_words
from kbootstrap.render import render

KUBEADM = "error: etcdserver: can only promote a learner member which is in sync with leader"
KUBELET = (
    'E1129 17:10:43.7 106 pod_workers.go:1324] "Error syncing pod, skipping" err="failed to'
    ' \\"StartContainer\\" for \\"etcd\\" with ErrImagePull: \\"no such host\\"" pod="kube-system/'
    'etcd-node2" podUID="b"\n'
    'E1129 17:10:44.2 106 pod_workers.go:1324] "Error syncing pod, skipping" err="back-off 10s"'
    ' pod="kube-system/etcd-node2" podUID="b"\n'
)


def program(folder: Path, name: str, body: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{body}\n")
    (folder / name).chmod(0o755)


def ended(folder: Path, running: str, status: int = 1) -> tuple[int, str]:
    """The join of a control plane whose kubeadm ends with a status."""
    manifests = folder / "manifests"
    manifests.mkdir(exist_ok=True)
    (manifests / "etcd.yaml").touch()
    program(folder, "kubeadm", f"echo '{KUBEADM}' >&2; exit {status}")
    program(folder, "crictl", f'case $* in "ps -q"*) echo {running};; logs*) echo panic;; esac')
    (folder / "journal").write_text(KUBELET)
    program(folder, "journalctl", f"cat {folder}/journal")
    config = f"{folder}/join.yaml"
    script = render("kubeadm/join.sh.j2", config=config, plane=True, pods=STATIC_PODS)
    done = subprocess.run(
        ["sh", "-euc", script.replace("/etc/kubernetes/manifests", str(manifests))],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": f"{folder}:{os.environ['PATH']}"},
    )
    return done.returncode, last_words(done.stderr + done.stdout)


def test_the_reason_follows_kubeadms_own_error(tmp_path: Path) -> None:
    status, said = ended(tmp_path, running="")
    assert status == 1
    assert said.splitlines() == [
        KUBEADM,
        "etcd does not run on this node:",
        'failed to "StartContainer" for "etcd" with ErrImagePull: "no such host"',
    ]


def test_a_runtime_that_does_not_answer_is_the_reason(tmp_path: Path) -> None:
    """As crictl prints it; the code is KB305 then."""
    status, said = ended(tmp_path, running="; echo validate CRI v1 runtime API >&2; exit 1")
    assert status == 1
    assert said.splitlines() == [KUBEADM, "validate CRI v1 runtime API"]


@pytest.mark.parametrize(("running", "status"), [("8f3a", 1), ("", 0)])
def test_nothing_follows_where_all_run_or_kubeadm_went_well(
    tmp_path: Path, running: str, status: int
) -> None:
    assert ended(tmp_path, running, status) == (status, KUBEADM)
