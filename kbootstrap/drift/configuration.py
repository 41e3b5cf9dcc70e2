"""Compares the stored ClusterConfiguration with the inventory, key by key; pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from kbootstrap import kubeadm
from kbootstrap.drift.keys import Kind, row_of
from kbootstrap.model.cluster import Cluster
from kbootstrap.model.difference import Difference, shown
from kbootstrap.model.document import Document

Doc = Mapping[str, Any]


APPLIED = (Kind.ROLLING, Kind.LIVE)  # by phases control-plane and control-plane-config
IMAGE_TAG = "etcd.local.imageTag"
# A path in kubeadm's ClusterConfiguration, and the inventory's key.
PATHS = {
    "clusterName": "cluster.name",
    "controlPlaneEndpoint": "api.endpoint",
    "networking.podSubnet": "network.pod_cidr",
    "networking.serviceSubnet": "network.service_cidr",
    "networking.dnsDomain": "network.dns_domain",
    "etcd.local.dataDir": "etcd.data_dir",
    "etcd.external": "etcd.external",
    IMAGE_TAG: "etcd.image_tag",
    "etcd.local.imageRepository": "registry.etcd",
    "etcd.local.extraArgs": "kubeadm.extra_args.etcd",
    "imageRepository": "registry.image_repository",
    "dns.imageRepository": "registry.dns",
    "dns.imageTag": "registry.dns_tag",
    "apiServer.certSANs": "api.cert_sans",
    "apiServer.extraArgs": "kubeadm.extra_args.api_server",
    "controllerManager.extraArgs": "kubeadm.extra_args.controller_manager",
    "scheduler.extraArgs": "kubeadm.extra_args.scheduler",
    "featureGates": "kubeadm.feature_gates",
}
_SETS = ("api.cert_sans",)  # lists whose order has no meaning


def differing(cluster: Cluster, stored: Doc) -> Iterator[tuple[str, bool, Difference]]:
    """Path and difference of each key that differs, and whether phases apply it."""
    wanted = kubeadm.cluster_configuration(cluster)
    for path, key in PATHS.items():
        have, want = (_normal(key, at(path, doc)) for doc in (stored, wanted))
        if have == want:
            continue
        row = row_of(key)
        kind = row.kind if row else Kind.REPORTED
        remedy = ""
        if path == IMAGE_TAG and want is None:  # kubeadm's own default is not known here
            kind, remedy = Kind.REPORTED, "name the tag; the next upgrade chooses kubeadm's"
        found = Difference(
            key=key,
            live=shown(have),
            wanted=shown(want),
            fixed=kind is Kind.FIXED,
            remedy=remedy,
        )
        yield path, kind in APPLIED, found


def desired(cluster: Cluster, stored: Document) -> Document:
    """The stored document with the inventory's value of each key that phases apply.

    What the inventory has no key for is retained, such as extraVolumes.
    """
    wanted = kubeadm.cluster_configuration(cluster)
    result = stored.data
    if result.get("apiVersion") != wanted["apiVersion"]:
        return Document.of(wanted)
    for path, applied, _ in differing(cluster, result):
        if applied:
            _put(result, path.split("."), at(path, wanted))
    return Document.of(result)


def at(path: str, doc: Doc) -> Any:
    """The value at a path such as ``apiServer.extraArgs``; None if there is none."""
    value: Any = doc
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _put(doc: dict[str, Any], path: list[str], value: object) -> None:
    *sections, last = path
    for name in sections:
        inner = doc.get(name)
        doc[name] = doc = inner if isinstance(inner, dict) else {}
    if value is None:
        doc.pop(last, None)
    else:
        doc[last] = value


def _normal(key: str, value: Any) -> Any:
    """The value in a form that both API versions share; None if it is unset."""
    if isinstance(value, list) and all(isinstance(one, Mapping) for one in value):
        value = [f"{arg['name']}={arg.get('value', '')}" for arg in value]
    elif key.startswith("kubeadm.extra_args") and isinstance(value, Mapping):
        value = [f"{name}={held}" for name, held in value.items()]
    if isinstance(value, list):
        value = sorted(map(str, value)) if key in _SETS else value
    return value or None
