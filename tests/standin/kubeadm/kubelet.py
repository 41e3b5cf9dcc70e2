"""What kubeadm writes for the kubelet, and starting and stopping it."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import yaml

from tests.standin.apiserver.patch import strategic
from tests.standin.common import http, times, yamlio
from tests.standin.common.klog import FatalError, warning

from . import images, patches
from .commands import arguments
from .config import net
from .config.load import InitConfig
from .phase import say

FOLDER = Path("/var/lib/kubelet")
FAIL = """
Unfortunately, an error has occurred, likely caused by:
	- The kubelet is not running
	- The kubelet is unhealthy due to a misconfiguration of the node in some way (required cgroups disabled)

If you are on a systemd-powered system, you can try to troubleshoot the error with the following commands:
	- 'systemctl status kubelet'
	- 'journalctl -xeu kubelet'
"""  # noqa: E501
_ZERO = (
    "cpuManagerReconcilePeriod evictionPressureTransitionPeriod fileCheckFrequency"
    " httpCheckFrequency imageMaximumGCAge imageMinimumGCAge nodeStatusReportFrequency"
    " nodeStatusUpdateFrequency runtimeRequestTimeout shutdownGracePeriod"
    " shutdownGracePeriodCriticalPods streamingConnectionIdleTimeout syncFrequency"
    " volumeStatsAggPeriod"
)


def config(cluster: dict[str, Any], given: dict[str, Any] | None) -> dict[str, Any]:
    """KubeletConfiguration: the user's with kubeadm's defaults in the empty places."""
    subnet = net.cidrs(cluster["networking"]["serviceSubnet"])[0]
    text = {"infoBufferSize": "0"}
    base: dict[str, Any] = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"cacheTTL": "0s", "enabled": True},
            "x509": {"clientCAFile": f"{cluster['certificatesDir']}/ca.crt"},
        },
        "authorization": {
            "mode": "Webhook",
            "webhook": {"cacheAuthorizedTTL": "0s", "cacheUnauthorizedTTL": "0s"},
        },
        "cgroupDriver": "systemd",
        "clusterDNS": [str(subnet[10])],
        "clusterDomain": cluster["networking"]["dnsDomain"],
        "containerRuntimeEndpoint": "",
        "crashLoopBackOff": {},
        "healthzBindAddress": "127.0.0.1",
        "healthzPort": 10248,
        "kind": "KubeletConfiguration",
        "logging": {
            "flushFrequency": 0,
            "options": {"json": text, "text": dict(text)},
            "verbosity": 0,
        },
        "memorySwap": {},
        "rotateCertificates": True,
        "staticPodPath": "/etc/kubernetes/manifests",
        **dict.fromkeys(_ZERO.split(), "0s"),
    }
    merged: dict[str, Any] = strategic(base, given or {})
    merged["rotateCertificates"] = True
    return merged


def merged_resolver(value: dict[str, Any]) -> dict[str, Any]:
    """ResolvConf of systemd-resolved where that runs."""
    active = subprocess.run(["systemctl", "is-active", "--quiet", "systemd-resolved"], check=False)
    if active.returncode == 0 and not value.get("resolvConf"):
        return {**value, "resolvConf": "/run/systemd/resolve/resolv.conf"}
    return value


def _write(name: str, text: str) -> None:
    say(f'[kubelet-start] Writing kubelet configuration to file "{FOLDER / name}"')
    FOLDER.mkdir(mode=0o700, parents=True, exist_ok=True)
    (FOLDER / name).write_text(text)
    (FOLDER / name).chmod(0o644)


def write_instance(cri_socket: str) -> None:
    _write("instance-config.yaml", f'containerRuntimeEndpoint: "{cri_socket}"\n')


def write_config(value: dict[str, Any], patches_dir: str) -> None:
    """config.yaml: patched by the user's patches, then by instance-config.yaml."""
    patched = patches.apply("kubeletconfiguration", merged_resolver(value), patches_dir)
    instance = FOLDER / "instance-config.yaml"
    try:
        own = yaml.safe_load(instance.read_text())
    except OSError as err:
        raise FatalError(
            f'could not apply kubelet instance configuration as a patch from "{instance}":'
            f" could not"
            f' read patch file "{instance}": open {instance}: no such file or directory'
        ) from err
    patched = strategic(patched, own)
    patches.announce("kubeletconfiguration")
    _write("config.yaml", yamlio.dump(patched))


def write_flags(init: InitConfig, *, taints: bool) -> None:
    """kubeadm-flags.env."""
    node = init.node
    base = [("pod-infra-container-image", images.pause(init.cluster))]
    if taints and node.get("taints"):
        texts = [
            f"{t['key']}{'=' + t['value'] if t.get('value') else ''}:{t['effect']}"
            for t in node["taints"]
        ]
        base.append(("register-with-taints", ",".join(texts)))
    if name(init) != socket.gethostname().strip().lower():
        base.append(("hostname-override", name(init)))
    path = FOLDER / "kubeadm-flags.env"
    say(f'[kubelet-start] Writing kubelet environment file with flags to file "{path}"')
    FOLDER.mkdir(mode=0o700, parents=True, exist_ok=True)
    line = " ".join(arguments(base, node.get("kubeletExtraArgs")))
    path.write_text(f"KUBELET_KUBEADM_ARGS={json.dumps(line)}\n")
    path.chmod(0o644)


def name(init: InitConfig) -> str:
    """The node's name; a hostname-override among the extra arguments wins."""
    extra = init.node.get("kubeletExtraArgs") or []
    override = next((a["value"] for a in reversed(extra) if a["name"] == "hostname-override"), "")
    return str(override or init.node["name"])


def systemctl(*words: str) -> str:
    done = subprocess.run(["systemctl", *words], check=False, capture_output=True, text=True)
    return "" if done.returncode == 0 else f"exit status {done.returncode}"


def stop() -> None:
    systemctl("stop", "kubelet")


def start() -> None:
    """daemon-reload and restart; problems are warnings, as with the real one."""
    say("[kubelet-start] Starting the kubelet")
    problem = systemctl("daemon-reload") or systemctl("restart", "kubelet")
    if problem:
        warning(
            f"[kubelet-start] WARNING: unable to start the kubelet service: [{problem}]",
            "kubelet.go:36",
        )
        warning(
            "[kubelet-start] Please ensure kubelet is reloaded and running manually.",
            "kubelet.go:37",
        )


def wait_healthy(value: dict[str, Any], timeout: str) -> None:
    """Poll /healthz every half second."""
    address, port = (
        value.get("healthzBindAddress") or "127.0.0.1",
        value.get("healthzPort") or 10248,
    )
    url = f"http://{net.join_host_port(address, port)}/healthz"
    limit, begin = times.seconds(timeout), time.monotonic()
    say(
        f"[kubelet-check] Waiting for a healthy kubelet at {url}. This can take up to"
        f" {times.duration(limit)}"
    )
    client = http.Client(url, None, 1.0)
    while True:
        try:
            status, _ = client.request("GET", "/healthz")
            problem = f"HTTP status code: {status}"
        except http.Unreachable as err:
            status, problem = 0, f'error: Get "{url}": {err}'
        passed = time.monotonic() - begin
        if status == 200:
            say(f"[kubelet-check] The kubelet is healthy after {times.duration(passed)}")
            return
        if passed >= limit:
            say(f"[kubelet-check] The kubelet is not healthy after {times.duration(passed)}")
            say(FAIL)
            raise FatalError(
                "failed while waiting for the kubelet to start: The HTTP call equal to 'curl -sSL"
                f" {url}' returned {problem}\n"
            )
        time.sleep(0.5)
