"""The live objects of CNI manifests: their URL paths, and whether they run.

Called by `KubeReader` and `KubeWriter`. Pure except for `Paths`, which uses API discovery.
"""

from typing import Any

from kbootstrap.model.document import Document
from kbootstrap.model.observed import MANIFEST_SUM, manifest_ref
from kbootstrap.remote.kubehttp import ApiError, KubeHttp
from kbootstrap.remote.kubeobjects import NOT_FOUND

Live = dict[str, Any]  # an object as the API returns it; empty if it does not exist
Resource = tuple[str, bool]  # its plural, and whether it is namespaced


class Paths:
    """URL paths of objects, from API discovery; each group version is read once."""

    def __init__(self, http: KubeHttp) -> None:
        self._http = http
        self._served: dict[str, dict[str, Resource]] = {}

    def of(self, manifest: Document) -> str:
        """The URL path of an object.

        Raises:
            ApiError: 404, the server does not serve the kind.

        """
        data = manifest.data
        version, kind, meta = data["apiVersion"], data["kind"], data["metadata"]
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        if kind not in self._served.get(
            root, {}
        ):  # a CustomResourceDefinition may add the kind later
            self._served[root] = self._discover(root)
        if kind not in self._served[root]:
            raise ApiError(NOT_FOUND, f"{version} has no kind {kind}")
        plural, namespaced = self._served[root][kind]
        place = f"/namespaces/{meta.get('namespace', 'default')}" if namespaced else ""
        return f"{root}{place}/{plural}/{meta['name']}"

    def find(self, manifest: Document) -> str | None:
        """As `of`; None while the kind is not served."""
        try:
            return self.of(manifest)
        except ApiError as error:
            if error.status == NOT_FOUND:
                return None
            raise

    def _discover(self, root: str) -> dict[str, Resource]:
        resources = self._http.request("GET", root)["resources"]
        return {
            one["kind"]: (one["name"], one["namespaced"])
            for one in resources
            if "/" not in one["name"]
        }


def is_applied(manifest: Document, live: Live) -> bool:
    """Whether the object exists as applied from this manifest."""
    notes = live.get("metadata", {}).get("annotations") or {}
    return bool(notes.get(MANIFEST_SUM) == manifest_ref(manifest).rsplit(" ", 1)[1])


def workload_of(live: Live) -> tuple[str, str, str]:
    """Kind, namespace and name."""
    return live["kind"], live["metadata"]["namespace"], live["metadata"]["name"]


def rolled_out(live: Live) -> bool:
    """Whether a DaemonSet, Deployment or StatefulSet has rolled out its newest revision.

    As ``kubectl rollout status`` judges (kubectl, pkg/polymorphichelpers/rollout_status.go);
    with the strategy OnDelete, which replaces no pod by itself, the pods have to be ready only.
    """
    judge = _JUDGES.get(live.get("kind", ""))
    if judge is None:
        return False
    spec, status = live.get("spec") or {}, live.get("status") or {}
    seen = status.get("observedGeneration", 0) >= live["metadata"].get("generation", 0)
    return bool(seen and judge(spec, status))


def _daemon_set(spec: Live, status: Live) -> bool:
    wanted = status.get("desiredNumberScheduled", 0)
    updated = _on_delete(spec) or status.get("updatedNumberScheduled", 0) >= wanted
    return bool(updated and status.get("numberAvailable", 0) >= wanted)


def _deployment(spec: Live, status: Live) -> bool:
    updated = status.get("updatedReplicas", 0)
    return bool(
        updated >= spec.get("replicas", 1)
        and status.get("replicas", 0) <= updated
        and status.get("availableReplicas", 0) >= updated
    )


def _stateful_set(spec: Live, status: Live) -> bool:
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
