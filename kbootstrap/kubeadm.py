"""kubeadm's configuration documents, built from the cluster; deterministic.

https://kubernetes.io/docs/reference/config-api/kubeadm-config.v1beta4/ for Kubernetes 1.31 and
later, v1beta3 before. Values that kubeadm would guess are always set: version, endpoint,
advertise address, CRI socket, pod CIDR.
"""

from collections.abc import Mapping
from typing import Any

import yaml

from kbootstrap.model.cluster import Arg, Cluster, Node, Role
from kbootstrap.model.document import merged
from kbootstrap.node_paths import STATE_DIR

INIT_TOKEN = "kbootstrap init"  # noqa: S105 - a description, not a token
JOIN_TOKEN = "kbootstrap join "  # noqa: S105 - prefix of a description; the node's name follows
_INIT_SECONDS = 300
PATCHES = f"{STATE_DIR}/patches"
CONFIG = f"{STATE_DIR}/kubeadm.yaml"
PKI = "/etc/kubernetes/pki"

Doc = dict[str, Any]
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # 0.4 ms per file instead of 1.5

# `kubeadm join` accepts only these in skipPhases (cmd/kubeadm/app/cmd/join.go).
_JOIN_PHASES = (
    "preflight",
    "control-plane-prepare",
    "check-etcd",
    "kubelet-start",
    "etcd-join",
    "kubelet-wait-bootstrap",
    "control-plane-join",
    "wait-control-plane",
)


def dump(documents: list[Doc]) -> str:
    """YAML text of the documents, in order."""
    text: str = yaml.dump_all(
        documents, Dumper=_DUMPER, sort_keys=False, width=1000, explicit_start=True
    )
    return text


def init_config(cluster: Cluster, node: Node, certificate_key: str | None = None) -> str:
    """The file for ``kubeadm init --config`` on ``node``.

    ``certificate_key`` may be a placeholder, for ``init phase upload-certs``.
    """
    init = _head(cluster, "InitConfiguration")
    init["bootstrapTokens"] = [{"ttl": _init_ttl(cluster), "description": INIT_TOKEN}]
    init["nodeRegistration"] = _registration(cluster, node)
    init["localAPIEndpoint"] = _local_endpoint(cluster, node)
    if certificate_key is not None:
        init["certificateKey"] = certificate_key
    init["skipPhases"] = _init_skips(cluster)
    _common(cluster, init)
    documents = [init, cluster_configuration(cluster), _kubelet(cluster)]
    if cluster.kube_proxy and cluster.addons.kube_proxy:
        documents.append(_kube_proxy(cluster))
    return dump(documents)


def control_plane_config(cluster: Cluster, node: Node, configuration: Doc) -> str:
    """The file with which ``kubeadm init phase`` renders parts of a control plane again.

    ``configuration`` is the ClusterConfiguration; the inventory need not have all of it.
    """
    init = _head(cluster, "InitConfiguration")
    init["nodeRegistration"] = _registration(cluster, node)
    init["localAPIEndpoint"] = _local_endpoint(cluster, node)
    _common(cluster, init)
    init.pop("patches", None)
    return dump([init, configuration])


def _init_ttl(cluster: Cluster) -> str:
    """The lifetime of kubeadm init's own token, which is not used and deleted by phase cleanup."""
    minutes, seconds = divmod(min(cluster.token_ttl, _INIT_SECONDS), 60)
    return f"{minutes}m{seconds}s"


