"""Which processes are older than their kubeconfig, in real shells with real processes."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kbootstrap.render import render
from tests.unit.remote.conftest import Machine

WAITS = "import time; time.sleep(600)"


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    path = tmp_path / "scheduler.conf"
    path.write_text("kind: Config\n")
    return path


@pytest.fixture
def component(conf: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that was started with the kubeconfig, as the static pod is."""
    command = [sys.executable, "-c", WAITS, "-v", f"--kubeconfig={conf}"]
    with subprocess.Popen(command) as process:
        yield process
        process.kill()


def pattern(conf: Path) -> str:
    """Of the argument of its process; the shell that searches it has another argument."""
    return f"'--kubeconfig={str(conf)[:-1]}[f]'"


def is_older(machine: Machine, conf: Path) -> bool:
    script = f"if kb_older {pattern(conf)} {conf}; then echo older; else echo newer; fi"
    return machine.probe(render("certificates/older.sh.j2") + script).strip() == "older"


def written(conf: Path, seconds: float) -> None:
    """As if the file was written so long ago."""
    at = time.time() - seconds
    os.utime(conf, (at, at))


def test_a_process_that_started_after_the_file_was_written(
    machine: Machine, conf: Path, component: subprocess.Popen[bytes]
) -> None:
    assert component.poll() is None
    written(conf, 3600)
    assert not is_older(machine, conf)


def test_a_process_that_started_before(
    machine: Machine, conf: Path, component: subprocess.Popen[bytes]
) -> None:
    assert component.poll() is None
    time.sleep(1.1)
    written(conf, 0)
    assert is_older(machine, conf)


def test_no_process_at_all(machine: Machine, conf: Path) -> None:
    assert not is_older(machine, conf)


def test_a_file_from_the_future_is_no_reason(
    machine: Machine, conf: Path, component: subprocess.Popen[bytes]
) -> None:
    assert component.poll() is None
    written(conf, -3600)
    assert not is_older(machine, conf)


def test_a_restart_ends_the_process_and_waits_for_the_next_one(
    machine: Machine, conf: Path, component: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    """The kubelet is played by a shell that starts the process again."""
    again = f"{sys.executable} -c '{WAITS}' --kubeconfig={conf} & echo $! >{tmp_path}/pid"
    kubelet = f"while kill -0 {component.pid} 2>/dev/null; do sleep 0.1; done; {again}"
    time.sleep(1.1)
    written(conf, 0)
    values = {
        "components": [("kube-scheduler", pattern(conf).strip("'"), str(conf))],
        "pods": (),
        "serving": "",
    }
    body = "systemctl() { :; }\n" + render("certificates/restart.sh.j2", **values)
    reaper = threading.Thread(target=component.wait, daemon=True)  # else it stays as a zombie
    reaper.start()
    with subprocess.Popen(["sh", "-c", kubelet]):
        result = machine.step(body)
    pid = int((tmp_path / "pid").read_text())
    os.kill(pid, 9)
    assert result.rc == 0, result.stderr
    assert component.poll() is not None
