"""All objects of the cluster, as the controllers see them."""

from __future__ import annotations

import json
from typing import Any

from tests.standin.apiserver.resources import built_in
from tests.standin.common.kube import Kube

Object = dict[str, Any]
_GROUPS = {
    "deployments": "apps",
    "daemonsets": "apps",
    "replicasets": "apps",
    "statefulsets": "apps",
    "jobs": "batch",
    "leases": "coordination.k8s.io",
    "poddisruptionbudgets": "policy",
    "certificatesigningrequests": "certificates.k8s.io",
    "clusterrolebindings": "rbac.authorization.k8s.io",
}


class Mirror:
    """Filled by one long-polling request after the other."""

    def __init__(self, kube: Kube) -> None:
        self.kube = kube
        self.revision = -1
        self.objects: dict[str, Object] = {}

    def update(self) -> None:
        """Wait up to 10 seconds for news."""
        path = f"/standin/changes?since={self.revision}"
        status, data = self.kube.raw("GET", path, timeout=20.0)
        if status != 200:
            raise ConnectionError(status)
        answer = json.loads(data)
        if "objects" in answer:
            self.objects = answer["objects"]
        for event in answer.get("events", []):
            if event["type"] == "DELETED":
                self.objects.pop(event["key"], None)
            else:
                self.objects[event["key"]] = event["value"]
        self.revision = answer["rev"]

    def all(self, plural: str, namespace: str = "") -> list[Object]:
        prefix = built_in(plural, _GROUPS.get(plural, "")).prefix(namespace)
        return [o for k, o in list(self.objects.items()) if k.startswith(prefix)]

    def find(self, plural: str, namespace: str, name: str) -> Object | None:
        return self.objects.get(built_in(plural, _GROUPS.get(plural, "")).key(namespace, name))

    def owned(self, plural: str, owner: Object) -> list[Object]:
        uid = owner["metadata"]["uid"]
        namespace = owner["metadata"].get("namespace", "")
        return [o for o in self.all(plural, namespace) if controller(o).get("uid") == uid]


def controller(obj: Object) -> Object:
    """The owner reference of an object's controller."""
    references = obj["metadata"].get("ownerReferences") or []
    return next((r for r in references if r.get("controller")), {})


def owner(obj: Object) -> Object:
    """A reference to obj for what it makes."""
    meta = obj["metadata"]
    return {
        "apiVersion": obj["apiVersion"],
        "kind": obj["kind"],
        "name": meta["name"],
        "uid": meta["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def object_path(obj: Object) -> str:
    """The URL of any object, guessed from its kind."""
    version = obj["apiVersion"]
    base = f"/apis/{version}" if "/" in version else f"/api/{version}"
    namespace = obj["metadata"].get("namespace")
    where = f"/namespaces/{namespace}" if namespace else ""
    return f"{base}{where}/{plural_of(obj['kind'])}/{obj['metadata']['name']}"


def plural_of(kind: str) -> str:
    lower = kind.lower()
    if lower.endswith("y") and not lower.endswith("ey"):
        return lower[:-1] + "ies"
    return lower + ("es" if lower.endswith(("s", "class")) else "s")


def condition(obj: Object, kind: str) -> Object:
    conditions = obj.get("status", {}).get("conditions") or []
    return next((c for c in conditions if c["type"] == kind), {})


def is_ready(obj: Object) -> bool:
    return bool(condition(obj, "Ready").get("status") == "True")
