"""DaemonSets, Deployments, ReplicaSets, Jobs and disruption budgets."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

from tests.standin.apiserver.defaults import random_suffix
from tests.standin.apiserver.selectors import match_labels
from tests.standin.common import kube, times
from tests.standin.common.kube import KubeError

from .mirror import Mirror, Object, condition, is_ready, owner
from .scheduling import fits

_HASH = "pod-template-hash"


def template_hash(template: Object) -> str:
    return hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:10]


def _post(mirror: Mirror, path: str, body: Object) -> None:
    try:
        mirror.kube.call("POST", path, body)
    except KubeError as err:
        if err.code not in {403, 404, 409}:
            raise


def _new_pod(mirror: Mirror, parent: Object, hashed: str, node: str = "") -> None:
    template = parent["spec"]["template"]
    meta = dict(template.get("metadata") or {})
    labels = {**(meta.get("labels") or {}), "controller-revision-hash": hashed}
    if parent["kind"] == "ReplicaSet":
        labels = {**(meta.get("labels") or {})}
    name = parent["metadata"]["name"]
    spec = {**template["spec"], **({"nodeName": node} if node else {})}
    new = {
        "metadata": {
            **{k: v for k, v in meta.items() if k == "annotations"},
            "name": f"{name}-{random_suffix()}",
            "labels": labels,
            "ownerReferences": [owner(parent)],
        },
        "spec": spec,
    }
    _post(mirror, kube.path("pods", parent["metadata"]["namespace"]), new)


def _delete_pod(mirror: Mirror, pod: Object) -> None:
    meta = pod["metadata"]
    try:
        mirror.kube.delete(kube.path("pods", meta["namespace"], meta["name"]))
    except KubeError as err:
        if err.code != 404:
            raise


def _status(mirror: Mirror, obj: Object, status: Object) -> None:
    have = obj.get("status") or {}
    if all(have.get(k) == v for k, v in status.items()):
        return
    group, _, version = obj["apiVersion"].partition("/")
    plural = obj["kind"].lower() + "s"
    meta = obj["metadata"]
    path = kube.path(plural, meta["namespace"], meta["name"], group=group, version=version)
    mirror.kube.patch(f"{path}/status", {"status": status}, kube.MERGE)


def _living(pods: list[Object]) -> list[Object]:
    return [p for p in pods if not p["metadata"].get("deletionTimestamp")]


def daemon_sets(mirror: Mirror) -> None:
    """One pod on every node that the pod tolerates."""
    for item in mirror.all("daemonsets"):
        spec = {**item["spec"]["template"]["spec"]}
        tolerated = [{"operator": "Exists", "key": f"node.kubernetes.io/{t}"} for t in
                     ("not-ready", "unreachable", "unschedulable")]  # fmt: skip
        spec["tolerations"] = [*(spec.get("tolerations") or []), *tolerated]
        nodes = {n["metadata"]["name"] for n in mirror.all("nodes") if fits(spec, n)}
        hashed = template_hash(item["spec"]["template"])
        pods = mirror.owned("pods", item)
        served: set[str] = set()
        for pod in _living(pods):
            node = pod["spec"].get("nodeName")
            stale = pod["metadata"]["labels"].get("controller-revision-hash") != hashed
            stale = stale and (item["spec"].get("updateStrategy") or {}).get("type") != "OnDelete"
            if stale or node not in nodes or node in served:  # two were made at once
                _delete_pod(mirror, pod)
            else:
                served.add(node)
        for node in nodes - {p["spec"].get("nodeName") for p in pods}:
            _new_pod(mirror, item, hashed, node)
        current = [
            p for p in pods if p["metadata"]["labels"].get("controller-revision-hash") == hashed
        ]
        ready = sum(map(is_ready, pods))
        counts = {
            "desiredNumberScheduled": len(nodes),
            "currentNumberScheduled": len(current),
            "numberMisscheduled": 0,
            "numberReady": ready,
            "numberAvailable": ready,
            "numberUnavailable": max(0, len(nodes) - ready),
            "updatedNumberScheduled": len(current),
            "observedGeneration": item["metadata"].get("generation", 1),
        }
        _status(mirror, item, counts)


def deployments(mirror: Mirror) -> None:
    """One ReplicaSet per template; older ones shrink to nothing."""
    for item in mirror.all("deployments"):
        hashed = template_hash(item["spec"]["template"])
        sets = mirror.owned("replicasets", item)
        replicas = item["spec"].get("replicas", 1)
        current = next((s for s in sets if s["metadata"]["labels"].get(_HASH) == hashed), None)
        if current is None:
            _new_replica_set(mirror, item, hashed)
        for old in sets:
            wanted = replicas if old is current else 0
            if old["spec"].get("replicas") != wanted:
                meta = old["metadata"]
                path = kube.path("replicasets", meta["namespace"], meta["name"], group="apps")
                mirror.kube.patch(path, {"spec": {"replicas": wanted}}, kube.MERGE)
        pods = [p for s in sets for p in mirror.owned("pods", s)]
        updated = mirror.owned("pods", current) if current else []
        ready = sum(map(is_ready, pods))
        enough = ready >= replicas - math.ceil(replicas / 4) + (replicas == 1)
        complete = len(updated) == replicas == ready
        stamp = item["metadata"]["creationTimestamp"]
        conditions = [
            _condition("Available", "MinimumReplicasAvailable", stamp, true=enough),
            _condition("Progressing", "NewReplicaSetAvailable" if complete else
                       "ReplicaSetUpdated", stamp),
        ]  # fmt: skip
        counts = {
            "replicas": len(pods),
            "updatedReplicas": len(updated),
            "readyReplicas": ready,
            "availableReplicas": ready,
            "unavailableReplicas": max(0, replicas - ready),
            "observedGeneration": item["metadata"].get("generation", 1),
            "conditions": conditions,
        }
        _status(mirror, item, counts)


def _condition(kind: str, reason: str, stamp: str, *, true: bool = True) -> Object:
    status = "True" if true else "False"
    return {"type": kind, "status": status, "reason": reason, "lastTransitionTime": stamp}


def _new_replica_set(mirror: Mirror, item: Object, hashed: str) -> None:
    template = json.loads(json.dumps(item["spec"]["template"]))
    template.setdefault("metadata", {}).setdefault("labels", {})[_HASH] = hashed
    selector = json.loads(json.dumps(item["spec"]["selector"]))
    selector.setdefault("matchLabels", {})[_HASH] = hashed
    meta = item["metadata"]
    new = {
        "metadata": {
            "name": f"{meta['name']}-{hashed}",
            "labels": template["metadata"]["labels"],
            "ownerReferences": [owner(item)],
        },
        "spec": {
            "replicas": item["spec"].get("replicas", 1),
            "selector": selector,
            "template": template,
        },
    }
    _post(mirror, kube.path("replicasets", meta["namespace"], group="apps"), new)


def replica_sets(mirror: Mirror) -> None:
    """As many pods as asked for."""
    for item in mirror.all("replicasets"):
        pods = mirror.owned("pods", item)
        living = _living(pods)
        missing = item["spec"].get("replicas", 1) - len(living)
        for _ in range(missing):
            _new_pod(mirror, item, "")
        for pod in sorted(living, key=is_ready)[: max(0, -missing)]:
            _delete_pod(mirror, pod)
        counts = {"replicas": len(living), "readyReplicas": sum(map(is_ready, living))}
        _status(mirror, item, counts)


def jobs(mirror: Mirror) -> None:
    """One pod; its success is the job's."""
    for item in mirror.all("jobs"):
        if _outlived(item):
            meta = item["metadata"]
            path = kube.path("jobs", meta["namespace"], meta["name"], group="batch")
            mirror.kube.delete(path)
            continue
        pods = mirror.owned("pods", item)
        if not pods and not item.get("status", {}).get("conditions"):
            _new_pod(mirror, item, "")
        if any(p["status"].get("phase") == "Succeeded" for p in pods):
            done = {**_condition("Complete", "CompletionsReached", times.stamp())}
            if not item.get("status", {}).get("conditions"):
                _status(mirror, item, {"succeeded": 1, "conditions": [done]})


