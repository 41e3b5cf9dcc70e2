"""What the stored configuration of the kubelet and of kube-proxy becomes; pure.

A merge of three documents, as ``kubectl apply`` makes it: a field that the inventory sets is set,
one that it set before is reset to kubeadm's default, and those of others are retained.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kbootstrap.drift.documents import settings
from kbootstrap.model.cluster import Cluster
from kbootstrap.model.difference import Difference
from kbootstrap.model.document import Document, merged
from kbootstrap.model.observed import Observed

Doc = dict[str, Any]
Path = tuple[str, ...]
RESOLVED = "/run/systemd/resolve/resolv.conf"  # kubeadm sets it where systemd-resolved runs
_CLUSTER_DNS = 10  # the address of the service range that CoreDNS has


@dataclass(frozen=True, slots=True)
class Stored:
    """A configuration that kubeadm stores: the inventory's key, its ConfigMap, the entry there."""

    key: str
    config_map: str
    entry: str


KUBELET = Stored("kubelet", "kubelet-config", "kubelet")
KUBE_PROXY = Stored("kube_proxy", "kube-proxy", "config.conf")


def live(part: Stored, api: Observed) -> Doc:
    """The document as the cluster stores it; empty before it exists."""
    return (api.kubelet_config if part is KUBELET else api.kube_proxy_config).data


def wanted(part: Stored, cluster: Cluster) -> Doc:
    """What the inventory sets."""
    return merged({}, (cluster.kubelet if part is KUBELET else cluster.kube_proxy).data)


# What kubeadm sets if the inventory does not (cmd/kubeadm/app/componentconfigs). None: any value,
# since it depends on other settings; a frozenset: one of its values, which depends on the node.
USUAL: Mapping[Stored, Mapping[str, Any]] = {
    KUBELET: {
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": "/etc/kubernetes/pki/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "systemd",
        "clusterDNS": None,
        "clusterDomain": None,
        "containerRuntimeEndpoint": None,
        "healthzBindAddress": "127.0.0.1",
        "healthzPort": 10248,
        "resolvConf": frozenset({RESOLVED}),
        "rotateCertificates": True,
        "staticPodPath": "/etc/kubernetes/manifests",
    },
    KUBE_PROXY: {
        "bindAddress": None,
        "clientConnection": {"kubeconfig": "/var/lib/kube-proxy/kubeconfig.conf"},
        "clusterCIDR": None,
    },
}


def _derived(part: Stored, cluster: Cluster) -> Doc:
    """The defaults that kubeadm derives from other settings."""
    network = cluster.network
    if part is KUBE_PROXY:
        ipv6 = ":" in cluster.first.advertise_address
        return {
            "bindAddress": "::" if ipv6 else "0.0.0.0",  # noqa: S104 - not bound here
            "clusterCIDR": ",".join(map(str, network.pod_cidrs)),
        }
    dns = network.service_cidrs[0][_CLUSTER_DNS]
    return {"clusterDNS": [str(dns)], "clusterDomain": network.dns_domain}


def patch(part: Stored, cluster: Cluster, api: Observed) -> Doc:
    """The merge as a JSON merge patch (RFC 7386): null removes a field."""
    known, found = {**USUAL[part], **_derived(part, cluster)}, Doc()
    for path in dropped(part, cluster, api):
        _put(found, path, _default(known, path))
    return merged(found, wanted(part, cluster))


def becomes(part: Stored, cluster: Cluster, api: Observed) -> Doc:
    """The document after the merge; empty before the cluster stores one."""
    now = live(part, api)
    return merged(now, patch(part, cluster, api)) if now else {}


def dropped(part: Stored, cluster: Cluster, api: Observed) -> tuple[Path, ...]:
    """The fields that the inventory set before and sets no more."""
    inventory = wanted(part, cluster)
    before = api.last_applied.data.get(part.key, {})
    return tuple(path for path in leaves(before) if not _sets(inventory, path))


def changes(part: Stored, cluster: Cluster, api: Observed) -> tuple[Difference, ...]:
    """The fields that the merge changes."""
    after = becomes(part, cluster, api)
    return tuple(settings(part.key, after, live(part, api), USUAL[part]))


def of_others(part: Stored, cluster: Cluster, api: Observed) -> Iterator[Difference]:
    """Fields that neither the inventory nor kubeadm sets; the merge retains them."""
    after = becomes(part, cluster, api)
    found = settings(part.key, wanted(part, cluster), after, USUAL[part]) if after else ()
    for one in found:
        yield Difference(
            key=one.key,
            live=one.live,
            wanted=one.wanted,
            remedy=f"others set it: name it in the inventory, or remove it from the ConfigMap"
            f" kube-system/{part.config_map}",
        )


def recorded(part: Stored, cluster: Cluster, api: Observed) -> bool:
    """Whether every field of the inventory is on record, so that it can be reset later."""
    before = api.last_applied.data.get(part.key, {})
    return all(_sets(before, path) for path in leaves(wanted(part, cluster)))


def with_record(part: Stored, cluster: Cluster, api: Observed) -> Document:
    """The record after the merge."""
    return Document.of(api.last_applied.data | {part.key: wanted(part, cluster)})


def leaves(doc: Mapping[str, Any], path: Path = ()) -> Iterator[Path]:
    """The path of each value that is no mapping, or an empty one."""
    for name, value in doc.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, (*path, name))
        else:
            yield (*path, name)


def _sets(doc: Mapping[str, Any], path: Path) -> bool:
    """Whether the document has a value at the path, or for all of it."""
    value: Any = doc
    for name in path:
        if not isinstance(value, Mapping):
            return True
        if name not in value:
            return False
        value = value[name]
    return True


def _default(known: Mapping[str, Any], path: Path) -> object:
    """Kubeadm's default; None if it has none, or one that depends on the node."""
    value: Any = known
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return None if isinstance(value, frozenset) else value


def _put(doc: Doc, path: Path, value: object) -> None:
    for name in path[:-1]:
        doc = doc.setdefault(name, {})
    doc[path[-1]] = value
