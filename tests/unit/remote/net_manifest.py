"""The shape of a real CNI's manifest: 20 objects of 8 kinds, and kinds that it defines itself."""

from typing import Any

from kbootstrap.model.document import Document

NAMESPACE = "net-system"
GROUP = "net.example"
Object = dict[str, Any]


def _object(version: str, kind: str, name: str, namespace: str = "", **rest: Any) -> Object:
    meta = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": version, "kind": kind, "metadata": meta, **rest}


def _definition(kind: str) -> Object:
    plural = f"{kind.lower()}s"
    names = {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"}
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema = {"openAPIV3Schema": anything}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    spec = {"group": GROUP, "names": names, "scope": "Cluster", "versions": [version]}
    name = f"{plural}.{GROUP}"
    return _object("apiextensions.k8s.io/v1", "CustomResourceDefinition", name, spec=spec)


def _workload(kind: str, name: str, **spec: Any) -> Object:
    labels = {"app": name}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "c", "image": "registry.example/net:1"}]},
    }
    spec = {"selector": {"matchLabels": labels}, "template": template, **spec}
    return _object("apps/v1", kind, name, NAMESPACE, spec=spec)


def _role(name: str) -> tuple[Object, Object]:
    rbac = "rbac.authorization.k8s.io"
    rule = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
    ref = {"apiGroup": rbac, "kind": "ClusterRole", "name": name}
    subject = {"kind": "ServiceAccount", "name": name, "namespace": NAMESPACE}
    binding = _object(f"{rbac}/v1", "ClusterRoleBinding", name, roleRef=ref, subjects=[subject])
    return _object(f"{rbac}/v1", "ClusterRole", name, rules=[rule]), binding


KINDS = ("Pool", "Peer", "Policy", "Zone", "Block")
NAMES = ("net-agent", "net-operator", "net-test")
OBJECTS: tuple[Object, ...] = (
    _object("v1", "Namespace", NAMESPACE),
    *map(_definition, KINDS),
    *(_object("v1", "ServiceAccount", name, NAMESPACE) for name in NAMES[:2]),
    *(one for name in NAMES[:2] for one in _role(name)),
    *(_object("v1", "ConfigMap", name, NAMESPACE, data={"a": "b"}) for name in NAMES),
    *(_object(f"{GROUP}/v1", kind, "default", spec={"a": 1}) for kind in KINDS[:3]),
    _workload("DaemonSet", "net-agent"),
    _workload("Deployment", "net-operator", replicas=1),
)
MANIFESTS = tuple(map(Document.of, OBJECTS))