def _outlived(job: Object) -> bool:
    """TtlSecondsAfterFinished is over."""
    ttl = job["spec"].get("ttlSecondsAfterFinished")
    done = condition(job, "Complete").get("lastTransitionTime")
    moment = times.parse(done or "")
    return ttl is not None and moment is not None and (times.now() - moment).total_seconds() > ttl


def budgets(mirror: Mirror) -> None:
    """How many pods may be evicted just now."""
    for item in mirror.all("poddisruptionbudgets"):
        spec = item["spec"]
        pods = [
            p
            for p in mirror.all("pods", item["metadata"]["namespace"])
            if match_labels(spec.get("selector"), p["metadata"].get("labels") or {})
        ]
        healthy = sum(is_ready(p) for p in _living(pods))
        expected = _expected(mirror, pods)
        if "maxUnavailable" in spec:
            desired = expected - _count(spec["maxUnavailable"], expected)
        else:
            desired = _count(spec.get("minAvailable", 1), expected)
        counts = {
            "currentHealthy": healthy,
            "desiredHealthy": max(0, desired),
            "expectedPods": expected,
            "disruptionsAllowed": max(0, healthy - desired) if expected else 0,
            "observedGeneration": item["metadata"].get("generation", 1),
        }
        have = item.get("status") or {}
        if any(have.get(k) != v for k, v in counts.items()):
            meta = item["metadata"]
            at = kube.path("poddisruptionbudgets", meta["namespace"], meta["name"], group="policy")
            mirror.kube.patch(f"{at}/status", {"status": counts}, kube.MERGE)


def _expected(mirror: Mirror, pods: list[Object]) -> int:
    sets = {r["uid"] for p in pods for r in p["metadata"].get("ownerReferences") or []}
    total = sum(
        s["spec"].get("replicas", 1)
        for s in mirror.all("replicasets")
        if s["metadata"]["uid"] in sets
    )
    return total or len(pods)


def _count(value: Any, total: int) -> int:
    if isinstance(value, str):
        return math.ceil(int(value.rstrip("%")) * total / 100)
    return int(value)
