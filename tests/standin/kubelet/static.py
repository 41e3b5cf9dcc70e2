"""Static pods: the control plane's binaries as transient systemd units.

They live outside the kubelet's own unit, as containers do: stopping the kubelet stops none.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml

from tests.standin.common.kubeconfig import Loader

RUN = Path("/run/standin/pods")
_PIDS: dict[str, str] = {}
PROGRAMS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd")


def unit(name: str) -> str:
    return f"standin-{name}.service"


def _systemctl(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemctl", *words], check=False, capture_output=True, text=True)


def running() -> dict[str, dict[str, Any]]:
    """The static pods that were started on this node since it booted."""
    found = {}
    for path in sorted(RUN.glob("*.json")):
        with contextlib.suppress(ValueError, OSError):
            found[path.stem] = json.loads(path.read_text())
    return found


def active(name: str) -> bool:
    """Whether the pod's binary runs; pods of other binaries only pretend to."""
    if name not in PROGRAMS:
        return name in running()
    if not _runs(name):  # systemd is asked only then; each question costs it a process
        said = _systemctl("show", "--property=MainPID", "--value", unit(name)).stdout.strip()
        _PIDS[name] = said or "0"
    return _runs(name)


def _runs(name: str) -> bool:
    """Whether the process last known as a binary still is one."""
    with contextlib.suppress(OSError):
        return name in Path("/proc", _PIDS.get(name, "0"), "cmdline").read_text()
    return False


def stop(name: str) -> None:
    """End a static pod and forget it."""
    _systemctl("stop", unit(name))
    _systemctl("reset-failed", unit(name))
    (RUN / f"{name}.json").unlink(missing_ok=True)


def stop_all() -> list[str]:
    """What removing all pod sandboxes does."""
    names = list(running())
    for name in names:
        stop(name)
    return names


def parse(path: Path) -> dict[str, Any] | None:
    """A manifest with its hash; None for a file that is no pod (yet)."""
    try:
        text = path.read_text()
        pod = yaml.load(text, Loader=Loader)  # noqa: S506  # CSafeLoader is safe
        name = pod["metadata"]["name"]
        containers = pod["spec"]["containers"]
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        return None
    digest = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
    return {
        "name": name,
        "hash": digest,
        "image": containers[0].get("image", ""),
        "container": containers[0].get("name", name),
        "command": [*containers[0].get("command", []), *containers[0].get("args", [])],
        "manifest": pod,
        "mtime": path.stat().st_mtime,
    }


def _start(pod: dict[str, Any]) -> None:
    name = pod["name"]
    RUN.mkdir(parents=True, exist_ok=True)
    if name in PROGRAMS:
        version = pod["image"].rpartition(":")[2]
        command = [
            "systemd-run",
            "--quiet",
            "--collect",
            f"--unit={unit(name)}",
            f"--description={name} (stand-in)",
            f"--setenv=STANDIN_COMPONENT_VERSION={version}",
            "--property=KillMode=mixed",
            "--property=TimeoutStopSec=2",
            sys.executable,
            "-I",
            sys.argv[0],
            name,
            *pod["command"][1:],
        ]
        _systemctl("reset-failed", unit(name))
        subprocess.run(command, check=False, capture_output=True)
    state = {k: v for k, v in pod.items() if k != "command"}
    state["started"] = time.time()
    # As the kubelet does, which keeps one dead container of each (MaxPerPodContainer).
    state["ended"] = running().get(name, {}).get("started")
    (RUN / f"{name}.json").write_text(json.dumps(state))


class StaticPods:
    """Keeps what runs equal to what the directory says."""

    def __init__(self, folder: Path, *, api_seen: bool = True) -> None:
        self.folder = folder
        self.started: dict[str, float] = {}
        self.api_seen = api_seen

    def sync(self, images: Any) -> list[dict[str, Any]]:
        """Start, restart and stop; the pods the directory wants come back."""
        wanted = self._wanted()
        have = running()
        for name in set(have) - set(wanted):
            stop(name)
        for name, pod in wanted.items():
            changed = name in have and have[name]["hash"] != pod["hash"]
            if changed:
                if name in self.started and not self.api_seen:
                    continue  # the real one waits for the API to unmount the old pod's volumes
                stop(name)
            dead = name in PROGRAMS and not active(name)
            if (changed or dead or name not in have) and self._due(name):
                if images.present(pod["image"]):
                    _start(pod)
                else:
                    (RUN / f"{name}.json").unlink(missing_ok=True)
        return list(wanted.values())

    def _wanted(self) -> dict[str, dict[str, Any]]:
        paths = sorted(self.folder.glob("[!.]*")) if self.folder.is_dir() else []
        pods = [parse(path) for path in paths if path.is_file()]
        return {pod["name"]: pod for pod in pods if pod}

    def _due(self, name: str) -> bool:
        """A crashing binary is not started more than once a second."""
        if time.monotonic() - self.started.get(name, -10.0) < 1.0:
            return False
        self.started[name] = time.monotonic()
        return True
