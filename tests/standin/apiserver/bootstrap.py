"""The objects a fresh API server makes for itself."""

from __future__ import annotations

import ipaddress
from typing import Any

from .errors import ApiError
from .registry import Registry, Where
from .resources import by_kind

_RBAC = "rbac.authorization.k8s.io"
_READ = ["get", "list", "watch"]
_ALL = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
_CSR = {"apiGroups": ["certificates.k8s.io"], "resources": ["certificatesigningrequests"]}
_PUBLIC = ["/healthz", "/livez", "/readyz", "/version", "/version/"]
_DISCOVERY = [*_PUBLIC, "/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*"]


def _signer(verb: str) -> list[dict[str, Any]]:
    return [
        {
            "apiGroups": ["certificates.k8s.io"],
            "resources": [f"certificatesigningrequests/{verb}"],
            "verbs": ["create"],
        }
    ]


ROLES: dict[str, list[dict[str, Any]]] = {
    "cluster-admin": [_ALL, {"nonResourceURLs": ["*"], "verbs": ["*"]}],
    "admin": [_ALL],
    "edit": [_ALL],
    "view": [{"apiGroups": ["*"], "resources": ["*"], "verbs": _READ}],
    "system:public-info-viewer": [{"nonResourceURLs": _PUBLIC, "verbs": ["get"]}],
    "system:discovery": [{"nonResourceURLs": _DISCOVERY, "verbs": ["get"]}],
    "system:monitoring": [{"nonResourceURLs": [*_PUBLIC, "/metrics"], "verbs": ["get"]}],
    "system:basic-user": [
        {
            "apiGroups": ["authorization.k8s.io", "authentication.k8s.io"],
            "resources": ["selfsubjectaccessreviews", "selfsubjectreviews"],
            "verbs": ["create"],
        }
    ],
    "system:node-bootstrapper": [{**_CSR, "verbs": ["create", *_READ]}],
    "system:certificates.k8s.io:certificatesigningrequests:nodeclient": _signer("nodeclient"),
    "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient": _signer(
        "selfnodeclient"
    ),
    "system:node-proxier": [
        {
            "apiGroups": ["", "discovery.k8s.io"],
            "resources": ["services", "endpoints", "nodes", "endpointslices"],
            "verbs": _READ,
        }
    ],
    "system:node": [],
    "system:kube-dns": [
        {"apiGroups": [""], "resources": ["endpoints", "services"], "verbs": ["list", "watch"]}
    ],
}
_BINDINGS = {
    "cluster-admin": ("cluster-admin", ["system:masters"]),
    "system:discovery": ("system:discovery", ["system:authenticated"]),
    "system:basic-user": ("system:basic-user", ["system:authenticated"]),
    "system:public-info-viewer": (
        "system:public-info-viewer",
        ["system:authenticated", "system:unauthenticated"],
    ),
    "system:monitoring": ("system:monitoring", ["system:monitoring"]),
}


def objects(service_cidr: str, advertise: str, port: int) -> list[dict[str, Any]]:
    """All of them, in the order of creation."""
    out: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        for name in ("default", "kube-system", "kube-public", "kube-node-lease")
    ]
    label = {"kubernetes.io/bootstrapping": "rbac-defaults"}
    rbac = f"{_RBAC}/v1"
    for name, rules in ROLES.items():
        meta = {"name": name, "labels": label}
        out.append({"apiVersion": rbac, "kind": "ClusterRole", "metadata": meta, "rules": rules})
    for name, (role, groups) in _BINDINGS.items():
        out.append(
            {
                "apiVersion": rbac,
                "kind": "ClusterRoleBinding",
                "metadata": {"name": name, "labels": label},
                "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": role},
                "subjects": [{"apiGroup": _RBAC, "kind": "Group", "name": g} for g in groups],
            }
        )
    for name, value in (
        ("system-node-critical", 2000001000),
        ("system-cluster-critical", 2000000000),
    ):
        out.append(
            {
                "apiVersion": "scheduling.k8s.io/v1",
                "kind": "PriorityClass",
                "metadata": {"name": name},
                "value": value,
            }
        )
    first = ipaddress.ip_network(service_cidr.split(",", maxsplit=1)[0], strict=False)[1]
    meta = {"name": "kubernetes", "namespace": "default"}
    ports = [{"name": "https", "port": 443, "targetPort": port, "protocol": "TCP"}]
    spec = {"clusterIP": str(first), "ports": ports, "type": "ClusterIP"}
    labelled = {**meta, "labels": {"component": "apiserver", "provider": "kubernetes"}}
    out.append({"apiVersion": "v1", "kind": "Service", "metadata": labelled, "spec": spec})
    subset = {"addresses": [{"ip": advertise}], "ports": [{"name": "https", "port": port}]}
    out.append({"apiVersion": "v1", "kind": "Endpoints", "metadata": meta, "subsets": [subset]})
    return out


def ensure(registry: Registry, wanted: list[dict[str, Any]]) -> None:
    """Create what is missing."""
    for obj in wanted:
        resource = by_kind(obj["kind"], obj["apiVersion"])
        if resource is None:
            continue
        namespace = obj["metadata"].get("namespace", "")
        try:
            registry.create(Where(resource, namespace), obj)
        except ApiError as err:
            if err.reason != "AlreadyExists":
                raise
