"""The roles and bindings kubeadm makes."""

from __future__ import annotations

from typing import Any

from tests.standin.common import kube
from tests.standin.common.kube import Kube

GROUP = "rbac.authorization.k8s.io"
BOOTSTRAPPERS = "system:bootstrappers:kubeadm:default-node-token"
NODES = "system:nodes"
Subject = dict[str, str]


def group(name: str) -> Subject:
    return {"apiGroup": GROUP, "kind": "Group", "name": name}


def user(name: str) -> Subject:
    return {"apiGroup": GROUP, "kind": "User", "name": name}


def role(api: Kube, namespace: str, name: str, resource: str, object_name: str) -> None:
    """A Role that allows to read one object."""
    rule = {
        "apiGroups": [""],
        "resourceNames": [object_name],
        "resources": [resource],
        "verbs": ["get"],
    }
    body: dict[str, Any] = {"metadata": {"name": name, "namespace": namespace}, "rules": [rule]}
    api.create_or_update(kube.path("roles", namespace, group=GROUP), body)


def bind(api: Kube, namespace: str, name: str, subjects: list[Subject]) -> None:
    """A RoleBinding to the Role of the same name."""
    ref = {"apiGroup": GROUP, "kind": "Role", "name": name}
    meta = {"name": name, "namespace": namespace}
    body = {"metadata": meta, "roleRef": ref, "subjects": subjects}
    api.create_or_update(kube.path("rolebindings", namespace, group=GROUP), body)


def cluster_role(api: Kube, name: str, rules: list[dict[str, Any]]) -> None:
    body = {"metadata": {"name": name}, "rules": rules}
    api.create_or_update(kube.path("clusterroles", group=GROUP), body)


def bind_cluster(api: Kube, name: str, cluster_role_name: str, subjects: list[Subject]) -> None:
    ref = {"apiGroup": GROUP, "kind": "ClusterRole", "name": cluster_role_name}
    body = {"metadata": {"name": name}, "roleRef": ref, "subjects": subjects}
    api.create_or_update(kube.path("clusterrolebindings", group=GROUP), body)
