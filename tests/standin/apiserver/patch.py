"""The patch types: JSON patch, merge patch, strategic merge patch."""

from __future__ import annotations

import copy
from typing import Any

from .errors import bad

# the key by which items of a list are merged, by the list's name
MERGE_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "ephemeralContainers": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
    "env": "name",
    "ports": "containerPort",
    "conditions": "type",
    "ownerReferences": "uid",
    "addresses": "type",
    "imagePullSecrets": "name",
    "secrets": "name",
    "hostAliases": "ip",
}
_SETS = {"finalizers"}


def json_patch(target: Any, steps: list[dict[str, Any]]) -> Any:
    """RFC 6902."""
    document = copy.deepcopy(target)
    for step in steps:
        path = [p.replace("~1", "/").replace("~0", "~") for p in step["path"].split("/")[1:]]
        value = step.get("value")
        if step["op"] in {"move", "copy"}:
            source = [p.replace("~1", "/") for p in step["from"].split("/")[1:]]
            value = copy.deepcopy(_at(document, source))
            if step["op"] == "move":
                _edit(document, source, "remove", None)
        if step["op"] == "test":
            if _at(document, path) != value:
                raise bad(f"testing value {step['path']} failed")
        elif path:
            _edit(document, path, "add" if step["op"] in {"move", "copy"} else step["op"], value)
        else:
            document = value
    return document


def _at(document: Any, path: list[str]) -> Any:
    for part in path:
        try:
            document = document[int(part)] if isinstance(document, list) else document[part]
        except (KeyError, IndexError, ValueError, TypeError) as err:
            raise bad(f"the path /{'/'.join(path)} does not exist") from err
    return document


def _edit(document: Any, path: list[str], operation: str, value: Any) -> None:
    parent, last = _at(document, path[:-1]), path[-1]
    if isinstance(parent, list):
        index = len(parent) if last == "-" else int(last)
        if operation == "add":
            parent.insert(index, value)
        elif operation == "remove":
            del parent[index]
        else:
            parent[index] = value
    elif operation == "remove":
        if last not in parent:
            raise bad(f"remove operation does not apply: /{'/'.join(path)} does not exist")
        del parent[last]
    else:
        parent[last] = value


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    out = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            out.pop(key, None)
        else:
            out[key] = merge_patch(out.get(key), value)
    return out


def strategic(target: Any, patch: Any, name: str = "") -> Any:
    """Kubernetes' own: lists of named items are merged item by item."""
    if isinstance(patch, list):
        return _strategic_list(target, patch, name)
    if not isinstance(patch, dict):
        return patch
    if patch.get("$patch") == "replace":
        return {k: v for k, v in patch.items() if k != "$patch"}
    out = dict(target) if isinstance(target, dict) else {}
    retained = patch.get("$retainKeys", out)
    out = {k: v for k, v in out.items() if k in retained}
    _merge_fields(out, patch)
    return out


def _merge_fields(out: dict[str, Any], patch: dict[str, Any]) -> None:
    for key, value in patch.items():
        if key.startswith("$deleteFromPrimitiveList/"):
            field = key.split("/", 1)[1]
            out[field] = [v for v in out.get(field, []) if v not in value]
        elif value is None:
            out.pop(key, None)
        elif not key.startswith("$"):
            out[key] = strategic(out.get(key), value, key)


def merge_key(items: list[Any], name: str) -> str | None:
    """The merge key of a list, if its items have it."""
    key = MERGE_KEYS.get(name)
    if name == "ports" and not all(isinstance(i, dict) and "containerPort" in i for i in items):
        key = "port"
    return key if key and all(isinstance(i, dict) for i in items) else None


def _strategic_list(target: Any, patch: list[Any], name: str) -> list[Any]:
    old = list(target) if isinstance(target, list) else []
    if name in _SETS:
        return old + [v for v in patch if v not in old]
    key = merge_key([i for i in patch if isinstance(i, dict) and len(i) > 1], name)
    if key is None:
        return patch
    if any(i.get("$patch") == "replace" for i in patch):
        return [i for i in patch if "$patch" not in i]
    for item in patch:
        index = next((n for n, o in enumerate(old) if o.get(key) == item.get(key)), None)
        if item.get("$patch") == "delete":
            if index is not None:
                del old[index]
        elif index is None:
            old.append(strategic({}, item))
        else:
            old[index] = strategic(old[index], item)
    return old
