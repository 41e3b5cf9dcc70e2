"""What the probe of the kubelet's settings says: of its files, and of the process that runs."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kbootstrap.engine.phase import parse_facts
from kbootstrap.render import render
from phases.kubelet_config import Facts
from tests.unit.remote.conftest import Machine

STARTED = 1_796_000_000  # 2026-11-30 00:53:20 UTC
SYSTEMCTL = """systemctl() {
  [ "$TZ" = UTC ] || exit 1
  printf '%s\\n' MainPID=PID 'ExecMainStartTimestamp=Mon 2026-11-30 00:53:20 UTC'
}
"""


@pytest.fixture
def kubelet() -> Iterator[int]:
    """A process with the arguments of a kubelet."""
    words = ["sh", "-c", "read -r line", "/usr/local/bin/kubelet", "--v=2"]
    with subprocess.Popen(words, stdin=subprocess.PIPE) as process:
        yield process.pid
        process.kill()


def look(machine: Machine, folder: Path, pid: int) -> Facts:
    script = SYSTEMCTL.replace("PID'", f"{pid}'").replace("MainPID=PID", f"MainPID={pid}")
    script += render(
        "kubelet/settings_probe.sh.j2",
        run="kubelet-settings",
        kept=str(folder / "kept"),
        paths=(str(folder / "config.yaml"), str(folder / "flags.env")),
        patches=str(folder / "patches"),
    )
    return parse_facts(Facts, machine.probe(script))


def place(folder: Path, changed: int) -> None:
    (folder / "config.yaml").write_text("maxPods: 60\nkind: KubeletConfiguration\n")
    (folder / "flags.env").write_text('KUBELET_KUBEADM_ARGS="--v=2"\n')
    for name in ("config.yaml", "flags.env"):
        os.utime(folder / name, (changed, changed))


def test_files_and_process_are_read(machine: Machine, tmp_path: Path, kubelet: int) -> None:
    place(tmp_path, STARTED)
    (tmp_path / "patches").mkdir()
    (tmp_path / "patches" / "kubeletconfiguration+merge.yaml").write_text("maxPods: 5\n")
    (tmp_path / "patches" / "etcd.yaml").write_text("spec: {}\n")

    facts = look(machine, tmp_path, kubelet)

    assert facts.config == ("maxPods: 60", "kind: KubeletConfiguration")
    assert facts.flags == 'KUBELET_KUBEADM_ARGS="--v=2"'
    assert facts.arg[-2:] == ("/usr/local/bin/kubelet", "--v=2")
    assert facts.patch == ("---", "maxPods: 5")
    assert (facts.run, facts.older, facts.unfinished) == ("none", False, False)


def test_a_file_that_changed_after_the_start_is_seen(
    machine: Machine, tmp_path: Path, kubelet: int
) -> None:
    place(tmp_path, STARTED)
    os.utime(tmp_path / "flags.env", (STARTED + 1, STARTED + 1))
    (tmp_path / "kept").mkdir()

    facts = look(machine, tmp_path, kubelet)

    assert (facts.older, facts.unfinished) == (True, True)


def test_a_kubelet_that_does_not_run_is_no_error(machine: Machine, tmp_path: Path) -> None:
    place(tmp_path, STARTED + 9)

    facts = look(machine, tmp_path, 0)

    assert (facts.arg, facts.older) == ((), False)


def test_a_node_without_a_kubelet_has_no_facts(machine: Machine, tmp_path: Path) -> None:
    assert look(machine, tmp_path, 0) == Facts()