def join_config(cluster: Cluster, node: Node) -> str:
    """The file for ``kubeadm join --config``, with the placeholders of `join_placeholders`."""
    join = _head(cluster, "JoinConfiguration")
    join["discovery"] = {
        "bootstrapToken": {
            "token": "@@token@@",
            "apiServerEndpoint": cluster.api.endpoint,
            "caCertHashes": ["@@ca_hash@@"],
        }
    }
    if cluster.version.kubeadm_api == "v1beta3":
        join["discovery"]["timeout"] = f"{cluster.kubeadm.timeouts.discovery}s"
    join["nodeRegistration"] = _registration(cluster, node)
    if node.is_control_plane:
        join["controlPlane"] = {
            "localAPIEndpoint": _local_endpoint(cluster, node),
            "certificateKey": "@@certificate_key@@",
        }
    skips = [s for s in cluster.kubeadm.skip_phases if s.split("/")[0] in _JOIN_PHASES]
    if skips:
        join["skipPhases"] = skips
    _common(cluster, join)
    return dump([join])


def join_placeholders(node: Node) -> tuple[str, ...]:
    """The placeholders in `join_config`."""
    names = ("token", "ca_hash")
    return (*names, "certificate_key") if node.is_control_plane else names


def cluster_configuration(cluster: Cluster) -> Doc:
    """The ClusterConfiguration, which kubeadm stores in the cluster."""
    doc = _head(cluster, "ClusterConfiguration")
    doc["clusterName"] = cluster.name
    doc["kubernetesVersion"] = str(cluster.version)
    doc["controlPlaneEndpoint"] = cluster.api.endpoint
    doc["imageRepository"] = cluster.images.repository
    doc["networking"] = {
        "podSubnet": ",".join(map(str, cluster.network.pod_cidrs)),
        "serviceSubnet": ",".join(map(str, cluster.network.service_cidrs)),
        "dnsDomain": cluster.network.dns_domain,
    }
    doc["apiServer"] = _api_server(cluster)
    doc["controllerManager"] = _component(cluster, cluster.kubeadm.controller_manager_args)
    doc["scheduler"] = _component(cluster, cluster.kubeadm.scheduler_args)
    doc["dns"] = _dns(cluster)
    if cluster.version.kubeadm_api == "v1beta4" and not cluster.addons.kube_proxy:
        doc["proxy"] = {"disabled": True}
    doc["etcd"] = _etcd(cluster)
    if cluster.kubeadm.feature_gates:
        doc["featureGates"] = dict(cluster.kubeadm.feature_gates)
    return {key: value for key, value in doc.items() if value != {}}


def _head(cluster: Cluster, kind: str) -> Doc:
    return {"apiVersion": f"kubeadm.k8s.io/{cluster.version.kubeadm_api}", "kind": kind}


def _args(cluster: Cluster, args: tuple[Arg, ...]) -> list[Doc] | Doc:
    if cluster.version.kubeadm_api == "v1beta3":
        return {arg.name: arg.value for arg in args}
    return [{"name": arg.name, "value": arg.value} for arg in args]


def _component(cluster: Cluster, args: tuple[Arg, ...]) -> Doc:
    return {"extraArgs": _args(cluster, args)} if args else {}


def _api_server(cluster: Cluster) -> Doc:
    doc = _component(cluster, cluster.kubeadm.api_server_args)
    if cluster.api.cert_sans:
        doc["certSANs"] = list(cluster.api.cert_sans)
    if cluster.version.kubeadm_api == "v1beta3":
        doc["timeoutForControlPlane"] = f"{cluster.kubeadm.timeouts.control_plane}s"
    return doc


def _dns(cluster: Cluster) -> Doc:
    if not cluster.addons.dns:
        return {"disabled": True} if cluster.version.kubeadm_api == "v1beta4" else {}
    doc: Doc = {}
    if cluster.images.dns_repository:
        doc["imageRepository"] = cluster.images.dns_repository
    if cluster.images.dns_tag:
        doc["imageTag"] = cluster.images.dns_tag
    return doc


def _etcd(cluster: Cluster) -> Doc:
    external = cluster.etcd.external
    if external is not None:
        return {
            "external": {
                "endpoints": list(external.endpoints),
                "caFile": external.ca_file,
                "certFile": external.cert_file,
                "keyFile": external.key_file,
            }
        }
    local: Doc = {"dataDir": cluster.etcd.data_dir}
    if cluster.images.etcd_repository:
        local["imageRepository"] = cluster.images.etcd_repository
    if cluster.etcd.image_tag:
        local["imageTag"] = cluster.etcd.image_tag
    if cluster.kubeadm.etcd_args:
        local["extraArgs"] = _args(cluster, cluster.kubeadm.etcd_args)
    return {"local": local}


