"""From a path to a resource, and from a request to an answer."""

from __future__ import annotations

import base64
import copy
import dataclasses
import json
from typing import Any

from tests.standin.common import times

from . import apply, discovery, errors, managers, patch, selectors
from .auth import Attributes, Auth, User
from .cache import Cache
from .errors import ApiError
from .registry import Registry, Where
from .resources import BUILT_IN, Resource, built_in, custom
from .special import Special

Object = dict[str, Any]
Query = dict[str, str]
_CRDS = "apiextensions.k8s.io"


@dataclasses.dataclass(frozen=True)
class Request:
    """One request, read and parsed."""

    method: str
    path: str
    query: Query
    user: User
    body: bytes
    content_type: str = "application/json"
    manager: str = "unknown"

    def json(self) -> Any:
        if not self.body:
            return {}
        if "yaml" in self.content_type:
            import yaml  # noqa: PLC0415  # rare: clients send JSON

            return yaml.safe_load(self.body)
        try:
            return json.loads(self.body)
        except ValueError as err:
            raise errors.bad(f"the object provided is unrecognized: {err}") from err

    def dry(self) -> bool:
        return self.query.get("dryRun") == "All"


def yes(query: Query, name: str) -> bool:
    return query.get(name, "").lower() in {"true", "1"}


# Query parameters and subresources that are understood.
QUERY = {
    *("labelSelector", "fieldSelector", "limit", "continue", "watch", "resourceVersion"),
    *("timeoutSeconds", "dryRun", "fieldManager", "force", "gracePeriodSeconds"),
    "timeout",  # of the whole request; a client gives up by itself
}
SUBRESOURCES = {
    "GET": ("status",),
    "PUT": ("status", "finalize", "approval"),
    "PATCH": ("status",),
    "POST": ("eviction", "binding"),
}


PATCHERS = {
    "application/json-patch+json": patch.json_patch,
    "application/merge-patch+json": patch.merge_patch,
    "application/strategic-merge-patch+json": patch.strategic,
}


def _of_kubernetes(group: str) -> bool:
    """Whether a real server has resources of that group that the stand-in may lack."""
    return "." not in group or group.endswith(".k8s.io")


