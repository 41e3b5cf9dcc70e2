"""The Node object: registration, lease, status."""

from __future__ import annotations

import os
import platform
import socket
import time
from pathlib import Path
from typing import Any

from tests.standin import stamp
from tests.standin.common import kube, times
from tests.standin.common.kube import Kube, KubeError
from tests.standin.cri.client import Client
from tests.standin.cri.grpc import GrpcError

from .options import Options

LEASE_EVERY = 5.0
STATUS_EVERY = 5.0
Object = dict[str, Any]


def addresses(options: Options, server: str) -> list[str]:
    """--node-ip, which may name one of each family; else the one that reaches the server."""
    wanted = [ip for ip in options.flags.get("node-ip").split(",") if ip]
    if wanted and not {"0.0.0.0", "::"} & set(wanted):  # noqa: S104
        return wanted
    return [_used(server)]


def address(options: Options, server: str) -> str:
    """The first of `addresses`."""
    return addresses(options, server)[0]


def _used(server: str) -> str:
    """The address that this node uses to reach the API server."""
    host = server.rsplit("//", maxsplit=1)[-1].rpartition(":")[0].strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host, 9))
            found: str = probe.getsockname()[0]
        except OSError:
            return ""
    return found


def readiness(runtime: Client) -> Object:
    """The Ready condition with the messages of the real kubelet."""
    problem = ""
    try:
        states = {c["type"]: c for c in runtime.status()["conditions"]}
        network = states.get("NetworkReady", {"status": True})
        if not network["status"]:
            problem = (
                f"container runtime network not ready: NetworkReady=false reason:"
                f"{network['reason']} message:{network['message']}"
            )
    except GrpcError:
        problem = "container runtime is down"
    if problem:
        return {"status": "False", "reason": "KubeletNotReady", "message": problem}
    return {
        "status": "True",
        "reason": "KubeletReady",
        "message": "kubelet is posting ready status",
    }


class Node:
    """This node's object in the cluster."""

    def __init__(self, options: Options, api: Kube, runtime: Client) -> None:
        self.options, self.api, self.runtime = options, api, runtime
        self.path = kube.path("nodes", name=options.name)
        self.registered = False
        self.lease_at = self.status_at = -100.0
        self.last: Object = {}
        self.object: Object = {}

    def sync(self) -> None:
        """Register once, then send heartbeats."""
        if not self.registered:
            self._register()
        now = time.monotonic()
        ready = readiness(self.runtime)
        if ready != self.last or now - self.status_at > STATUS_EVERY:
            self._send_status(ready)
            self.last, self.status_at = ready, now
        if now - self.lease_at > LEASE_EVERY:
            self._renew()
            self.lease_at = now

    def _register(self) -> None:
        labels = {
            "beta.kubernetes.io/arch": "amd64",
            "beta.kubernetes.io/os": "linux",
            "kubernetes.io/arch": "amd64",
            "kubernetes.io/os": "linux",
            "kubernetes.io/hostname": self.options.name,
            **self.options.labels,
        }
        spec: Object = {"taints": self.options.taints} if self.options.taints else {}
        annotations = {"volumes.kubernetes.io/controller-managed-attach-detach": "true"}
        meta = {"name": self.options.name, "labels": labels, "annotations": annotations}
        body = {"metadata": meta, "spec": spec, "status": self._status(readiness(self.runtime))}
        try:
            self.api.call("POST", kube.path("nodes"), body)
        except KubeError as err:
            if err.reason != "AlreadyExists":
                raise
            have = self.api.get(self.path)["metadata"].get("labels") or {}
            if any(have.get(k) != v for k, v in labels.items()):
                self.api.patch(self.path, {"metadata": {"labels": labels}}, kube.MERGE)
        self.registered = True

    def _send_status(self, ready: Object) -> None:
        found = self.api.find(self.path)
        if found is None:
            self.object = {}
            return  # deleted; the real kubelet does not come back before a restart either
        self.object = found
        status = self._status(ready, found)
        self.api.patch(f"{self.path}/status", {"status": status}, kube.MERGE)

    def _status(self, ready: Object, found: Object | None = None) -> Object:
        stamp_now = times.stamp()
        old = {c["type"]: c for c in ((found or {}).get("status") or {}).get("conditions") or []}

        def condition(kind: str, status: str, reason: str, message: str) -> Object:
            before = old.get(kind, {})
            same = before.get("status") == status
            return {
                "type": kind,
                "status": status,
                "reason": reason,
                "message": message,
                "lastHeartbeatTime": stamp_now,
                "lastTransitionTime": before["lastTransitionTime"] if same else stamp_now,
            }

        conditions = [
            condition(
                "MemoryPressure",
                "False",
                "KubeletHasSufficientMemory",
                "kubelet has sufficient memory available",
            ),
            condition(
                "DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"
            ),
            condition(
                "PIDPressure",
                "False",
                "KubeletHasSufficientPID",
                "kubelet has sufficient PID available",
            ),
            condition("Ready", ready["status"], ready["reason"], ready["message"]),
        ]
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1024
        amounts = {
            "cpu": str(os.cpu_count()),
            "memory": f"{memory}Ki",
            "pods": str(self.options.number("maxPods", 110)),
            "ephemeral-storage": "10Gi",
        }
        return {
            "conditions": conditions,
            "addresses": [
                *(
                    {"type": "InternalIP", "address": ip}
                    for ip in addresses(self.options, self.api.server)
                ),
                {"type": "Hostname", "address": self.options.name},
            ],
            "capacity": amounts,
            "allocatable": amounts,
            "nodeInfo": self._info(),
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self.options.number("port", 10250)}},
        }

    def _info(self) -> Object:
        release = dict(
            line.split("=", 1)
            for line in Path("/etc/os-release").read_text().splitlines()
            if "=" in line
        )
        try:
            name, version, _ = self.runtime.version()
        except GrpcError:
            name, version = "containerd", "Unknown"
        return {
            "machineID": Path("/etc/machine-id").read_text().strip(),
            "systemUUID": Path("/etc/machine-id").read_text().strip(),
            "bootID": Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
            "kernelVersion": platform.release(),
            "osImage": release.get("PRETTY_NAME", "Linux").strip('"'),
            "containerRuntimeVersion": f"{name}://{version}",
            "kubeletVersion": stamp.VERSION,
            "kubeProxyVersion": "",
            "operatingSystem": "linux",
            "architecture": "amd64",
        }

    def _renew(self) -> None:
        group = "coordination.k8s.io"
        collection = kube.path("leases", "kube-node-lease", group=group)
        spec = {
            "holderIdentity": self.options.name,
            "leaseDurationSeconds": self.options.number("nodeLeaseDurationSeconds", 40),
            "renewTime": times.micro(),
        }
        try:
            self.api.patch(f"{collection}/{self.options.name}", {"spec": spec}, kube.MERGE)
        except KubeError as err:
            if err.code != 404 or not self.object:
                raise
            owner = {"apiVersion": "v1", "kind": "Node", "name": self.options.name}
            owner["uid"] = self.object["metadata"]["uid"]
            meta = {"name": self.options.name, "ownerReferences": [owner]}
            self.api.call("POST", collection, {"metadata": meta, "spec": spec})
