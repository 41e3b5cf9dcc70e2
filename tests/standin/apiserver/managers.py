"""Who wrote an object, and when: managedFields of requests other than server-side apply."""

from __future__ import annotations

import re
from typing import Any

from tests.standin.common import times

from . import apply
from .apply import Path

Object = dict[str, Any]


def manager_of(user_agent: str) -> str:
    """The field manager of a request that names none."""
    return re.split(r"[/ ]", user_agent or "unknown")[0]


def written(new: Object, manager: str, before: Object | None = None) -> Object:
    """The object with the entry of its last writer, which owns each field that it changed."""
    if before is not None and _content(before) == _content(new):
        return new
    if _content(new) == {"metadata": {"name": new["metadata"].get("name")}}:
        return new  # it has no field that could have a manager, such as a ServiceAccount
    meta = new["metadata"] = dict(new.get("metadata") or {})
    managed = list(meta.get("managedFields") or (before or {}).get("metadata", {}).get(
        "managedFields", []
    ))  # fmt: skip
    old, now = _fields(before or {}), _fields(new)
    changed = {path for path, value in now.items() if path not in old or old[path] != value}
    entries = []
    for entry in managed:
        mine = (entry["manager"], entry["operation"]) == (manager, "Update")
        held = {path for path in apply.paths(entry["fieldsV1"]) if path in now}
        if mine:
            changed |= held
        else:
            entries.append(entry | {"fieldsV1": apply.tree(sorted(held - changed))})
    entry = {
        "manager": manager,
        "operation": "Update",
        "time": times.stamp(),
        "fieldsType": "FieldsV1",
        "fieldsV1": apply.tree(sorted(changed)),
    }
    meta["managedFields"] = [*(e for e in entries if e["fieldsV1"]), entry]
    return new


def _fields(obj: Object) -> dict[Path, Any]:
    """Every field, and ``.`` for each item of a list, which its first writer owns."""
    found = apply.leaves(_content(obj))
    for path in [*found]:
        for at, step in enumerate(path, 1):
            if step.startswith("k:"):
                found[(*path[:at], ".")] = None
    return found


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
