"""The script that waits for a control plane: when it restarts the kubelet."""

import os
import subprocess
from pathlib import Path

import pytest

from kbootstrap.render import render

CRICTL = """#!/bin/sh
calls=$(($(cat '{folder}/calls') + 1))
echo "$calls" >'{folder}/calls'
[ "$calls" -le {missing} ] || echo 8f3a
"""
STUBS = """
kb_unit() { echo "$*"; }
kb_fail() { echo "$*"; exit 1; }
sleep() { # a second
  read -r up _ <'{folder}/uptime'
  echo "$((up + 1)) 0" >'{folder}/uptime'
}
"""


@pytest.mark.parametrize(("missing", "restarts"), [(0, 0), (10, 0), (20, 1)])
def test_a_pod_that_has_just_ended_is_given_time(
    tmp_path: Path, missing: int, restarts: int
) -> None:
    """The kubelet starts it by itself; what ended often, only after its own restart."""
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests/kube-scheduler.yaml").touch()
    (tmp_path / "calls").write_text("0")
    (tmp_path / "uptime").write_text("7 0\n")
    crictl = tmp_path / "crictl"
    crictl.write_text(CRICTL.format(folder=tmp_path, missing=missing))
    crictl.chmod(0o755)
    pods, serving = ("kube-scheduler",), "echo serving"
    script = render("certificates/ready.sh.j2", pods=pods, socket="unix:///x", serving=serving)
    for path, mine in (("/etc/kubernetes", tmp_path), ("/proc/uptime", tmp_path / "uptime")):
        script = script.replace(path, str(mine))

    done = subprocess.run(
        ["sh", "-euc", STUBS.replace("{folder}", str(tmp_path)) + script],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines() == [*["restart kubelet.service"] * restarts, "serving"]
