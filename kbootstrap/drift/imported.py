"""The inventory of a cluster that exists, from what its API and one control plane say; pure.

It is the inverse of the comparison: the same paths of the stored ClusterConfiguration are read
(`configuration.PATHS`), so the cluster does not differ from its own inventory.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from kbootstrap.drift import stored
from kbootstrap.drift.configuration import PATHS, at
from kbootstrap.model.cluster import (
    Addons,
    Api,
    Cluster,
    Etcd,
    Images,
    Network,
    Programs,
    bracketed,
)
from kbootstrap.model.document import EMPTY, Document
from kbootstrap.model.observed import CONTROL_PLANE_LABEL, Observed, ObservedNode

Doc = dict[str, Any]
_DEFAULT_OF: Mapping[str, tuple[type[Any], str]] = {
    "registry.image_repository": (Images, "repository"),
    "etcd.data_dir": (Etcd, "data_dir"),
    "network.dns_domain": (Network, "dns_domain"),
    "api.bind_port": (Api, "bind_port"),
    "programs.bin_dir": (Programs, "bin_dir"),
    "addons.dns": (Addons, "dns"),
    "addons.kube_proxy": (Addons, "kube_proxy"),
}
_ETCD = {"endpoints": "endpoints", "caFile": "ca_file", "certFile": "cert_file"}
_ETCD |= {"keyFile": "key_file"}
_RUNTIMES = ("containerd", "cri-o")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What the API does not say.

    Attributes:
        host: of the control plane that was asked, as the user gave it.
        advertised: the address that its API server advertises.
        port: of its API server; 0: unknown.
        ca_hash: of the cluster's CA there.
        kubelet: the path of the kubelet that runs there; empty: unknown.
        ssh: the login that was used, as `defaults.ssh`.

    """

    host: str
    advertised: str
    port: int
    ca_hash: str
    kubelet: str
    ssh: Document


def inventory(api: Observed, origin: Origin) -> Document:
    """The inventory, without the settings of kubelet and kube-proxy, which `with_settings` adds."""
    found: Doc = {"cluster": {"name": "", "ca_hash": origin.ca_hash}}
    found["kubernetes"] = {"version": at("kubernetesVersion", api.kubeadm_config.data)}
    found["defaults"] = {"ssh": origin.ssh.data}
    found["nodes"] = list(_nodes(api.nodes, origin))
    for key, value in _keys(api, origin):
        if value not in (None, "", [], {}) and value != _default(key):
            _put(found, key.split("."), value)
    found["cni"] = {"type": "none"}
    _put(found, ["programs", "source"], "preinstalled")
    return Document.of(found)


def with_settings(found: Document, cluster: Cluster, api: Observed) -> Document:
    """The same with the fields of kubelet and kube-proxy that kubeadm does not set.

    ``cluster`` is what the inventory says so far. What an earlier inventory has set counts as well:
    a field that is on record and not named would be reset.
    """
    result, api = found.data, replace(api, last_applied=EMPTY)
    for part in (stored.KUBELET, stored.KUBE_PROXY):
        for one in stored.of_others(part, cluster, api):
            names = one.key.removeprefix(f"{part.key}.").split(".")
            path, value = _pick(stored.live(part, api), names)
            _put(result, [part.key, *path], value)
    return Document.of(result)


def _default(key: str) -> object:
    """The value of a key that the inventory need not have."""
    if key not in _DEFAULT_OF:
        return None
    kind, name = _DEFAULT_OF[key]
    return next(one.default for one in fields(kind) if one.name == name)


def _keys(api: Observed, origin: Origin) -> Iterator[tuple[str, object]]:
    """Each key of the inventory, and its value; the defaults among them."""
    for path, key in PATHS.items():
        yield key, _value(key, at(path, api.kubeadm_config.data))
    if not at("controlPlaneEndpoint", api.kubeadm_config.data):
        own = f"{bracketed(origin.advertised)}:{origin.port}"  # what the inventory means anyway
        yield "api.endpoint", "" if api.cluster_info == own else api.cluster_info
    yield "api.bind_port", origin.port or None
    folder, _, name = origin.kubelet.rpartition("/")
    yield "programs.bin_dir", folder if name == "kubelet" else None
    runtimes = {node.runtime.partition("://")[0] for node in api.nodes}
    yield "runtime.type", next((one for one in _RUNTIMES if runtimes == {one}), None)
    yield "addons.dns", "coredns" in api.workloads
    yield "addons.kube_proxy", "kube-proxy" in api.workloads


def _value(key: str, value: Any) -> object:
    """A value of the ClusterConfiguration as the inventory has it."""
    if key in {"network.pod_cidr", "network.service_cidr"}:
        return str(value).split(",") if value else None
    if key == "etcd.external":
        known = value.items() if isinstance(value, Mapping) else ()
        return {_ETCD[name]: held for name, held in known if name in _ETCD}
    if key.startswith("kubeadm.extra_args"):
        return _arguments(value)
    return value


def _arguments(value: Any) -> dict[str, list[str]]:
    """The values of each argument, from either API version's form."""
    if isinstance(value, Mapping):
        value = [{"name": name, "value": held} for name, held in value.items()]
    found: dict[str, list[str]] = {}
    for one in value if isinstance(value, list) else ():
        if isinstance(one, Mapping) and "name" in one:
            found.setdefault(str(one["name"]), []).append(str(one.get("value", "")))
    return found


def _nodes(nodes: Sequence[ObservedNode], origin: Origin) -> Iterator[Doc]:
    """The control plane that was asked, then the others, then the workers."""

    def rank(node: ObservedNode) -> tuple[bool, bool]:
        return origin.advertised not in node.addresses, not _is_plane(node)

    for node in sorted(nodes, key=rank):
        asked = origin.advertised in node.addresses
        entry: Doc = {"name": node.name, "address": origin.host if asked else node.address}
        if asked and origin.host != node.address:
            entry["advertise_address"] = node.address
        others = [one for one in node.addresses if one != node.address]
        if others:
            entry["second_address"] = others[0]
        yield entry | _role(node)


def _is_plane(node: ObservedNode) -> bool:
    return CONTROL_PLANE_LABEL in dict(node.labels)


def _role(node: ObservedNode) -> Doc:
    """Without kubeadm's taint a control plane runs pods of users, too."""
    if not _is_plane(node):
        return {"role": "worker"}
    tainted = any(taint.key == CONTROL_PLANE_LABEL for taint in node.taints)
    return {"role": "control-plane" if tainted else "both"}


def _pick(doc: Mapping[str, Any], names: Sequence[str]) -> tuple[list[str], object]:
    """The path of a field and its value; names of fields may have dots, as memory.available."""
    for end in range(len(names), 0, -1):
        name = ".".join(names[:end])
        if name in doc:
            if end == len(names):
                return [name], doc[name]
            path, value = _pick(doc[name], names[end:])
            return [name, *path], value
    raise KeyError(".".join(names))


def _put(doc: Doc, path: Sequence[str], value: object) -> None:
    *sections, last = path
    for name in sections:
        doc = doc.setdefault(name, {})
    doc[last] = value
