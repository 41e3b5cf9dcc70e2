"""Label and field selectors."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .errors import bad

Test = Callable[[dict[str, Any]], bool]
_SET = re.compile(r"^(\S+)\s+(in|notin)\s+\(([^)]*)\)$")


def labels(selector: str) -> Test:
    """A test for an object's labels from 'a=b,c!=d,e in (f,g),!h'."""
    tests = [_label(part.strip()) for part in re.split(r",(?![^()]*\))", selector) if part.strip()]
    return lambda obj: all(t(obj["metadata"].get("labels") or {}) for t in tests)


def _label(part: str) -> Callable[[dict[str, str]], bool]:
    found = _SET.match(part)
    if found:
        key, operator, values = found.groups()
        wanted = {v.strip() for v in values.split(",")}
        inside = operator == "in"
        return lambda have: (have.get(key) in wanted) == inside
    for operator in ("!=", "==", "="):
        if operator in part:
            key, _, value = part.partition(operator)
            equal = operator != "!="
            return lambda have: (have.get(key.strip()) == value.strip()) == equal
    if part.startswith("!"):
        return lambda have: part[1:] not in have
    return lambda have: part in have


def match_labels(selector: dict[str, Any] | None, have: dict[str, str]) -> bool:
    """A LabelSelector object against labels; an empty one matches all."""
    if selector is None:
        return False
    if any(have.get(k) != v for k, v in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_expression(e, have) for e in selector.get("matchExpressions") or [])


def _expression(expression: dict[str, Any], have: dict[str, str]) -> bool:
    value, values = have.get(expression["key"]), expression.get("values") or []
    return {
        "In": value in values,
        "NotIn": value not in values,
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }.get(expression["operator"], False)


def fields(selector: str) -> Test:
    """A test for an object's fields from 'metadata.name=x,spec.nodeName!=y'."""
    tests = [_field(part.strip()) for part in selector.split(",") if part.strip()]
    return lambda obj: all(t(obj) for t in tests)


def _field(part: str) -> Test:
    equal = "!=" not in part
    path, found, value = part.replace("==", "=").partition("=" if equal else "!=")
    if not found:
        raise bad(f'unable to parse field selector "{part}"')
    return lambda obj: (_value(obj, path.split(".")) == value) == equal


def _value(obj: Any, path: list[str]) -> str:
    for key in path:
        obj = obj.get(key) if isinstance(obj, dict) else None
    if isinstance(obj, bool):
        return str(obj).lower()
    return "" if obj is None else str(obj)
