"""Single preflight checks: each has a name and gives warnings and errors."""

from __future__ import annotations

import dataclasses
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.standin import stamp, switches
from tests.standin.common import http
from tests.standin.cri.client import Client
from tests.standin.cri.grpc import GrpcError

from .config import net

Found = tuple[list[str], list[str]]  # warnings, errors


@dataclasses.dataclass(frozen=True)
class Check:
    name: str
    run: Callable[[], Found]


def error(text: str = "") -> Found:
    return [], [text] if text else []


def warn(text: str = "") -> Found:
    return [text] if text else [], []


def port(number: int) -> Check:
    def free() -> Found:
        address = http.everywhere(number)
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            try:
                probe.bind(address)
                probe.listen(1)
            except OSError:
                return error(f"Port {number} is in use")
        return error()

    return Check(f"Port-{number}", free)


def file_available(path: str) -> Check:
    text = f"{path} already exists"
    return Check(
        "FileAvailable-" + path.replace("/", "-"),
        lambda: error(text if Path(path).exists() else ""),
    )


def file_content(path: str, content: str) -> Check:
    def same() -> Found:
        try:
            text = Path(path).read_text()[: len(content)]
        except OSError:
            return error(f"{path} does not exist")
        return error("" if text == content else f"{path} contents are not set to {content}")

    return Check("FileContent-" + path.replace("/", "-"), same)


def in_path(name: str) -> Check:
    text = f"{name} not found in system path"
    return Check(f"FileExisting-{name}", lambda: error("" if shutil.which(name) else text))


def dir_available(path: str) -> Check:
    def empty() -> Found:
        folder = Path(path)
        full = folder.is_dir() and any(folder.iterdir())
        return error(f"{path} is not empty" if full else "")

    return Check("DirAvailable-" + path.replace("/", "-"), empty)


def cpus() -> Found:
    count = int(switches.get("cpus", len(os.sched_getaffinity(0))))
    text = f"the number of available CPUs {count} is less than the required 2"
    return error(text if count < 2 else "")


def memory() -> Found:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    total = int(switches.get("memory_mb", total))
    text = f"the system RAM ({total} MB) is less than the minimum 1700 MB"
    return error(text if total < 1700 else "")


def kubernetes_fits(version: str) -> Check:
    major, minor, _ = net.semantic(stamp.VERSION)
    text = (
        "Kubernetes version is greater than kubeadm version. Please consider to upgrade kubeadm."
        f" Kubernetes version: {version.lstrip('v')}. Kubeadm version: {major}.{minor}.x"
    )
    newer = net.semantic(version)[:2] > (major, minor)
    return Check("KubernetesVersion", lambda: warn(text if newer else ""))


def _systemctl(*words: str) -> bool:
    return subprocess.run(["systemctl", *words], check=False, capture_output=True).returncode == 0


def firewalld(bind_port: int) -> Check:
    text = (
        f"firewalld is active, please ensure ports [{bind_port} 10250] are open or your cluster may"
        " not function correctly"
    )
    return Check(
        "Firewalld", lambda: warn(text if _systemctl("is-active", "--quiet", "firewalld") else "")
    )


def kubelet_service() -> Found:
    shown = subprocess.run(
        ["systemctl", "status", "kubelet"], check=False, capture_output=True, text=True
    )
    if shown.returncode == 4 or "could not be found" in shown.stderr:
        return warn("kubelet service does not exist")
    enabled = _systemctl("is-enabled", "--quiet", "kubelet")
    text = "kubelet service is not enabled, please run 'systemctl enable kubelet.service'"
    return warn("" if enabled else text)


def swap() -> Found:
    path = Path("/proc/swaps")
    on = path.exists() and len(path.read_text().splitlines()) > 1
    text = (
        "swap is supported for cgroup v2 only. The kubelet must be properly configured to use swap."
        " Please refer to https://kubernetes.io/docs/concepts/architecture/nodes/#swap-memory, or"
        " disable swap on the node"
    )
    return warn(text if on else "")


def system() -> Found:
    v2 = Path("/sys/fs/cgroup/cgroup.controllers").exists()
    text = "cgroups v1 support is in maintenance mode, please migrate to cgroups v2"
    forced = switches.get("system_verification")
    if forced:
        print(
            "[preflight] The system verification failed. Printing the output from the verification:"
        )
        print("\033[0;37mKERNEL_VERSION\033[0m: \033[0;32m" + os.uname().release + "\033[0m")
        sys.stdout.flush()
    return ([] if v2 else [text]), ([str(forced)] if forced else [])


def hostname(name: str) -> Check:
    def known() -> Found:
        try:
            socket.getaddrinfo(name, None)
        except OSError:
            lost = f'hostname "{name}" could not be reached'
            why = f'hostname "{name}": lookup {name}: no such host'
            return [lost, why], []
        return warn()

    return Check("Hostname", known)


def kubelet_version() -> str:
    """Of the installed kubelet, without v."""
    done = subprocess.run(["kubelet", "--version"], check=True, capture_output=True, text=True)
    return done.stdout.split()[-1].lstrip("v")


def kubelet_fits(target: str) -> Check:
    def fitting() -> Found:
        try:
            version = kubelet_version()
        except (OSError, subprocess.CalledProcessError) as err:
            reason = "executable file not found in $PATH"
            if isinstance(err, subprocess.CalledProcessError):
                reason = f"exit status {err.returncode}"
            return error(
                f"couldn't get kubelet version: cannot execute 'kubelet --version': exec:"
                f' "kubelet":'
                f" {reason}"
            )
        major, minor, _ = net.semantic(stamp.VERSION)
        if net.semantic(version)[:2] < (major, minor - 3):
            text = (
                f'Kubelet version "{version}" is lower than kubeadm can support. Please'
                f" upgrade kubelet"
            )
            return error(text)
        if target and net.semantic(version)[:2] > net.semantic(target)[:2]:
            return error(
                "the kubelet version is higher than the control plane version. This is not a"
                " supported version skew and may lead to a malfunctional cluster. Kubelet version:"
                f' "{version}" Control plane version: "{target.lstrip("v")}"'
            )
        return error()

    return Check("KubeletVersion", fitting)


def runtime_ready(client: Client) -> Found:
    try:
        states = client.status()["conditions"]
    except GrpcError as err:
        return error(f"container runtime is not running: {err}")
    for state in states:
        if state["type"] == "RuntimeReady" and not state["status"]:
            return error(
                'container runtime condition "RuntimeReady" is not true. reason:'
                f" {state['reason']}, message: {state['message']}"
            )
    return error()


def file_there(path: str) -> Found:
    return error("" if Path(path).exists() else f"{path} doesn't exist")
