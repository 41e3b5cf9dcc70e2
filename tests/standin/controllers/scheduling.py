"""Which node suits a pod; the binary kube-scheduler's work."""

from __future__ import annotations

from tests.standin.apiserver.selectors import match_labels
from tests.standin.common import kube, times
from tests.standin.common.kube import KubeError

from .mirror import Mirror, Object, condition


def tolerates(tolerations: list[Object], taint: Object) -> bool:
    return any(
        (not t.get("effect") or t["effect"] == taint["effect"])
        and (not t.get("key") or t["key"] == taint["key"])
        and (t.get("operator") == "Exists" or t.get("value", "") == taint.get("value", ""))
        for t in tolerations
    )


def fits(spec: Object, node: Object) -> bool:
    """Taints, nodeSelector and required node affinity."""
    tolerations = spec.get("tolerations") or []
    taints = node.get("spec", {}).get("taints") or []
    hard = [t for t in taints if t["effect"] != "PreferNoSchedule"]
    if not all(tolerates(tolerations, t) for t in hard):
        return False
    labels = node["metadata"].get("labels") or {}
    if not match_labels({"matchLabels": spec.get("nodeSelector") or {}}, labels):
        return False
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    terms = required["nodeSelectorTerms"] if required else [{}]
    return any(match_labels(term, labels) for term in terms)


def schedule(mirror: Mirror) -> None:
    """Bind every waiting pod to the emptiest node that suits it."""
    pods = mirror.all("pods")
    load: dict[str, int] = {}
    for pod in pods:
        node = pod["spec"].get("nodeName", "")
        load[node] = load.get(node, 0) + 1
    for pod in pods:
        if pod["spec"].get("nodeName") or pod["metadata"].get("deletionTimestamp"):
            continue
        nodes = [n["metadata"]["name"] for n in mirror.all("nodes") if fits(pod["spec"], n)]
        if nodes:
            best = min(nodes, key=lambda n: load.get(n, 0))
            load[best] = load.get(best, 0) + 1
            _bind(mirror, pod, best)
        else:
            _unschedulable(mirror, pod)


def _bind(mirror: Mirror, pod: Object, node: str) -> None:
    meta = pod["metadata"]
    body = {"metadata": {"name": meta["name"]}, "target": {"kind": "Node", "name": node}}
    try:
        path = kube.path("pods", meta["namespace"], meta["name"])
        mirror.kube.call("POST", f"{path}/binding", body)
    except KubeError as err:
        if err.code not in {404, 409}:
            raise


def _unschedulable(mirror: Mirror, pod: Object) -> None:
    count = len(mirror.all("nodes"))
    message = f"0/{count} nodes are available: {count} node(s) had untolerated taint(s)."
    if condition(pod, "PodScheduled").get("message") == message:
        return
    new = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": message,
        "lastTransitionTime": times.stamp(),
    }
    path = kube.path("pods", pod["metadata"]["namespace"], pod["metadata"]["name"])
    mirror.kube.patch(f"{path}/status", {"status": {"conditions": [new]}})
