"""Compares the API's objects of the whole cluster with the inventory."""

from collections.abc import Iterator, Mapping
from typing import Any

from kbootstrap import kubeadm
from kbootstrap.drift.documents import settings
from kbootstrap.model.cluster import Cluster
from kbootstrap.model.difference import Difference, shown
from kbootstrap.model.observed import Observed

# A path in kubeadm's ClusterConfiguration, the inventory's key, and whether it is fixed for the
# life of a cluster: certificates, addresses and stored data depend on it.
_KEYS: tuple[tuple[str, str, bool], ...] = (
    ("clusterName", "cluster.name", True),
    ("controlPlaneEndpoint", "api.endpoint", True),
    ("networking.podSubnet", "network.pod_cidr", True),
    ("networking.serviceSubnet", "network.service_cidr", True),
    ("networking.dnsDomain", "network.dns_domain", True),
    ("etcd.local.dataDir", "etcd.data_dir", True),
    ("etcd.external", "etcd.external", True),
    ("etcd.local.imageTag", "etcd.image_tag", False),
    ("etcd.local.imageRepository", "registry.etcd", False),
    ("etcd.local.extraArgs", "kubeadm.extra_args.etcd", False),
    ("imageRepository", "registry.image_repository", False),
    ("dns.imageRepository", "registry.dns", False),
    ("dns.imageTag", "registry.dns_tag", False),
    ("apiServer.certSANs", "api.cert_sans", False),
    ("apiServer.extraArgs", "kubeadm.extra_args.api_server", False),
    ("controllerManager.extraArgs", "kubeadm.extra_args.controller_manager", False),
    ("scheduler.extraArgs", "kubeadm.extra_args.scheduler", False),
    ("featureGates", "kubeadm.feature_gates", False),
)
_SETS = ("api.cert_sans",)  # lists whose order has no meaning
# kubeadm's defaults in a KubeletConfiguration (cmd/kubeadm/app/componentconfigs/kubelet.go);
# None: it depends on the node or the cluster.
_KUBELET: Mapping[str, Any] = {
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
    "resolvConf": None,
    "rotateCertificates": True,
    "staticPodPath": "/etc/kubernetes/manifests",
}
_KUBE_PROXY: Mapping[str, Any] = {
    "bindAddress": None,
    "clientConnection": {"kubeconfig": "/var/lib/kube-proxy/kubeconfig.conf"},
    "clusterCIDR": None,
}


def of_cluster(cluster: Cluster, api: Observed) -> Iterator[Difference]:
    """Differences of the whole cluster; none before it exists."""
    if not api.kubeadm_config:
        return
    yield from _configuration(cluster, api)
    wanted = {"cgroupDriver": "systemd", **cluster.kubelet.data}
    if api.kubelet_config:
        yield from settings("kubelet", wanted, api.kubelet_config.data, _KUBELET)
    if api.kube_proxy_config and cluster.addons.kube_proxy:
        live = api.kube_proxy_config.data
        yield from settings("kube_proxy", cluster.kube_proxy.data, live, _KUBE_PROXY)
    yield from _unwanted_addons(cluster, api)
    yield from _strangers(cluster, api)


def _configuration(cluster: Cluster, api: Observed) -> Iterator[Difference]:
    live, wanted = api.kubeadm_config.data, kubeadm.cluster_configuration(cluster)
    for path, key, fixed in _KEYS:
        have, want = (_normal(key, _at(path, doc)) for doc in (live, wanted))
        if have != want:
            yield Difference(key=key, live=shown(have), wanted=shown(want), fixed=fixed)


def _at(path: str, doc: Mapping[str, Any]) -> Any:
    value: Any = doc
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _normal(key: str, value: Any) -> Any:
    """The value in a form that both API versions share; None if it is unset."""
    if isinstance(value, list) and all(isinstance(one, Mapping) for one in value):
        value = [f"{arg['name']}={arg.get('value', '')}" for arg in value]
    elif key.startswith("kubeadm.extra_args") and isinstance(value, Mapping):
        value = [f"{name}={held}" for name, held in value.items()]
    if isinstance(value, list):
        value = sorted(map(str, value)) if key in _SETS else value
    return value or None


def _unwanted_addons(cluster: Cluster, api: Observed) -> Iterator[Difference]:
    """Addons that the inventory disables but the cluster runs; kbootstrap does not remove them."""
    for key, name, wanted in (
        ("addons.dns", "coredns", cluster.addons.dns),
        ("addons.kube_proxy", "kube-proxy", cluster.addons.kube_proxy),
    ):
        if not wanted and name in api.config_maps:
            yield Difference(
                key=key,
                live=f"{name}",
                wanted="false",
                remedy=f"remove it yourself: kubectl -n kube-system delete configmap/{name}"
                f" {'daemonset' if name == 'kube-proxy' else 'deployment'}/{name}",
            )


def _strangers(cluster: Cluster, api: Observed) -> Iterator[Difference]:
    """Nodes of the cluster that are not in the inventory, neither by name nor by address."""
    names = {node.name for node in cluster.nodes}
    addresses = {node.advertise_address for node in cluster.nodes}
    for node in api.nodes:
        if node.name not in names and node.address not in addresses:
            yield Difference(
                key=f"nodes.{node.name}",
                live=f"node {node.name} ({node.address or 'no address'})",
                wanted="no such node",
                message=f"node {node.name} ({node.address or 'no address'}) is in the cluster,"
                " but not in the inventory",
                remedy=f"add it to the inventory again; to remove it from the cluster,"
                f" run `kbootstrap reset {node.name}` before its lines are removed",
            )
