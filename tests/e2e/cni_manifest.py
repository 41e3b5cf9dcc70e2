"""The manifest of a pod network, in the shape of flannel's and Calico's.

An agent on the network of the node; its init container writes the CNI configuration of a ConfigMap
to the node, which is not Ready before. A custom resource and its definition are in one List, as
`kubectl get -o yaml` writes it.
"""

import json
from typing import Any

NAMESPACE, NAME = "lab-net", "agent"
CONFLIST = "/etc/cni/net.d/10-lab.conflist"
KINDS = (
    *("Namespace", "CustomResourceDefinition", "IPPool", "ServiceAccount", "ClusterRole"),
    *("ClusterRoleBinding", "ConfigMap", "DaemonSet"),
)
GROUP = "net.example.test"
RANGES = ("10.244.250.0/24", "fd00:244:0:fa::/64")


def conflist(mtu: int) -> str:
    """A bridge on each node whose pods have both families; every node has the same ranges."""
    ipam = {"type": "host-local", "ranges": [[{"subnet": subnet}] for subnet in RANGES]}
    bridge = {"type": "bridge", "bridge": "cni0", "isGateway": True, "mtu": mtu, "ipam": ipam}
    return json.dumps({"cniVersion": "0.4.0", "name": "lab", "plugins": [bridge]})


def manifest(image: str, mtu: int) -> list[dict[str, Any]]:
    """All objects; the image has a `cp` and, as its entry point, the agent."""
    meta = {"name": NAME, "namespace": NAMESPACE}
    pool = {
        "apiVersion": f"{GROUP}/v1",
        "kind": "IPPool",
        "metadata": {"name": "default"},
        "spec": {"cidrs": list(RANGES)},
    }
    return [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {
                "name": NAMESPACE,
                "labels": {"pod-security.kubernetes.io/enforce": "privileged"},
            },
        },
        {"apiVersion": "v1", "kind": "List", "items": [_definition(), pool]},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta},
        *_rights(),
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": meta,
            "data": {"cni.conflist": conflist(mtu)},
        },
        {
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "metadata": meta | {"labels": {"app": NAME}},
            "spec": {
                "selector": {"matchLabels": {"app": NAME}},
                "template": {"metadata": {"labels": {"app": NAME}}, "spec": _pod(image, mtu)},
            },
        },
    ]


def _definition() -> dict[str, Any]:
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": anything}}},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"ippools.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {"kind": "IPPool", "plural": "ippools", "singular": "ippool"},
            "scope": "Cluster",
            "versions": [version],
        },
    }


def _rights() -> list[dict[str, Any]]:
    rules = [
        {"apiGroups": [""], "resources": ["pods", "nodes"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": [GROUP], "resources": ["ippools"], "verbs": ["get", "list", "watch"]},
    ]
    rbac = "rbac.authorization.k8s.io"
    return [
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "ClusterRole",
            "metadata": {"name": NAME},
            "rules": rules,
        },
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": NAME},
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": NAME},
            "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}],
        },
    ]


def _pod(image: str, mtu: int) -> dict[str, Any]:
    """The pod of the DaemonSet."""
    install = {
        "name": "install-cni",
        "image": image,
        "command": ["cp"],
        "args": ["-f", "/config/cni.conflist", "/host/cni/10-lab.conflist"],
        "volumeMounts": [
            {"name": "config", "mountPath": "/config"},
            {"name": "cni", "mountPath": "/host/cni"},
        ],
    }
    agent = {
        "name": NAME,
        "image": image,
        "env": [{"name": "MTU", "value": str(mtu)}],
        "securityContext": {"capabilities": {"add": ["NET_ADMIN", "NET_RAW"]}},
    }
    return {
        "hostNetwork": True,
        "priorityClassName": "system-node-critical",
        "serviceAccountName": NAME,
        "terminationGracePeriodSeconds": 1,
        "tolerations": [{"operator": "Exists", "effect": "NoSchedule"}],
        "initContainers": [install],
        "containers": [agent],
        "volumes": [
            {"name": "config", "configMap": {"name": NAME}},
            {"name": "cni", "hostPath": {"path": "/etc/cni/net.d", "type": "DirectoryOrCreate"}},
        ],
    }