class Api:
    """All resources of one server."""

    def __init__(self, registry: Registry, cache: Cache, auth: Auth, special: Special) -> None:
        self.registry, self.cache, self.auth, self.special = registry, cache, auth, special

    def resources(self) -> dict[tuple[str, str, str], Resource]:
        crds = self.cache.under(built_in("customresourcedefinitions", _CRDS).prefix())
        return {**custom(crds), **BUILT_IN} if crds else BUILT_IN

    def locate(self, path: str) -> Where:
        """The object or collection a path names."""
        parts = [p for p in path.split("/") if p]
        if parts[0] == "api":
            group, version, rest = "", parts[1], parts[2:]
        else:
            group, version, rest = parts[1], parts[2], parts[3:]
        namespace = ""
        if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in {"status", "finalize"}:
            namespace, rest = rest[1], rest[2:]
        resource = self.resources().get((group, version, rest[0]))
        if resource is None:
            raise errors.unknown(path) if _of_kubernetes(group) else errors.no_path()
        name = rest[1] if len(rest) > 1 else ""
        return Where(resource, namespace, name, "/".join(rest[2:]))

    def authorize(self, request: Request, at: Where) -> None:
        verbs = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
        verb = verbs.get(request.method, "get" if at.name else "list")
        if verb == "list" and yes(request.query, "watch"):
            verb = "watch"
        if verb == "delete" and not at.name:
            verb = "deletecollection"
        plural = at.resource.plural + (f"/{at.sub}" if at.sub else "")
        named = at.name or request.query.get("fieldSelector", "").removeprefix("metadata.name=")
        attributes = Attributes(verb, at.resource.group, plural, named, at.namespace)
        self.auth.check(request.user, attributes)

    def discover(self, path: str) -> Object | None:
        """The answer to /api, /apis and so on; None for a path below a version."""
        parts = [p for p in path.split("/") if p]
        resources = self.resources().values()
        if parts == ["api"]:
            return discovery.core_versions("")
        if parts == ["apis"]:
            return discovery.groups(resources)
        if parts[0] == "apis" and len(parts) == 2:
            found = discovery.groups(resources)["groups"]
            group = next((g for g in found if g["name"] == parts[1]), None)
            if group is None:
                raise errors.no_path()
            return {"kind": "APIGroup", "apiVersion": "v1", **group}
        if len(parts) == (2 if parts[0] == "api" else 3):
            found_list = discovery.resource_list(resources, "/".join(parts[1:]))
            if found_list is None:
                raise errors.no_path()
            return found_list
        return None

    # -- requests -------------------------------------------------------------------------------

    def run(self, request: Request, at: Where) -> tuple[int, Object]:
        """Everything but watches."""
        self.authorize(request, at)
        if unread := request.query.keys() - QUERY:
            raise errors.unknown(f"?{'&'.join(sorted(unread))} of {request.path}")
        if at.sub and at.sub not in SUBRESOURCES.get(request.method, ()):
            raise errors.unknown(f"{request.method} {request.path}")
        action = {
            "GET": self.read,
            "POST": self.create,
            "PUT": self.update,
            "PATCH": self.patch,
            "DELETE": self.delete,
        }.get(request.method)
        if action is None:
            raise ApiError(405, "MethodNotAllowed", "the server does not allow this method")
        return action(request, at)

    def test(self, request: Request) -> selectors.Test:
        label = selectors.labels(request.query.get("labelSelector", ""))
        field = selectors.fields(request.query.get("fieldSelector", ""))
        return lambda obj: label(obj) and field(obj)

    def read(self, request: Request, at: Where) -> tuple[int, Object]:
        if at.name:
            return 200, self.registry.get(at)
        revision, items = self.registry.list(at, self.test(request))
        meta: Object = {"resourceVersion": str(revision)}
        limit = int(request.query.get("limit") or 0)
        start = request.query.get("continue")
        if start:
            after = base64.urlsafe_b64decode(start).decode()
            items = [i for i in items if _position(i) > after]
        if limit and len(items) > limit:
            token = base64.urlsafe_b64encode(_position(items[limit - 1]).encode()).decode()
            meta |= {"continue": token, "remainingItemCount": len(items) - limit}
            items = items[:limit]
        kind = at.resource.kind + "List"
        version = at.resource.api_version()
        return 200, {"kind": kind, "apiVersion": version, "metadata": meta, "items": items}

    def create(self, request: Request, at: Where) -> tuple[int, Object]:
        body = request.json()
        post = self.special.posts.get((at.resource.plural, at.sub))
        if post:
            return post(at, body, request.user)
        if at.name or not isinstance(body, dict):
            raise ApiError(405, "MethodNotAllowed", "the server does not allow this method")
        expected = (at.resource.kind, at.resource.api_version())
        if (body.get("kind", expected[0]), body.get("apiVersion", expected[1])) != expected:
            raise errors.bad(
                f'{body.get("kind")} in version "{body.get("apiVersion")}" cannot be handled as a'
                f' {at.resource.kind}: no kind "{body.get("kind")}" is registered for version'
                f' "{body.get("apiVersion")}"'
            )
        self.special.created(at.resource.kind, body, request.user)
        made = managers.written(body, request.manager)
        return 201, self.registry.create(at, made, dry=request.dry())

    def update(self, request: Request, at: Where) -> tuple[int, Object]:
        if at.sub == "finalize":
            return 200, self._finalize(at, request.json())
        manager = "" if at.sub else request.manager
        return 200, self.registry.update(at, request.json(), manager, dry=request.dry())

    def _finalize(self, at: Where, body: Object) -> Object:
        def change(current: Object) -> Object:
            current["spec"]["finalizers"] = (body.get("spec") or {}).get("finalizers") or []
            return current

        obj = self.registry.modify(Where(at.resource, at.namespace, at.name), change)
        if not obj["spec"]["finalizers"]:
            self.registry.etcd.delete(at.key())
        return obj

    def patch(self, request: Request, at: Where) -> tuple[int, Object]:
        kind = request.content_type.partition(";")[0]
        body = request.json()
        if kind.startswith("application/apply-patch"):
            return self._apply(request, at, body)
        if kind not in PATCHERS:
            text = "the body of the request was in an unknown format - accepted media types"
            raise ApiError(415, "UnsupportedMediaType", f"{text} include: {', '.join(PATCHERS)}")
        if kind.startswith("application/strategic") and at.resource.custom:
            raise ApiError(415, "UnsupportedMediaType", "strategic merge patch is not supported")
        change = PATCHERS[kind]

        def checked(current: Object) -> Object:
            wanted = (
                body.get("metadata", {}).get("resourceVersion") if isinstance(body, dict) else ""
            )
            if wanted and wanted != current["metadata"]["resourceVersion"]:
                raise errors.conflict(at.resource, at.name)
            before = copy.deepcopy(current)
            new: Object = change(current, body)
            return new if at.sub else managers.written(new, request.manager, before)

        return 200, self.registry.modify(at, checked, dry=request.dry())

    def _apply(self, request: Request, at: Where, body: Object) -> tuple[int, Object]:
        manager, force = request.query.get("fieldManager", ""), yes(request.query, "force")
        if not manager:
            raise errors.bad('PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value')
        stamp = times.stamp()
        body.setdefault("metadata", {}).setdefault("name", at.name)
        try:
            done = self.registry.modify(
                at,
                lambda live: apply.apply(live, body, manager, stamp, force=force),
                dry=request.dry(),
            )
        except ApiError as err:
            if err.code != 404 or at.sub:
                raise
        else:
            return 200, done
        made = apply.apply(None, body, manager, stamp, force=force)
        plain = Where(at.resource, at.namespace)
        return 201, self.registry.create(plain, made, dry=request.dry())

    def delete(self, request: Request, at: Where) -> tuple[int, Object]:
        options = request.json() or {}
        if "gracePeriodSeconds" in request.query:
            options["gracePeriodSeconds"] = int(request.query["gracePeriodSeconds"])
        if at.name:
            dry = request.dry() or "All" in (options.get("dryRun") or [])
            obj, gone = self.registry.delete(at, options, dry=dry)
            if not gone or at.resource.kind == "Pod":
                return 200, obj
            details = {
                "name": at.name,
                "group": at.resource.group,
                "kind": at.resource.plural,
                "uid": obj["metadata"]["uid"],
            }
            ok = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
            return 200, {**ok, "details": details}
        _, items = self.registry.list(at, self.test(request))
        for item in items:
            meta = item["metadata"]
            self.registry.delete(
                Where(at.resource, meta.get("namespace", ""), meta["name"]), options
            )
        kind = at.resource.kind + "List"
        return 200, {"kind": kind, "apiVersion": at.resource.api_version(), "items": items}


def _position(obj: Object) -> str:
    return f"{obj['metadata'].get('namespace', '')}/{obj['metadata']['name']}"
