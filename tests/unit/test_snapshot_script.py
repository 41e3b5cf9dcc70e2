"""The script that takes a snapshot of etcd, with a crictl whose etcd refuses its certificate."""

import subprocess
from pathlib import Path

from kbootstrap.render import render

CRICTL = """#!/bin/sh
# crictl --runtime-endpoint SOCKET ps|exec ...
shift 2
case "$*" in
ps*) echo 0123abc ;;
*"snapshot save"*) echo called >"$0.saved"; sleep 600 ;;
*"--command-timeout"*"endpoint status"*)
  echo "Failed to get the status of endpoint (context deadline exceeded)" >&2; exit 1 ;;
*"endpoint status"*) sleep 600 ;;
esac
"""


def test_an_etcd_that_does_not_answer_ends_it_at_once(tmp_path: Path) -> None:
    crictl = tmp_path / "crictl"
    crictl.write_text(CRICTL)
    crictl.chmod(0o755)
    script = render(
        "etcd/snapshot.sh.j2",
        socket="unix:///x",
        data_dir=str(tmp_path),
        folder=str(tmp_path / "kept"),
        label="manual",
        keep=3,
    )

    done = subprocess.run(
        ["sh", "-euc", script],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
    )

    assert done.returncode == 1
    assert "KB-SNAPSHOT etcd does not answer" in done.stdout
    assert "context deadline exceeded" in done.stderr
    assert not Path(f"{crictl}.saved").exists()
