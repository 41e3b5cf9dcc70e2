"""Is the cluster fit for an upgrade."""

from __future__ import annotations

import time
from pathlib import Path

from tests.standin.common import kube
from tests.standin.common.klog import warning
from tests.standin.common.kube import Kube
from tests.standin.controllers.mirror import is_ready
from tests.standin.kubeadm import images, preflight
from tests.standin.kubeadm.checks import Check, Found
from tests.standin.kubeadm.config.load import InitConfig
from tests.standin.kubeadm.manifests import FOLDER, PLANE
from tests.standin.kubeadm.phase import say

JOB_SECONDS = 15.0


def coredns(api: Kube, ignore: set[str]) -> None:
    """Without CoreDNS the migration library knows no start version."""
    found = api.find(kube.path("deployments", "kube-system", "coredns", group="apps"))
    text = "" if found else "start version '' not supported"
    checks = [
        Check("CoreDNSUnsupportedPlugins", lambda: ([], [text] if text else [])),
        Check(
            "CoreDNSMigration",
            lambda: ([], [f"CoreDNS will not be upgraded: {text}"] if text else []),
        ),
    ]
    preflight.run(checks, ignore)


def cluster(api: Kube, config: InitConfig, ignore: set[str], *, quiet: bool = False) -> None:
    if not quiet:
        say("[upgrade] Running cluster health checks")
    checks = [
        Check("CreateJob", lambda: _job(api, config)),
        Check("ControlPlaneNodesReady", lambda: _planes_ready(api)),
        Check("StaticPodManifest", _manifests),
    ]
    preflight.run(checks, ignore)


def _job(api: Kube, config: InitConfig) -> Found:
    nodes = api.items(kube.path("nodes"))
    if all(n["spec"].get("unschedulable") for n in nodes):
        warning(
            'The preflight check "CreateJob" was skipped because there are no schedulable Nodes'
            " in the"
            " cluster.",
            "health.go:127",
        )
        return [], []
    name = f"upgrade-health-check-{int(time.time() * 1000)}"
    container = {
        "name": "upgrade-health-check",
        "image": images.pause(config.cluster),
        "args": ["-v"],
    }
    taint = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}
    spec = {
        "backoffLimit": 0,
        "ttlSecondsAfterFinished": 20,
        "template": {
            "spec": {
                "restartPolicy": "Never",
                "tolerations": [taint],
                "containers": [container],
            }
        },
    }
    path = kube.path("jobs", "kube-system", group="batch")
    api.call("POST", path, {"metadata": {"name": name, "namespace": "kube-system"}, "spec": spec})
    deadline = time.monotonic() + JOB_SECONDS
    while time.monotonic() < deadline:
        found = api.find(f"{path}/{name}") or {}
        conditions = (found.get("status") or {}).get("conditions") or []
        if any(c["type"] == "Complete" for c in conditions):
            return [], []
        time.sleep(0.5)
    return [], [
        (
            f'Job "{name}" in the namespace "kube-system" did not complete in 15s: no condition of'
            f" type Complete"
        )
    ]


def _planes_ready(api: Kube) -> Found:
    path = kube.path("nodes") + "?labelSelector=node-role.kubernetes.io/control-plane"
    lost = [n["metadata"]["name"] for n in api.items(path) if not is_ready(n)]
    text = f"there are NotReady control-planes in the cluster: [{' '.join(lost)}]"
    return [], [text] if lost else []


def _manifests() -> Found:
    files = [FOLDER / f"{name}.yaml" for name in PLANE]
    lost = [str(f) for f in files if not Path(f).exists()]
    return [], [f"manifest files not found: [{' '.join(lost)}]"] if lost else []


def planes_behind(api: Kube, version: str) -> list[str]:
    """Control planes whose API server does not have the version's image yet."""
    path = kube.path("pods", "kube-system") + "?labelSelector=component=kube-apiserver"
    behind = []
    for pod in api.items(path):
        tag = pod["spec"]["containers"][0]["image"].rpartition(":")[2]
        if tag != version:
            behind.append(pod["spec"]["nodeName"])
    return sorted(behind)