def _registration(cluster: Cluster, node: Node) -> Doc:
    doc: Doc = {
        "name": node.name,
        "criSocket": cluster.runtime.socket,
        "imagePullPolicy": "IfNotPresent",
        "kubeletExtraArgs": _args(cluster, kubelet_args(cluster, node)),
    }
    ignored = sorted({*cluster.kubeadm.ignore_preflight, *node.ignore_preflight})
    if ignored:
        doc["ignorePreflightErrors"] = ignored
    taints = _taints(node)
    if taints is not None:
        doc["taints"] = taints
    return doc


def kubelet_args(cluster: Cluster, node: Node) -> tuple[Arg, ...]:
    """The kubelet's arguments: the user's arguments, and --node-ip with an address per family.

    https://kubernetes.io/docs/concepts/services-networking/dual-stack/: without a cloud provider
    the kubelet needs both addresses.
    """
    if any(arg.name == "node-ip" for arg in node.kubelet_args):
        return node.kubelet_args
    addresses = filter(None, (node.advertise_address, node.second_address))
    own = ",".join(cluster.network.ordered(*addresses))
    return (Arg("node-ip", own), *node.kubelet_args)


def _taints(node: Node) -> list[Doc] | None:
    """None means kubeadm's default; an empty list means no taints."""
    if node.taints is not None:
        return [
            {"key": t.key, "effect": t.effect, **({"value": t.value} if t.value else {})}
            for t in node.taints
        ]
    both = node.roles == frozenset({Role.CONTROL_PLANE, Role.WORKER})
    return [] if both else None


def _local_endpoint(cluster: Cluster, node: Node) -> Doc:
    return {"advertiseAddress": node.advertise_address, "bindPort": cluster.api.bind_port}


def _init_skips(cluster: Cluster) -> list[str]:
    """Phases to skip; the join command is never printed, since it contains a token."""
    skips = ["show-join-command", *cluster.kubeadm.skip_phases]
    if cluster.version.kubeadm_api == "v1beta3":
        skips += [] if cluster.addons.dns else ["addon/coredns"]
        skips += [] if cluster.addons.kube_proxy else ["addon/kube-proxy"]
    return skips


def _common(cluster: Cluster, doc: Doc) -> None:
    """Patches and timeouts, the same for init and join."""
    if cluster.kubeadm.patches_dir:
        doc["patches"] = {"directory": PATCHES}
    if cluster.version.kubeadm_api == "v1beta4":
        waits = cluster.kubeadm.timeouts
        doc["timeouts"] = {
            "controlPlaneComponentHealthCheck": f"{waits.control_plane}s",
            "kubeletHealthCheck": f"{waits.kubelet}s",
            "kubernetesAPICall": f"{waits.api_call}s",
            "etcdAPICall": f"{waits.etcd_call}s",
            "tlsBootstrap": f"{waits.tls_bootstrap}s",
            "discovery": f"{waits.discovery}s",
        }


def _component_doc(group: str, kind: str, base: Mapping[str, Any], over: Doc) -> Doc:
    head = {"apiVersion": group, "kind": kind}
    return {**head, **merged(base, over)}


def _kubelet(cluster: Cluster) -> Doc:
    return _component_doc(
        "kubelet.config.k8s.io/v1beta1",
        "KubeletConfiguration",
        {"cgroupDriver": "systemd"},
        cluster.kubelet.data,
    )


def _kube_proxy(cluster: Cluster) -> Doc:
    return _component_doc(
        "kubeproxy.config.k8s.io/v1alpha1",
        "KubeProxyConfiguration",
        {},
        cluster.kube_proxy.data,
    )
