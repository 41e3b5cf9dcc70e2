"""Which images a cluster needs."""

from __future__ import annotations

import re
from typing import Any

from .config import net

PAUSE, COREDNS = "3.10.1", "v1.12.3"
_ETCD = {31: "3.5.21-0", 32: "3.5.21-0", 33: "3.5.21-0", 34: "3.6.4-0"}
_REGISTRY = "registry.k8s.io"


def component(name: str, cluster: dict[str, Any]) -> str:
    tag = re.sub(r"[^-\w.]", "_", cluster["kubernetesVersion"])
    return f"{cluster['imageRepository']}/{name}:{tag}"


def etcd_tag(cluster: dict[str, Any]) -> str:
    pinned = (cluster["etcd"].get("local") or {}).get("imageTag")
    minor = net.semantic(cluster["kubernetesVersion"])[1]
    return str(pinned or _ETCD[max(min(_ETCD), min(minor, max(_ETCD)))])


def etcd(cluster: dict[str, Any]) -> str:
    own = (cluster["etcd"].get("local") or {}).get("imageRepository")
    return f"{own or cluster['imageRepository']}/etcd:{etcd_tag(cluster)}"


def coredns(cluster: dict[str, Any]) -> str:
    dns = cluster["dns"]
    repository = dns.get("imageRepository") or cluster["imageRepository"]
    if repository == _REGISTRY:
        repository += "/coredns"
    return f"{repository}/coredns:{dns.get('imageTag') or COREDNS}"


def pause(cluster: dict[str, Any]) -> str:
    return f"{cluster['imageRepository']}/pause:{PAUSE}"


def all_of(cluster: dict[str, Any]) -> list[str]:
    """In the order of kubeadm config images list."""
    names = ["kube-apiserver", "kube-controller-manager", "kube-scheduler"]
    if not cluster["proxy"].get("disabled"):
        names.append("kube-proxy")
    out = [component(n, cluster) for n in names]
    if not cluster["dns"].get("disabled"):
        out.append(coredns(cluster))
    out.append(pause(cluster))
    if cluster["etcd"].get("local") is not None:
        out.append(etcd(cluster))
    return out
