"""Pod ranges of nodes, and what happens to nodes that fall silent."""

from __future__ import annotations

import ipaddress
from typing import Any

from tests.standin.common import kube, times

from .mirror import Mirror, Object, condition

GRACE = "40s"
_PREFIX = "node.kubernetes.io/"
_MANAGED = {"not-ready", "unreachable", "unschedulable"}


class PodRanges:
    """--allocate-node-cidrs: one range of --cluster-cidr per node and family."""

    def __init__(self, options: dict[str, str]) -> None:
        wanted = options.get("allocate-node-cidrs") == "true"
        cidrs = options.get("cluster-cidr", "") if wanted else ""
        self.networks = [ipaddress.ip_network(c, strict=False) for c in cidrs.split(",") if c]
        self.size = {
            4: int(options.get("node-cidr-mask-size-ipv4", options.get("node-cidr-mask-size", 24))),
            6: int(options.get("node-cidr-mask-size-ipv6", 64)),
        }

    def run(self, mirror: Mirror) -> None:
        nodes = mirror.all("nodes")
        used = {c for n in nodes for c in n.get("spec", {}).get("podCIDRs") or []}
        for node in nodes:
            if self.networks and not node.get("spec", {}).get("podCIDR"):
                cidrs = [self._free(network, used) for network in self.networks]
                used.update(cidrs)
                spec = {"podCIDR": cidrs[0], "podCIDRs": cidrs}
                path = kube.path("nodes", name=node["metadata"]["name"])
                mirror.kube.patch(path, {"spec": spec}, kube.MERGE)

    def _free(self, network: Any, used: set[str]) -> str:
        for subnet in network.subnets(new_prefix=self.size[network.version]):
            if str(subnet) not in used:
                return str(subnet)
        raise ValueError("the pod network has no free range")


class Heartbeats:
    """Nodes whose lease is old become Unknown; taints follow the conditions."""

    def __init__(self, options: dict[str, str]) -> None:
        self.grace = times.delta(options.get("node-monitor-grace-period", GRACE))

    def run(self, mirror: Mirror) -> None:
        for node in mirror.all("nodes"):
            name = node["metadata"]["name"]
            ready = condition(node, "Ready")
            if ready and ready["status"] != "Unknown" and self._silent(mirror, node):
                _mark_unknown(mirror, node)
                ready = {"status": "Unknown"}
            _set_taints(mirror, node, ready.get("status", "Unknown"), name)

    def _silent(self, mirror: Mirror, node: Object) -> bool:
        lease = mirror.find("leases", "kube-node-lease", node["metadata"]["name"])
        last = (lease or {}).get("spec", {}).get("renewTime") or condition(node, "Ready").get(
            "lastHeartbeatTime", ""
        )
        moment = times.parse(last)
        return moment is None or times.now() - moment > self.grace


def _mark_unknown(mirror: Mirror, node: Object) -> None:
    conditions = [
        {
            **c,
            "status": "Unknown",
            "reason": "NodeStatusUnknown",
            "message": "Kubelet stopped posting node status.",
            "lastTransitionTime": times.stamp(),
        }
        for c in node["status"]["conditions"]
    ]
    path = kube.path("nodes", name=node["metadata"]["name"]) + "/status"
    mirror.kube.patch(path, {"status": {"conditions": conditions}}, kube.MERGE)


def _set_taints(mirror: Mirror, node: Object, ready: str, name: str) -> None:
    wanted = []
    if ready == "False":
        wanted = [("not-ready", "NoSchedule"), ("not-ready", "NoExecute")]
    elif ready == "Unknown":
        wanted = [("unreachable", "NoSchedule"), ("unreachable", "NoExecute")]
    if node.get("spec", {}).get("unschedulable"):
        wanted.append(("unschedulable", "NoSchedule"))
    have = node.get("spec", {}).get("taints") or []
    managed = {
        (t["key"].removeprefix(_PREFIX), t["effect"])
        for t in have
        if t["key"].removeprefix(_PREFIX) in _MANAGED
    }
    if managed == set(wanted):
        return
    kept = [t for t in have if t["key"].removeprefix(_PREFIX) not in _MANAGED]
    new = [{"key": _PREFIX + key, "effect": effect} for key, effect in wanted]
    body = {
        "metadata": {"resourceVersion": node["metadata"]["resourceVersion"]},
        "spec": {"taints": kept + new},
    }
    mirror.kube.patch(kube.path("nodes", name=name), body, kube.MERGE)
