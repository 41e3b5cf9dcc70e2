"""What the server itself puts into new objects, and what it refuses."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import random
import re
import string
import uuid
from typing import Any

from tests.standin.common import times

from .cache import Cache
from .errors import bad, invalid
from .resources import Resource, built_in

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or"
    " '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used"
    " for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_NO_GENERATION = {"ConfigMap", "Secret", "Node", "Namespace", "ServiceAccount", "Event", "Lease"}


def metadata(resource: Resource, namespace: str, obj: dict[str, Any]) -> None:
    """Fill and check the metadata of a new object."""
    meta = obj.setdefault("metadata", {})
    obj["apiVersion"], obj["kind"] = resource.api_version(), resource.kind
    if not meta.get("name") and meta.get("generateName"):
        alphabet = "bcdfghjklmnpqrstvwxz2456789"
        meta["name"] = meta["generateName"] + "".join(random.choices(alphabet, k=5))  # noqa: S311
    name = meta.get("name") or ""
    if not name:
        raise invalid(
            resource, "", "metadata.name: Required value: name or generateName is required"
        )
    if not resource.group.startswith("rbac") and not _NAME.fullmatch(name):
        raise invalid(resource, name, f'metadata.name: Invalid value: "{name}": {_SUBDOMAIN}')
    if resource.namespaced:
        if meta.get("namespace") not in {None, "", namespace}:
            raise bad(
                "the namespace of the provided object does not match the namespace sent on the"
                " request"
            )
        meta["namespace"] = namespace
    else:
        meta.pop("namespace", None)
    meta["uid"] = str(uuid.uuid4())
    meta["creationTimestamp"] = times.stamp()
    meta.pop("resourceVersion", None)
    if resource.kind not in _NO_GENERATION and "spec" in obj:
        meta["generation"] = 1


def fill(resource: Resource, obj: dict[str, Any], cache: Cache, service_cidr: str) -> None:
    """Defaults of the kinds people look at."""
    fillers = {
        "Namespace": _namespace,
        "Pod": _pod,
        "Secret": _secret,
        "Deployment": _deployment,
        "DaemonSet": _daemonset,
        "CustomResourceDefinition": _crd,
        "Job": _job,
    }
    if resource.custom:
        return
    if resource.kind == "Service":
        _service(obj, cache, service_cidr)
    elif resource.kind in fillers:
        fillers[resource.kind](resource, obj)


def check(resource: Resource, obj: dict[str, Any]) -> None:
    """Refuse what every version of an object must not have."""
    name = obj["metadata"].get("name", "")
    if resource.kind == "ConfigMap" and not resource.group:
        for key, value in (obj.get("data") or {}).items():
            if not isinstance(value, str):
                raise bad(
                    'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot'
                    f" unmarshal {type(value).__name__} into Go struct field ConfigMap.data of type"
                    f" string ({key})"
                )
    if resource.kind == "Secret" and not resource.group:
        for key, value in (obj.get("data") or {}).items():
            try:
                base64.b64decode(value or "", validate=True)
            except (binascii.Error, ValueError) as err:
                raise bad(f'illegal base64 data in data["{key}"] of Secret "{name}"') from err


def _namespace(_resource: Resource, obj: dict[str, Any]) -> None:
    obj.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
    obj["status"] = {"phase": "Active"}
    labels = obj["metadata"].setdefault("labels", {})
    labels["kubernetes.io/metadata.name"] = obj["metadata"]["name"]


def _pod(_resource: Resource, obj: dict[str, Any]) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("terminationGracePeriodSeconds", 30)
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("schedulerName", "default-scheduler")
    spec.setdefault("serviceAccountName", "default")
    obj.setdefault("status", {"phase": "Pending"})


def _secret(_resource: Resource, obj: dict[str, Any]) -> None:
    obj.setdefault("type", "Opaque")
    for key, value in (obj.pop("stringData", None) or {}).items():
        obj.setdefault("data", {})[key] = base64.b64encode(value.encode()).decode()


def _deployment(_resource: Resource, obj: dict[str, Any]) -> None:
    spec = obj["spec"]
    spec.setdefault("replicas", 1)
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)
    rolling = {"maxUnavailable": "25%", "maxSurge": "25%"}
    spec.setdefault("strategy", {"type": "RollingUpdate", "rollingUpdate": rolling})
    obj.setdefault("status", {})


def _daemonset(_resource: Resource, obj: dict[str, Any]) -> None:
    rolling = {"maxUnavailable": 1, "maxSurge": 0}
    obj["spec"].setdefault("updateStrategy", {"type": "RollingUpdate", "rollingUpdate": rolling})
    obj.setdefault("status", {})


def _job(_resource: Resource, obj: dict[str, Any]) -> None:
    spec = obj["spec"]
    for field, value in (("completions", 1), ("parallelism", 1), ("backoffLimit", 6)):
        spec.setdefault(field, value)
    obj.setdefault("status", {})


def _crd(_resource: Resource, obj: dict[str, Any]) -> None:
    names = obj["spec"]["names"]
    names.setdefault("singular", names["kind"].lower())
    names.setdefault("listKind", names["kind"] + "List")
    stamp = times.stamp()
    conditions = [
        {"type": kind, "status": "True", "reason": reason, "lastTransitionTime": stamp}
        for kind, reason in (
            ("NamesAccepted", "NoConflicts"),
            ("Established", "InitialNamesAccepted"),
        )
    ]
    stored = [v["name"] for v in obj["spec"]["versions"] if v.get("storage")]
    obj["status"] = {"conditions": conditions, "acceptedNames": names, "storedVersions": stored}


def _service(obj: dict[str, Any], cache: Cache, service_cidr: str) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("type", "ClusterIP")
    for port in spec.get("ports") or []:
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port["port"])
    if spec["type"] != "ExternalName" and not spec.get("clusterIP"):
        spec["clusterIP"] = _free_address(cache, service_cidr)
    if spec.get("clusterIP"):
        spec.setdefault("clusterIPs", [spec["clusterIP"]])
    obj.setdefault("status", {"loadBalancer": {}})


def _free_address(cache: Cache, service_cidr: str) -> str:
    network = ipaddress.ip_network(service_cidr.split(",", maxsplit=1)[0], strict=False)
    services = cache.under(built_in("services").prefix())
    used = {s["spec"].get("clusterIP") for s in services}
    number = 256 if network.num_addresses > 512 else 11
    while str(network[number]) in used:
        number += 1
    return str(network[number])


def random_suffix(count: int = 5) -> str:
    return "".join(random.choices(string.ascii_lowercase + string.digits, k=count))  # noqa: S311
