"""Subresources and reviews that are more than storing an object."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from tests.standin.common import times

from . import errors, tokens
from .auth import Attributes, Auth, User
from .registry import Registry, Where
from .resources import built_in
from .selectors import match_labels

Object = dict[str, Any]


class Special:
    """POST, GET and PUT on the subresources that do something."""

    def __init__(self, registry: Registry, auth: Auth, sa_key: str) -> None:
        self.registry, self.auth, self.sa_key = registry, auth, sa_key
        self.posts: dict[tuple[str, str], Callable[[Where, Object, User], tuple[int, Object]]] = {
            ("pods", "eviction"): self.evict,
            ("pods", "binding"): self.bind,
            ("serviceaccounts", "token"): self.token,
            ("tokenreviews", ""): self.review_token,
            ("subjectaccessreviews", ""): self.review_access,
            ("selfsubjectaccessreviews", ""): self.review_access,
            ("selfsubjectreviews", ""): self.who_am_i,
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

    def token(self, at: Where, body: Object, _user: User) -> tuple[int, Object]:
        self.registry.get(Where(at.resource, at.namespace, at.name))
        seconds = int((body.get("spec") or {}).get("expirationSeconds") or 3600)
        token, _ = tokens.issue(self.sa_key, at.namespace, at.name, seconds)
        return 201, {**body, "kind": "TokenRequest", "status": {"token": token}}

    def review_token(self, _at: Where, body: Object, _user: User) -> tuple[int, Object]:
        try:
            user = self.auth.from_token(body["spec"]["token"])
        except errors.ApiError:
            return 201, {**body, "status": {"authenticated": False}}
        who = {"username": user.name, "groups": sorted(user.groups)}
        return 201, {**body, "status": {"authenticated": True, "user": who}}

    def review_access(self, _at: Where, body: Object, user: User) -> tuple[int, Object]:
        spec = body.get("spec") or {}
        if spec.get("user"):
            user = User(spec["user"], frozenset(spec.get("groups") or []))
        asked = spec.get("resourceAttributes") or {}
        path = (spec.get("nonResourceAttributes") or {}).get("path", "")
        verb = (spec.get("nonResourceAttributes") or asked).get("verb", "")
        resource = asked.get("resource", "")
        if asked.get("subresource"):
            resource += "/" + asked["subresource"]
        name, namespace = asked.get("name", ""), asked.get("namespace", "")
        attributes = Attributes(verb, asked.get("group", ""), resource, name, namespace, path)
        return 201, {**body, "status": {"allowed": self.auth.allowed(user, attributes)}}

    def who_am_i(self, _at: Where, body: Object, user: User) -> tuple[int, Object]:
        who = {"username": user.name, "groups": sorted(user.groups)}
        return 201, {**body, "status": {"userInfo": who}}

    # -- reading and writing subresources ----------------------------------------------------

    def scale(self, at: Where, body: Object | None) -> Object:
        """GET or PUT of .../scale."""
        plain = Where(at.resource, at.namespace, at.name)
        if body is None:
            obj = self.registry.get(plain)
        else:
            replicas = int(body["spec"].get("replicas", 0))

            def change(current: Object) -> Object:
                current["spec"]["replicas"] = replicas
                return current

            obj = self.registry.modify(plain, change)
        count = obj["spec"].get("replicas", 1)
        return {
            "kind": "Scale",
            "apiVersion": "autoscaling/v1",
            "metadata": {k: v for k, v in obj["metadata"].items() if k != "managedFields"},
            "spec": {"replicas": count},
            "status": {"replicas": obj.get("status", {}).get("replicas", 0)},
        }

    def created(self, resource_kind: str, obj: Object, user: User) -> None:
        """What the server adds about the one who creates."""
        if resource_kind == "CertificateSigningRequest":
            obj["spec"] |= {"username": user.name, "groups": sorted(user.groups)}
            base64.b64decode(obj["spec"]["request"])
            obj.setdefault("status", {})
        elif resource_kind == "Event":
            obj.setdefault("firstTimestamp", times.stamp())
