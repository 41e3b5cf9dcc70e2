"""Subresources that are more than storing an object."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from tests.standin.common import times

from . import errors
from .auth import User
from .registry import Registry, Where
from .resources import built_in
from .selectors import match_labels

Object = dict[str, Any]


class Special:
    """POST on the subresources that do something."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.posts: dict[tuple[str, str], Callable[[Where, Object, User], tuple[int, Object]]] = {
            ("pods", "eviction"): self.evict,
            ("pods", "binding"): self.bind,
        }

    def evict(self, at: Where, body: Object, _user: User) -> tuple[int, Object]:
        """Delete a pod unless a PodDisruptionBudget forbids it."""
        pod_at = Where(at.resource, at.namespace, at.name)
        pod = self.registry.get(pod_at)
        budgets = [
            b
            for b in self.registry.cache.under(
                built_in("poddisruptionbudgets", "policy").prefix(at.namespace)
            )
            if match_labels(b["spec"].get("selector"), pod["metadata"].get("labels") or {})
        ]
        running = pod.get("status", {}).get("phase") == "Running"
        dry = "All" in (body.get("deleteOptions") or {}).get("dryRun", [])
        if len(budgets) > 1:
            raise errors.ApiError(
                500,
                "InternalError",
                "This pod has more than one PodDisruptionBudget, which the eviction subresource"
                " does not support.",
            )
        if running and budgets and not dry:
            self._spend(budgets[0])
        self.registry.delete(pod_at, body.get("deleteOptions") or {}, dry=dry)
        return 201, {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Success",
            "code": 201,
        }

    def _spend(self, budget: Object) -> None:
        kind = built_in("poddisruptionbudgets", "policy")
        name, namespace = budget["metadata"]["name"], budget["metadata"]["namespace"]

        def take(current: Object) -> Object:
            status = current.setdefault("status", {})
            if status.get("disruptionsAllowed", 0) < 1:
                cause = (
                    f"The disruption budget {name} needs {status.get('desiredHealthy', 0)} healthy"
                    f" pods and has {status.get('currentHealthy', 0)} currently"
                )
                raise errors.ApiError(
                    429,
                    "TooManyRequests",
                    "Cannot evict pod as it would violate the pod's disruption budget.",
                    {"causes": [{"reason": "DisruptionBudget", "message": cause}]},
                )
            status["disruptionsAllowed"] -= 1
            return current

        self.registry.modify(Where(kind, namespace, name, "status"), take)

    def bind(self, at: Where, body: Object, _user: User) -> tuple[int, Object]:
        def change(pod: Object) -> Object:
            if pod["spec"].get("nodeName"):
                raise errors.conflict(at.resource, at.name, "pod is already assigned to a node")
            pod["spec"]["nodeName"] = body["target"]["name"]
            return pod

        self.registry.modify(Where(at.resource, at.namespace, at.name), change)
        return 201, {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Success",
            "code": 201,
        }

    def created(self, resource_kind: str, obj: Object, user: User) -> None:
        """What the server adds about the one who creates."""
        if resource_kind == "CertificateSigningRequest":
            obj["spec"] |= {"username": user.name, "groups": sorted(user.groups)}
            base64.b64decode(obj["spec"]["request"])
            obj.setdefault("status", {})
        elif resource_kind == "Event":
            obj.setdefault("firstTimestamp", times.stamp())
