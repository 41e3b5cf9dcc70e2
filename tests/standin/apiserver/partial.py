"""Metadata-only responses, as kube-apiserver v1.35.1 gives them."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]
_KIND, _VERSION = "PartialObjectMetadata", "meta.k8s.io/v1"


def accepted(found: Object, accept: str) -> Object:
    """The object or list, or its metadata if the header Accept prefers that."""
    wanted = accept.partition(",")[0].split(";")
    if f"as={_KIND}" in wanted and "items" not in found:
        return _partial(found)
    if f"as={_KIND}List" in wanted and "items" in found:
        head = {"kind": f"{_KIND}List", "apiVersion": _VERSION, "metadata": found["metadata"]}
        return {**head, "items": [_partial(item) for item in found["items"]]}
    return found


def _partial(found: Object) -> Object:
    return {"kind": _KIND, "apiVersion": _VERSION, "metadata": found["metadata"]}
