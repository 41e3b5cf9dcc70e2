"""What a request does to stored objects, without HTTP."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

from tests.standin.common import times
from tests.standin.etcd.client import Etcd
from tests.standin.etcd.peers import EtcdError

from . import defaults, errors, managers
from .cache import Cache, stamped
from .resources import Resource, built_in

Object = dict[str, Any]
Change = Callable[[Object], Object]
_RETRIES = 12


@dataclasses.dataclass(frozen=True)
class Where:
    """One object, or a collection when it has no name."""

    resource: Resource
    namespace: str = ""
    name: str = ""
    sub: str = ""

    def key(self) -> str:
        return self.resource.key(self.namespace, self.name)


class Registry:
    """Objects in etcd; every change is checked against the revision it was made for."""

    def __init__(self, etcd: Etcd, cache: Cache, service_cidr: str = "10.96.0.0/12") -> None:
        self.etcd, self.cache, self.service_cidr = etcd, cache, service_cidr

    def get(self, at: Where) -> Object:
        return self._found(at)[0]

    def _found(self, at: Where) -> tuple[Object, int]:
        found = self.etcd.get(at.key())
        if found is None:
            raise errors.not_found(at.resource, at.name)
        return stamped(found[0], found[2]), found[2]

    def list(self, at: Where, test: Callable[[Object], bool]) -> tuple[int, list[Object]]:
        prefix = at.resource.prefix(at.namespace if at.resource.namespaced else "")
        revision, found = self.etcd.under(prefix)
        items = [stamped(value, modified) for value, _, modified in found.values()]
        return revision, [i for i in items if test(i)]

    def create(self, at: Where, obj: Object, *, dry: bool = False) -> Object:
        obj = copy.deepcopy(obj)
        defaults.metadata(at.resource, at.namespace, obj)
        self._need_namespace(at)
        defaults.fill(at.resource, obj, self.cache, self.service_cidr)
        defaults.check(at.resource, obj)
        at = dataclasses.replace(at, name=obj["metadata"]["name"])
        if dry:
            return obj
        revision = self.etcd.put(at.key(), obj, expect=0)
        if revision is None:
            raise errors.exists(at.resource, at.name)
        return stamped(obj, revision)

    def _need_namespace(self, at: Where) -> None:
        if not at.resource.namespaced:
            return
        kind = built_in("namespaces")
        key = kind.key("", at.namespace)
        found = self.cache.get(key) or (self.etcd.get(key) or [None])[0]
        if found is None:
            raise errors.not_found(kind, at.namespace)
        if found["metadata"].get("deletionTimestamp"):
            text = (
                f'{at.resource.full_name()} "{at.name}" is forbidden: unable to create new content'
                f" in namespace {at.namespace} because it is being terminated"
            )
            raise errors.ApiError(403, "Forbidden", text)

    def update(self, at: Where, obj: Object, manager: str = "", *, dry: bool = False) -> Object:
        """Replace an object, or its status."""
        wanted = str(obj.get("metadata", {}).get("resourceVersion") or "")
        if obj.get("metadata", {}).get("name", at.name) != at.name:
            raise errors.bad("the name of the object does not match the name on the URL")

        def change(current: Object) -> Object:
            if wanted and wanted != current["metadata"]["resourceVersion"]:
                raise errors.conflict(at.resource, at.name)
            return managers.written(copy.deepcopy(obj), manager, current) if manager else obj

        return self.modify(at, change, dry=dry)

    def modify(self, at: Where, change: Change, *, dry: bool = False) -> Object:
        """Read, change and store; again when another client was faster."""
        for _ in range(_RETRIES):
            current, revision = self._found(at)
            new = _keep(at, current, change(copy.deepcopy(current)))
            defaults.check(at.resource, new)
            if dry or _same(current, new):
                return stamped(new, revision)
            if _finished(new):
                self.etcd.delete(at.key(), expect=revision)
                return stamped(new, revision)
            stored = self.etcd.put(at.key(), _bare(new), expect=revision)
            if stored is not None:
                return stamped(new, stored)
        raise errors.conflict(at.resource, at.name)

    def delete(self, at: Where, options: Object, *, dry: bool = False) -> tuple[Object, bool]:
        """Delete or mark as being deleted; (object, gone)."""
        for _ in range(_RETRIES):
            current, revision = self._found(at)
            _preconditions(at, current, options)
            meta = current["metadata"]
            grace = _grace(at, current, options)
            if dry:
                return current, True
            if not meta.get("finalizers") and not grace and not _has_content(at, current):
                if self.etcd.delete(at.key(), expect=revision) is not None:
                    return current, True
                continue
            if meta.get("deletionTimestamp") and meta.get("deletionGracePeriodSeconds", 0) <= grace:
                return current, False
            marked = copy.deepcopy(current)
            marked["metadata"]["deletionTimestamp"] = times.stamp()
            marked["metadata"]["deletionGracePeriodSeconds"] = grace
            if at.resource.kind == "Namespace":
                marked["status"] = {"phase": "Terminating"}
            stored = self.etcd.put(at.key(), _bare(marked), expect=revision)
            if stored is not None:
                return stamped(marked, stored), False
        raise errors.conflict(at.resource, at.name)

    def healthy(self) -> bool:
        try:
            self.etcd.get("health")
        except EtcdError:
            return False
        return True


def _bare(obj: Object) -> Object:
    meta = {k: v for k, v in obj["metadata"].items() if k != "resourceVersion"}
    return {**obj, "metadata": meta}


def _same(old: Object, new: Object) -> bool:
    return _without_times(_bare(old)) == _without_times(_bare(new))


def _without_times(obj: Object) -> Object:
    managed = [
        {k: v for k, v in m.items() if k != "time"}
        for m in obj["metadata"].get("managedFields") or []
    ]
    return {**obj, "metadata": {**obj["metadata"], "managedFields": managed}}


def _keep(at: Where, current: Object, new: Object) -> Object:
    """What an update cannot change: identity, and the other half of spec and status."""
    new["apiVersion"], new["kind"] = current["apiVersion"], current["kind"]
    meta = new.setdefault("metadata", {})
    for field in ("uid", "creationTimestamp", "namespace", "name", "deletionTimestamp"):
        if field in current["metadata"]:
            meta[field] = current["metadata"][field]
    if "managedFields" in current["metadata"]:
        meta.setdefault("managedFields", current["metadata"]["managedFields"])
    if at.sub == "status":
        return _only_status(current, new)
    if "status" in at.resource.subresources and not at.sub and not at.resource.custom:
        new["status"] = current.get("status", {})
    if "generation" in current["metadata"]:
        changed = new.get("spec") != current.get("spec")
        meta["generation"] = current["metadata"]["generation"] + changed
    return new


def _only_status(current: Object, new: Object) -> Object:
    """What an update of the status may change."""
    both = {f: new["metadata"][f] for f in ("annotations", "labels") if f in new["metadata"]}
    return {
        **current,
        "metadata": {**current["metadata"], **both},
        "status": new.get("status", {}),
    }


def _finished(obj: Object) -> bool:
    meta = obj["metadata"]
    if obj["kind"] in {"Namespace", "Pod"}:
        return False
    return bool(meta.get("deletionTimestamp") and not meta.get("finalizers"))


def _grace(at: Where, current: Object, options: Object) -> int:
    if at.resource.kind != "Pod" or not current["spec"].get("nodeName"):
        return 0
    if current.get("status", {}).get("phase") in {"Succeeded", "Failed"}:
        return 0
    wanted = options.get("gracePeriodSeconds")
    default = current["spec"].get("terminationGracePeriodSeconds", 30)
    return int(default if wanted is None else wanted)


def _has_content(at: Where, current: Object) -> bool:
    return at.resource.kind == "Namespace" and bool(current.get("spec", {}).get("finalizers"))


def _preconditions(at: Where, current: Object, options: Object) -> None:
    wanted = options.get("preconditions") or {}
    meta = current["metadata"]
    for field in ("uid", "resourceVersion"):
        if wanted.get(field) and wanted[field] != meta[field]:
            why = (
                f"Precondition failed: {field} in precondition: {wanted[field]},"
                f" {field} in object meta: {meta[field]}"
            )
            raise errors.conflict(at.resource, at.name, why)
