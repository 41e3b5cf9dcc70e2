"""Garbage collection and the end of namespaces."""

from __future__ import annotations

from tests.standin.common import kube
from tests.standin.common.kube import KubeError

from .mirror import Mirror, Object, object_path


def collect_orphans(mirror: Mirror) -> None:
    """Delete what belongs to owners that are all gone, and pods of deleted nodes."""
    uids = {o["metadata"]["uid"] for o in mirror.objects.values()}
    nodes = {n["metadata"]["name"] for n in mirror.all("nodes")}
    for obj in list(mirror.objects.values()):
        references = obj["metadata"].get("ownerReferences") or []
        orphan = bool(references) and not any(r["uid"] in uids for r in references)
        lost = obj["kind"] == "Pod" and obj["spec"].get("nodeName", "") not in nodes | {""}
        if orphan or lost:
            _delete(mirror, obj)


def finish_namespaces(mirror: Mirror) -> None:
    """Empty the namespaces being deleted, then let them go."""
    for namespace in mirror.all("namespaces"):
        if not namespace["metadata"].get("deletionTimestamp"):
            continue
        name = namespace["metadata"]["name"]
        content = [o for o in mirror.objects.values() if o["metadata"].get("namespace") == name]
        for obj in content:
            _delete(mirror, obj)
        if not content:
            body = {**namespace, "spec": {"finalizers": []}}
            mirror.kube.call("PUT", kube.path("namespaces", name=name) + "/finalize", body)


def give_accounts(mirror: Mirror, root_ca: str) -> None:
    """Every namespace has a default service account and the cluster's CA."""
    for namespace in mirror.all("namespaces"):
        name = namespace["metadata"]["name"]
        if namespace["metadata"].get("deletionTimestamp"):
            continue
        if mirror.find("serviceaccounts", name, "default") is None:
            _create(mirror, kube.path("serviceaccounts", name), {"metadata": {"name": "default"}})
        _publish(mirror, name, root_ca)


def _publish(mirror: Mirror, namespace: str, root_ca: str) -> None:
    """root-ca-cert-publisher: what the file had when the manager started."""
    found = mirror.find("configmaps", namespace, "kube-root-ca.crt")
    if root_ca and found is None:
        body = {"metadata": {"name": "kube-root-ca.crt"}, "data": {"ca.crt": root_ca}}
        _create(mirror, kube.path("configmaps", namespace), body)
    elif root_ca and found and found.get("data") != {"ca.crt": root_ca}:
        path = kube.path("configmaps", namespace, "kube-root-ca.crt")
        mirror.kube.patch(path, {"data": {"ca.crt": root_ca}}, kube.MERGE)


def _create(mirror: Mirror, path: str, body: Object) -> None:
    try:
        mirror.kube.call("POST", path, body)
    except KubeError as err:
        if err.code not in {403, 409}:
            raise


def _delete(mirror: Mirror, obj: Object) -> None:
    body = {"gracePeriodSeconds": 0, "preconditions": {"uid": obj["metadata"]["uid"]}}
    try:
        mirror.kube.delete(object_path(obj), body)
    except KubeError as err:
        if err.code not in {404, 409}:
            raise
