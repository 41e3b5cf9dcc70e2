"""The JSON Schema of the inventory, with which editors complete and check it.

It holds keys, types, patterns and descriptions. Rules about several keys are checked by
`kbootstrap.model.checks`.
"""

from collections.abc import Iterable
from typing import Any

from kbootstrap.model.inventory import Inventory
from kbootstrap.model.kubernetes_names import (
    COMPONENT_GATES,
    FEATURE_GATES,
    KUBE_PROXY_FIELDS,
    KUBELET_FIELDS,
    PHASES,
    PREFLIGHT_CHECKS,
)

DRAFT = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]


def json_schema() -> Schema:
    """The schema as plain data; a new copy each time."""
    schema = _tidy(Inventory.model_json_schema())
    _suggest(schema)
    title = "kbootstrap inventory"
    return {"$schema": DRAFT, "title": title, **schema}


def _tidy(schema: Any) -> Any:
    """The schema without pydantic's titles and without defaults that are null or a section."""
    if isinstance(schema, list):
        return [_tidy(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    dropped = {"title"} if isinstance(schema.get("title"), str) else set()
    if schema.get("default", 0) is None or isinstance(schema.get("default"), dict):
        dropped.add("default")
    return {key: _tidy(value) for key, value in schema.items() if key not in dropped}


def _suggest(schema: Schema) -> None:
    """Add names that editors can complete; other names stay allowed, as releases differ."""
    definitions = schema["$defs"]
    kubeadm = definitions["KubeadmSection"]["properties"]
    kubeadm["skip_phases"]["items"] = _names(PHASES)
    kubeadm["ignore_preflight"]["items"] = _names(PREFLIGHT_CHECKS)
    kubeadm["feature_gates"]["properties"] = _switches(FEATURE_GATES)
    for holder in ("Settings", "NodeEntry"):
        listed = definitions[holder]["properties"]["ignore_preflight"]["anyOf"][0]
        listed["items"] = _names(PREFLIGHT_CHECKS)
    for section, fields in (("kubelet", KUBELET_FIELDS), ("kube_proxy", KUBE_PROXY_FIELDS)):
        schema["properties"][section]["properties"] = {
            **{name: {} for name in fields},
            "featureGates": {"properties": _switches(COMPONENT_GATES)},
        }


def _switches(names: Iterable[str]) -> Schema:
    return {name: {"type": "boolean"} for name in names}


def _names(known: Iterable[str]) -> Schema:
    return {"anyOf": [{"enum": list(known)}, {"type": "string"}]}
