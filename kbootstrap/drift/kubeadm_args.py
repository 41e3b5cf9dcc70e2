"""The arguments and names that kubeadm itself writes for a control plane; pure.

From cmd/kubeadm/app/phases/controlplane/manifests.go, phases/etcd/local.go and
util/pkiutil (GetAPIServerAltNames).
"""

from collections.abc import Mapping

from kbootstrap.components import API_SERVER, CONTROLLER_MANAGER, SCHEDULER
from kbootstrap.drift.endpoint import host
from kbootstrap.model.cluster import Cluster, Node

PKI = "/etc/kubernetes/pki"
_ETCD_NEW = {"feature-gates": "InitialCorruptCheck=true", "watch-progress-notify-interval": "5s"}
_ETCD_OLD = {
    "experimental-initial-corrupt-check": "true",
    "experimental-watch-progress-notify-interval": "5s",
}

BY_TAG = frozenset({*_ETCD_NEW, *_ETCD_OLD})  # what kubeadm passes to etcd depends on its image


def sans(cluster: Cluster, node: Node) -> tuple[str, ...]:
    """The names in the API server's certificate."""
    service = "kubernetes.default.svc"
    names = ("kubernetes", "kubernetes.default", service, f"{service}.{cluster.network.dns_domain}")
    first = str(cluster.network.service_cidrs[0][1])
    return (*names, node.name, first, node.advertise_address, host(cluster.api.endpoint))


def arguments(component: str, cluster: Cluster, node: Node, tag: str = "") -> Mapping[str, str]:
    """The arguments of a component; those of etcd also depend on the tag of its image."""
    if component == API_SERVER:
        return _api_server(cluster, node)
    if component == CONTROLLER_MANAGER:
        return _controller_manager(cluster)
    if component == SCHEDULER:
        return _with_kubeconfig("scheduler")
    return _etcd(cluster, node) | (_ETCD_NEW if _is_new(tag) else _ETCD_OLD)


def _is_new(tag: str) -> bool:
    """Whether it is etcd 3.6 or later."""
    numbers = tag.removeprefix("v").split(".")
    known = len(numbers) > 1 and all(number.isdigit() for number in numbers[:2])
    return known and (int(numbers[0]), int(numbers[1])) >= (3, 6)


def _local(node: Node) -> str:
    """The loopback address of the advertised address's family."""
    return "[::1]" if ":" in node.advertise_address else "127.0.0.1"


_API_SERVER = {
    "allow-privileged": "true",
    "client-ca-file": f"{PKI}/ca.crt",
    "enable-admission-plugins": "NodeRestriction",
    "enable-bootstrap-token-auth": "true",
    "kubelet-client-certificate": f"{PKI}/apiserver-kubelet-client.crt",
    "kubelet-client-key": f"{PKI}/apiserver-kubelet-client.key",
    "kubelet-preferred-address-types": "InternalIP,ExternalIP,Hostname",
    "proxy-client-cert-file": f"{PKI}/front-proxy-client.crt",
    "proxy-client-key-file": f"{PKI}/front-proxy-client.key",
    "requestheader-allowed-names": "front-proxy-client",
    "requestheader-client-ca-file": f"{PKI}/front-proxy-ca.crt",
    "requestheader-extra-headers-prefix": "X-Remote-Extra-",
    "requestheader-group-headers": "X-Remote-Group",
    "requestheader-username-headers": "X-Remote-User",
    "service-account-key-file": f"{PKI}/sa.pub",
    "service-account-signing-key-file": f"{PKI}/sa.key",
    "tls-cert-file": f"{PKI}/apiserver.crt",
    "tls-private-key-file": f"{PKI}/apiserver.key",
}


def _api_server(cluster: Cluster, node: Node) -> dict[str, str]:
    passed = {arg.name for arg in cluster.kubeadm.api_server_args}
    modes = {} if "authorization-config" in passed else {"authorization-mode": "Node,RBAC"}
    return {
        **_API_SERVER,
        **_etcd_client(cluster, node),
        **modes,
        "advertise-address": node.advertise_address,
        "secure-port": str(cluster.api.bind_port),
        "service-account-issuer": "https://kubernetes.default.svc." + cluster.network.dns_domain,
        "service-cluster-ip-range": ",".join(map(str, cluster.network.service_cidrs)),
    }


def _etcd_client(cluster: Cluster, node: Node) -> dict[str, str]:
    external, client = cluster.etcd.external, f"{PKI}/apiserver-etcd-client"
    servers, ca = f"https://{_local(node)}:2379", f"{PKI}/etcd/ca.crt"
    cert, key = f"{client}.crt", f"{client}.key"
    if external:
        servers, ca = ",".join(external.endpoints), external.ca_file
        cert, key = external.cert_file, external.key_file
    names = ("etcd-servers", "etcd-cafile", "etcd-certfile", "etcd-keyfile")
    return dict(zip(names, (servers, ca, cert, key), strict=True))


def _with_kubeconfig(name: str) -> dict[str, str]:
    config = f"/etc/kubernetes/{name}.conf"
    names = ("authentication-kubeconfig", "authorization-kubeconfig", "kubeconfig")
    return dict.fromkeys(names, config) | {"bind-address": "127.0.0.1", "leader-elect": "true"}


def _controller_manager(cluster: Cluster) -> dict[str, str]:
    return _with_kubeconfig("controller-manager") | {
        "allocate-node-cidrs": "true",
        "client-ca-file": f"{PKI}/ca.crt",
        "cluster-cidr": ",".join(map(str, cluster.network.pod_cidrs)),
        "cluster-name": cluster.name,
        "cluster-signing-cert-file": f"{PKI}/ca.crt",
        "cluster-signing-key-file": f"{PKI}/ca.key",
        "controllers": "*,bootstrapsigner,tokencleaner",
        "requestheader-client-ca-file": f"{PKI}/front-proxy-ca.crt",
        "root-ca-file": f"{PKI}/ca.crt",
        "service-account-private-key-file": f"{PKI}/sa.key",
        "service-cluster-ip-range": ",".join(map(str, cluster.network.service_cidrs)),
        "use-service-account-credentials": "true",
    }


def _etcd(cluster: Cluster, node: Node) -> dict[str, str]:
    client, peer = f"https://{node.url_host}:2379", f"https://{node.url_host}:2380"
    certs = f"{PKI}/etcd"
    return {
        "advertise-client-urls": client,
        "cert-file": f"{certs}/server.crt",
        "client-cert-auth": "true",
        "data-dir": cluster.etcd.data_dir,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": f"{node.name}={peer}",
        "key-file": f"{certs}/server.key",
        "listen-client-urls": f"https://{_local(node)}:2379,{client}",
        "listen-metrics-urls": f"http://{_local(node)}:2381",
        "listen-peer-urls": peer,
        "name": node.name,
        "peer-cert-file": f"{certs}/peer.crt",
        "peer-client-cert-auth": "true",
        "peer-key-file": f"{certs}/peer.key",
        "peer-trusted-ca-file": f"{certs}/ca.crt",
        "snapshot-count": "10000",
        "trusted-ca-file": f"{certs}/ca.crt",
    }
