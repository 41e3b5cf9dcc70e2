"""Whether the objects of CNI manifests are applied, and whether they run; pure."""

from collections.abc import Iterable
from typing import Any

from kbootstrap.model.document import Document
from kbootstrap.model.observed import MANIFEST_SUM, manifest_ref

Live = dict[str, Any]  # an object as the API returns it; empty if it does not exist


def is_applied(manifest: Document, live: Live) -> bool:
    """Whether the object exists as applied from this manifest."""
    notes = live.get("metadata", {}).get("annotations") or {}
    return bool(notes.get(MANIFEST_SUM) == manifest_ref(manifest).rsplit(" ", 1)[1])


def workload_of(live: Live) -> tuple[str, str, str]:
    """Kind, namespace and name."""
    return live["kind"], live["metadata"]["namespace"], live["metadata"]["name"]


def silent_nodes(nodes: Iterable[Live]) -> int:
    """How many nodes have a kubelet that no longer reports."""
    return len(silent(nodes))


def silent(nodes: Iterable[Live]) -> set[str]:
    """The nodes whose kubelet no longer reports: their Ready condition is Unknown.

    The node controller sets it (kubernetes, pkg/controller/nodelifecycle), such as for a node that
    is off. A kubelet that reports but is not ready has the status False.
    """
    return {
        node["metadata"]["name"]
        for node in nodes
        for condition in (node.get("status") or {}).get("conditions") or []
        if condition["type"] == "Ready" and condition["status"] == "Unknown"
    }


def rolled_out(live: Live, silent: int = 0) -> bool:
    """Whether a DaemonSet, Deployment or StatefulSet has rolled out its newest revision.

    As ``kubectl rollout status`` judges (kubectl, pkg/polymorphichelpers/rollout_status.go);
    with the strategy OnDelete, which replaces no pod by itself, the pods have to be ready only.
    The pods of a DaemonSet on ``silent`` nodes are not waited for: they run when these are back.
    """
    judge = _JUDGES.get(live.get("kind", ""))
    if judge is None:
        return False
    spec, status = live.get("spec") or {}, live.get("status") or {}
    seen = status.get("observedGeneration", 0) >= live["metadata"].get("generation", 0)
    return bool(seen and judge(spec, status, silent))


def _daemon_set(spec: Live, status: Live, silent: int) -> bool:
    wanted = status.get("desiredNumberScheduled", 0) - silent
    updated = _on_delete(spec) or status.get("updatedNumberScheduled", 0) >= wanted
    return bool(updated and status.get("numberAvailable", 0) >= wanted)


def _deployment(spec: Live, status: Live, silent: int) -> bool:
    del silent  # its pods are started on other nodes
    updated = status.get("updatedReplicas", 0)
    return bool(
        updated >= spec.get("replicas", 1)
        and status.get("replicas", 0) <= updated
        and status.get("availableReplicas", 0) >= updated
    )


def _stateful_set(spec: Live, status: Live, silent: int) -> bool:
    del silent
    wanted = spec.get("replicas", 1)
    if status.get("readyReplicas", 0) < wanted:
        return False
    rolling = (spec.get("updateStrategy") or {}).get("rollingUpdate") or {}
    if partition := rolling.get("partition", 0):
        return bool(status.get("updatedReplicas", 0) >= wanted - partition)
    return _on_delete(spec) or status.get("updateRevision") == status.get("currentRevision")


def _on_delete(spec: Live) -> bool:
    return bool((spec.get("updateStrategy") or {}).get("type") == "OnDelete")


_JUDGES = {"DaemonSet": _daemon_set, "Deployment": _deployment, "StatefulSet": _stateful_set}
