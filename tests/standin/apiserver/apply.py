"""Server-side apply: merge, ownership of fields, conflicts."""

from __future__ import annotations

import copy
import json
from typing import Any

from .errors import ApiError
from .patch import merge_key

Path = tuple[str, ...]
_SKIPPED = {("apiVersion",), ("kind",), ("metadata",), ("metadata", "name")}
_SKIPPED |= {("metadata", "namespace"), ("metadata", "managedFields")}


def leaves(value: Any, path: Path = (), name: str = "") -> dict[Path, Any]:
    """Every owned field with its value; items of keyed lists are addressed by their key."""
    if isinstance(value, dict) and value:
        out: dict[Path, Any] = {}
        for key, item in value.items():
            out |= leaves(item, (*path, f"f:{key}"), key)
        return out
    if isinstance(value, list) and (key_name := merge_key(value, name)) and value:
        out = {}
        for item in value:
            out |= leaves(item, (*path, item_step(item, key_name)))
        return out
    plain = tuple(p[2:] for p in path)
    return {} if plain in _SKIPPED or plain[:2] == ("metadata", "managedFields") else {path: value}


def item_step(item: dict[str, Any], key: str) -> str:
    """How managedFields names an item of a list."""
    return "k:" + json.dumps({key: item.get(key)}, separators=(",", ":"))


def merge(target: Any, applied: Any, name: str = "") -> Any:
    """The live object with the applied fields in it."""
    if isinstance(applied, dict) and isinstance(target, dict):
        out = dict(target)
        for key, value in applied.items():
            out[key] = merge(out.get(key), value, key)
        return out
    if isinstance(applied, list) and isinstance(target, list):
        key = merge_key(applied, name)
        if key:
            rest = {i.get(key): i for i in target if isinstance(i, dict)}
            for item in applied:
                rest[item.get(key)] = merge(rest.get(item.get(key), {}), item)
            return list(rest.values())
    return copy.deepcopy(applied)


def _remove(value: Any, path: Path) -> None:
    """Take one field away, and an item or mapping that is empty then."""
    part, rest = path[0], path[1:]
    if part.startswith("k:") and isinstance(value, list):
        ((key, wanted),) = json.loads(part[2:]).items()
        item = next((i for i in value if i.get(key) == wanted), None)
        if item is not None:
            _remove(item, rest)
            if not item or set(item) == {key}:
                value.remove(item)
    elif isinstance(value, dict) and part[2:] in value:
        if not rest:
            del value[part[2:]]
            return
        _remove(value[part[2:]], rest)
        if value[part[2:]] in ({}, []):
            del value[part[2:]]


def tree(owned: list[Path]) -> dict[str, Any]:
    """The paths as ``fieldsV1``."""
    out: dict[str, Any] = {}
    for path in owned:
        node = out
        for part in path:
            node = node.setdefault(part, {})
    return out


def paths(fields: dict[str, Any], path: Path = ()) -> list[Path]:
    """The paths in ``fieldsV1``."""
    if not fields:
        return [path]
    return [p for key, sub in fields.items() for p in paths(sub, (*path, key))]


def apply(
    live: dict[str, Any] | None, wanted: dict[str, Any], manager: str, stamp: str, *, force: bool
) -> dict[str, Any]:
    """The object after manager applied its configuration."""
    owned = leaves(wanted)
    managed = list((live or {}).get("metadata", {}).get("managedFields", []))
    mine = next((m for m in managed if _is(m, manager)), None)
    others = [m for m in managed if m is not mine]
    current = leaves(live or {})
    taken = _conflicts(others, owned, current)
    if taken and not force:
        raise _conflict(taken)
    result = copy.deepcopy(live or {})
    for path in paths(mine["fieldsV1"]) if mine else []:
        if path and path not in owned and not any(path in paths(o["fieldsV1"]) for o in others):
            _remove(result, path)
    result = dict(merge(result, wanted))
    for other in others:
        left = [p for p in paths(other["fieldsV1"]) if p not in [c for _, c in taken]]
        other["fieldsV1"] = tree([p for p in left if p])
    entry = {
        "manager": manager,
        "operation": "Apply",
        "apiVersion": wanted["apiVersion"],
        "time": stamp,
        "fieldsType": "FieldsV1",
        "fieldsV1": tree(list(owned)),
    }
    result.setdefault("metadata", {})["managedFields"] = [*others, entry]
    return result


def _is(entry: dict[str, Any], manager: str) -> bool:
    return bool(entry.get("manager") == manager and entry.get("operation") == "Apply")


def _conflicts(
    others: list[dict[str, Any]], owned: dict[Path, Any], current: dict[Path, Any]
) -> list[tuple[str, Path]]:
    return [
        (other["manager"], path)
        for other in others
        for path in paths(other.get("fieldsV1", {}))
        if path in owned and path in current and current[path] != owned[path]
    ]


def _conflict(taken: list[tuple[str, Path]]) -> ApiError:
    lines = [f'conflict with "{m}": .{".".join(p[2:] for p in path)}' for m, path in taken]
    word = "conflict" if len(lines) == 1 else "conflicts"
    text = f"Apply failed with {len(lines)} {word}: {'; '.join(lines)}"
    return ApiError(409, "Conflict", text, {"causes": [{"message": line} for line in lines]})
