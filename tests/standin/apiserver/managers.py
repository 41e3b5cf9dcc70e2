"""Who wrote an object, and when: managedFields of requests other than server-side apply."""

from __future__ import annotations

import re
from typing import Any

from tests.standin.common import times

Object = dict[str, Any]


def manager_of(user_agent: str) -> str:
    """The field manager of a request that names none."""
    return re.split(r"[/ ]", user_agent or "unknown")[0]


def written(new: Object, manager: str, before: Object | None = None) -> Object:
    """The object with the entry of its last writer; which fields are its own is left out."""
    if before is not None and _content(before) == _content(new):
        return new
    if _content(new) == {"metadata": {"name": new["metadata"].get("name")}}:
        return new  # it has no field that could have a manager, such as a ServiceAccount
    meta = new["metadata"] = dict(new.get("metadata") or {})
    managed = list(meta.get("managedFields") or (before or {}).get("metadata", {}).get(
        "managedFields", []
    ))  # fmt: skip
    entry = {
        "manager": manager,
        "operation": "Update",
        "time": times.stamp(),
        "fieldsType": "FieldsV1",
        "fieldsV1": {},
    }
    others = [m for m in managed if (m["manager"], m["operation"]) != (manager, "Update")]
    meta["managedFields"] = [*others, entry]
    return new


def _content(obj: Object) -> Object:
    """All but what the server itself sets."""
    own = {
        "resourceVersion",
        "managedFields",
        "generation",
        "uid",
        "creationTimestamp",
        "namespace",
    }
    meta = {k: v for k, v in (obj.get("metadata") or {}).items() if k not in own and v != {}}
    rest = {k: v for k, v in obj.items() if k not in {"status", "apiVersion", "kind", "metadata"}}
    return {**rest, "metadata": meta}
