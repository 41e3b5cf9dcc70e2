"""The values of fields that a configuration leaves out."""

from __future__ import annotations

import copy
import secrets
import socket as sockets
import string
from typing import Any

from tests.standin.common.klog import FatalError, warning
from tests.standin.cri.client import socket_path

from . import net

Config = dict[str, Any]


SOCKETS = (
    "unix:///var/run/containerd/containerd.sock",
    "unix:///var/run/crio/crio.sock",
    "unix:///var/run/cri-dockerd.sock",
)


TIMEOUTS = {
    "controlPlaneComponentHealthCheck": "4m0s",
    "kubeletHealthCheck": "4m0s",
    "kubernetesAPICall": "1m0s",
    "etcdAPICall": "2m0s",
    "tlsBootstrap": "5m0s",
    "discovery": "5m0s",
    "upgradeManifests": "5m0s",
}


CONTROL_PLANE_TAINT = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}


def new_token() -> str:
    alphabet = string.ascii_lowercase + string.digits
    return ".".join("".join(secrets.choice(alphabet) for _ in range(n)) for n in (6, 16))


def detect_socket() -> str:
    """The only runtime that answers; containerd's when there is none."""
    alive = []
    for endpoint in SOCKETS:
        with sockets.socket(sockets.AF_UNIX) as probe:
            try:
                probe.connect(socket_path(endpoint))
            except OSError:
                continue
            alive.append(endpoint)
    if len(alive) > 1:
        raise FatalError(
            "found multiple CRI endpoints on the host. Please define which one do you wish to"
            " use by"
            " setting the 'criSocket' field in the kubeadm configuration file: " + ", ".join(alive)
        )
    return alive[0] if alive else SOCKETS[0]


def cri_socket(given: str, *, detect: bool) -> str:
    if not given:
        return detect_socket() if detect else SOCKETS[0]
    if given.startswith("unix"):
        return given
    warning(
        "Usage of CRI endpoints without URL scheme is deprecated and can cause kubelet errors"
        " in the"
        f' future. Automatically prepending scheme "unix" to the "criSocket" with value "{given}".'
        " Please update your configuration!",
        "initconfiguration.go:126",
    )
    return f"unix://{given}"


def node_defaults(given: Config | None, *, plane: bool, detect: bool) -> Config:
    node = dict(given or {})
    node["name"] = (node.get("name") or sockets.gethostname()).strip().lower()
    node["criSocket"] = cri_socket(node.get("criSocket") or "", detect=detect)
    if node.get("taints") is None:
        node["taints"] = [CONTROL_PLANE_TAINT] if plane else None
    node.setdefault("imagePullPolicy", "IfNotPresent")
    if node.get("imagePullSerial") is None:
        node["imagePullSerial"] = True
    return node


def endpoint_defaults(given: Config | None) -> Config:
    found = dict(given or {})
    address = net.advertise_address(found.get("advertiseAddress") or "")
    return {"advertiseAddress": address, "bindPort": found.get("bindPort") or 6443}


def timeouts_defaults(given: Config | None) -> Config:
    return {**TIMEOUTS, **{k: v for k, v in (given or {}).items() if v is not None}}


def init_defaults(given: Config, *, detect: bool = True) -> Config:
    config = copy.deepcopy(given)
    tokens = config.get("bootstrapTokens") or [{}]
    for item in tokens:
        item["_ttl_given"] = item.get("ttl") is not None
        if not item.get("expires") and item.get("ttl") is None:
            item["ttl"] = "24h0m0s"
        item["token"] = item.get("token") or new_token()
        item["usages"] = item.get("usages") or ["signing", "authentication"]
        if item.get("groups") is None:
            item["groups"] = ["system:bootstrappers:kubeadm:default-node-token"]
    config["bootstrapTokens"] = tokens
    config["nodeRegistration"] = node_defaults(
        config.get("nodeRegistration"), plane=True, detect=detect
    )
    config["localAPIEndpoint"] = endpoint_defaults(config.get("localAPIEndpoint"))
    config["timeouts"] = timeouts_defaults(config.get("timeouts"))
    return config


def cluster_defaults(given: Config, bind_port: int) -> Config:
    cluster = copy.deepcopy(given)
    cluster["kubernetesVersion"] = cluster.get("kubernetesVersion") or "stable-1"
    simple = {
        "certificatesDir": "/etc/kubernetes/pki",
        "imageRepository": "registry.k8s.io",
        "clusterName": "kubernetes",
        "encryptionAlgorithm": "RSA-2048",
        "certificateValidityPeriod": "8760h0m0s",
        "caCertificateValidityPeriod": "87600h0m0s",
    }
    for field, value in simple.items():
        cluster[field] = cluster.get(field) or value
    networking = cluster["networking"] = dict(cluster.get("networking") or {})
    networking["serviceSubnet"] = networking.get("serviceSubnet") or "10.96.0.0/12"
    networking["dnsDomain"] = networking.get("dnsDomain") or "cluster.local"
    for field in ("apiServer", "controllerManager", "scheduler", "dns", "proxy"):
        cluster[field] = cluster.get(field) or {}
    etcd = cluster["etcd"] = dict(cluster.get("etcd") or {})
    if etcd.get("local") is None and etcd.get("external") is None:
        etcd["local"] = {}
    if etcd.get("local") is not None:
        etcd["local"]["dataDir"] = etcd["local"].get("dataDir") or "/var/lib/etcd"
    cluster["kubernetesVersion"] = net.normalize_version(cluster["kubernetesVersion"])
    net.check_minimum(cluster["kubernetesVersion"])
    if cluster.get("controlPlaneEndpoint"):
        host, port = net.parse_host_port(cluster["controlPlaneEndpoint"])
        cluster["controlPlaneEndpoint"] = net.join_host_port(host, port or bind_port)
    sans = cluster["apiServer"].get("certSANs")
    if sans:
        cluster["apiServer"]["certSANs"] = [s.lower() for s in sans]
    return cluster
