"""Turns pydantic's errors into violations that name keys and types of the inventory."""

import re
from typing import Any

from pydantic_core import ErrorDetails

from kbootstrap import codes
from kbootstrap.model.inventory import Inventory
from kbootstrap.model.problems import Path, Violation, is_private
from kbootstrap.model.schema_path import description_at, keys_at
from kbootstrap.model.validators.base import closest
from kbootstrap.model.yaml_source import YamlSource

_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
# Keys of kubeadm and other tools -> the key of the inventory.
_ELSEWHERE = {
    "criSocket": "runtime.type",
    "cri_socket": "runtime.type",
    "podSubnet": "network.pod_cidr",
    "serviceSubnet": "network.service_cidr",
    "controlPlaneEndpoint": "api.endpoint",
    "imageRepository": "registry.image_repository",
    "kubernetesVersion": "kubernetes.version",
    "clusterName": "cluster.name",
    "extraArgs": "kubeadm.extra_args",
    "kubeletExtraArgs": "kubelet_args",
    "advertiseAddress": "advertise_address",
    "ignorePreflightErrors": "ignore_preflight",
    "hosts": "nodes",
}


def location(error: ErrorDetails) -> Path:
    """The path of the error in the validated data."""
    loc = error["loc"]
    return loc[:-1] if loc and loc[-1] == "[key]" else loc


def violation(error: ErrorDetails, path: Path, source: YamlSource) -> Violation:
    """The error as a violation at ``path``, its location in the file."""
    if error["type"] == "missing":
        return Violation(
            code=codes.INV_MISSING_KEY,
            path=path,
            message="is missing",
            allowed=description_at(Inventory, location(error)),
        )
    if error["type"] == "extra_forbidden":
        return _unknown_key(path, keys_at(Inventory, location(error)[:-1]))
    while path and not source.knows(path):
        path = path[:-1]  # one scalar holds several values, such as two ranges
    if error["type"] == "inventory":
        texts = {key: error["ctx"][key] for key in ("code", "message", "allowed", "meant")}
        return Violation(path=path, at_key=error["loc"][-1:] == ("[key]",), **texts)
    if error["type"] == "literal_error":
        return _no_choice(error, path, source)
    return _wrong_type(error, path, source)


def _unknown_key(path: Path, known: tuple[str, ...]) -> Violation:
    key = str(path[-1])
    return Violation(
        code=codes.INV_UNKNOWN_KEY,
        path=path,
        message="unknown key",
        allowed=", ".join(known),
        meant=closest(key, known) or _ELSEWHERE.get(key, ""),
        at_key=True,
    )


def _no_choice(error: ErrorDetails, path: Path, source: YamlSource) -> Violation:
    known = re.findall(r"'([^']*)'", error["ctx"]["expected"])
    written = source.written(path)
    return Violation(
        code=codes.INV_VALUE,
        path=path,
        message=f"{written!r} is not allowed here" if written else "is not allowed here",
        allowed=", ".join(known),
        meant=closest(written, known),
    )


def _wrong_type(error: ErrorDetails, path: Path, source: YamlSource) -> Violation:
    wanted = _WANTED.get(error["type"], "of another type")
    value = source.value(path)
    written = "" if is_private(path) else source.written(path)
    allowed = ""
    if wanted == "text" and written:
        allowed = f'"{written}" in quotes'
    elif wanted == "true or false" and isinstance(value, str):
        allowed = "true or false, without quotes"
    elif wanted == "a whole number" and isinstance(value, str):
        allowed = "a number, without quotes"
    message = f"must be {wanted}, not {_kind(value)}"
    return Violation(code=codes.INV_TYPE, path=path, message=message, allowed=allowed)


def _kind(value: Any) -> str:
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "a list" if isinstance(value, tuple) else "a mapping"
