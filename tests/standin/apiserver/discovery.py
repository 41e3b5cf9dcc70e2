"""The documents that list for clients which resources exist."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .resources import Resource

_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]


def core_versions(address: str) -> dict[str, Any]:
    cidrs = [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": cidrs}


def groups(resources: Iterable[Resource]) -> dict[str, Any]:
    versions: dict[str, list[str]] = {}
    for resource in resources:
        if resource.group and resource.version not in versions.setdefault(resource.group, []):
            versions[resource.group].append(resource.version)
    out = [group(name, found) for name, found in sorted(versions.items())]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": out}


def group(name: str, versions: list[str]) -> dict[str, Any]:
    entries = [{"groupVersion": f"{name}/{v}", "version": v} for v in versions]
    return {"name": name, "versions": entries, "preferredVersion": entries[0]}


def resource_list(resources: Iterable[Resource], api_version: str) -> dict[str, Any] | None:
    """The resources of one version, or None when it does not exist."""
    out = []
    for resource in resources:
        if resource.api_version() == api_version:
            out.append(_entry(resource))
            out += [_sub(resource, name) for name in resource.subresources]
    if not out:
        return None
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": api_version,
        "resources": out,
    }


def _entry(resource: Resource) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": resource.plural,
        "singularName": resource.kind.lower(),
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": _VERBS,
    }
    if resource.short:
        entry["shortNames"] = list(resource.short)
    return entry


_SUB_KINDS = {
    "eviction": ("Eviction", "policy", "v1"),
    "binding": ("Binding", "", ""),
}


def _sub(resource: Resource, name: str) -> dict[str, Any]:
    kind, group_name, version = _SUB_KINDS.get(name, (resource.kind, "", ""))
    posts = name in {"eviction", "binding"}
    entry: dict[str, Any] = {
        "name": f"{resource.plural}/{name}",
        "singularName": "",
        "namespaced": resource.namespaced,
        "kind": kind,
        "verbs": ["create"] if posts else ["get", "patch", "update"],
    }
    if group_name:
        entry |= {"group": group_name, "version": version}
    return entry
