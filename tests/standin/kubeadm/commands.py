"""The command lines of the control plane's binaries."""

from __future__ import annotations

from . import images
from .config import net
from .config.load import InitConfig

Args = list[tuple[str, str]]


def arguments(base: Args, extra: list[dict[str, str]] | None) -> list[str]:
    """Sorted --name=value; the user's replace those of the same name."""
    own = [(a["name"], a.get("value") or "") for a in extra or []]
    names = {n for n, _ in own}
    merged = sorted(own + [(n, v) for n, v in base if n not in names])
    return [f"--{name}={value}" for name, value in merged]


def extra_args(config: InitConfig, field: str) -> list[dict[str, str]]:
    return config.cluster[field].get("extraArgs") or []


def last_arg(extra: list[dict[str, str]], name: str, default: str) -> str:
    return next((a["value"] for a in reversed(extra) if a["name"] == name), default)


def apiserver_command(config: InitConfig) -> list[str]:
    cluster, endpoint = config.cluster, config.endpoint
    certs = cluster["certificatesDir"]
    base: Args = [
        ("advertise-address", endpoint["advertiseAddress"]),
        ("allow-privileged", "true"),
        ("authorization-mode", "Node,RBAC"),
        ("client-ca-file", f"{certs}/ca.crt"),
        ("enable-admission-plugins", "NodeRestriction"),
        ("enable-bootstrap-token-auth", "true"),
        ("kubelet-client-certificate", f"{certs}/apiserver-kubelet-client.crt"),
        ("kubelet-client-key", f"{certs}/apiserver-kubelet-client.key"),
        ("kubelet-preferred-address-types", "InternalIP,ExternalIP,Hostname"),
        ("proxy-client-cert-file", f"{certs}/front-proxy-client.crt"),
        ("proxy-client-key-file", f"{certs}/front-proxy-client.key"),
        ("requestheader-allowed-names", "front-proxy-client"),
        ("requestheader-client-ca-file", f"{certs}/front-proxy-ca.crt"),
        ("requestheader-extra-headers-prefix", "X-Remote-Extra-"),
        ("requestheader-group-headers", "X-Remote-Group"),
        ("requestheader-username-headers", "X-Remote-User"),
        ("secure-port", str(endpoint["bindPort"])),
        (
            "service-account-issuer",
            f"https://kubernetes.default.svc.{cluster['networking']['dnsDomain']}",
        ),
        ("service-account-key-file", f"{certs}/sa.pub"),
        ("service-account-signing-key-file", f"{certs}/sa.key"),
        ("service-cluster-ip-range", cluster["networking"]["serviceSubnet"]),
        ("tls-cert-file", f"{certs}/apiserver.crt"),
        ("tls-private-key-file", f"{certs}/apiserver.key"),
    ]
    base += _etcd_client(config)
    return ["kube-apiserver", *arguments(base, extra_args(config, "apiServer"))]


def _etcd_client(config: InitConfig) -> Args:
    external, certs = config.cluster["etcd"].get("external"), config.cluster["certificatesDir"]
    if external:
        out = [("etcd-servers", ",".join(external.get("endpoints") or []))]
        for name, field in (("cafile", "caFile"), ("certfile", "certFile"), ("keyfile", "keyFile")):
            out += [(f"etcd-{name}", external[field])] if external.get(field) else []
        return out
    return [
        ("etcd-servers", "https://" + net.join_host_port(localhost_of(config), 2379)),
        ("etcd-cafile", f"{certs}/etcd/ca.crt"),
        ("etcd-certfile", f"{certs}/apiserver-etcd-client.crt"),
        ("etcd-keyfile", f"{certs}/apiserver-etcd-client.key"),
    ]


def localhost_of(config: InitConfig) -> str:
    return "::1" if ":" in config.endpoint["advertiseAddress"] else "127.0.0.1"


def controller_manager_command(config: InitConfig) -> list[str]:
    cluster = config.cluster
    certs, conf = cluster["certificatesDir"], "/etc/kubernetes/controller-manager.conf"
    base: Args = [
        ("authentication-kubeconfig", conf),
        ("authorization-kubeconfig", conf),
        ("bind-address", "127.0.0.1"),
        ("client-ca-file", f"{certs}/ca.crt"),
        ("cluster-name", cluster["clusterName"]),
        ("cluster-signing-cert-file", f"{certs}/ca.crt"),
        ("cluster-signing-key-file", f"{certs}/ca.key"),
        ("controllers", "*,bootstrapsigner,tokencleaner"),
        ("kubeconfig", conf),
        ("leader-elect", "true"),
        ("requestheader-client-ca-file", f"{certs}/front-proxy-ca.crt"),
        ("root-ca-file", f"{certs}/ca.crt"),
        ("service-account-private-key-file", f"{certs}/sa.key"),
        ("use-service-account-credentials", "true"),
    ]
    pods = cluster["networking"].get("podSubnet")
    if pods:
        base += [("allocate-node-cidrs", "true"), ("cluster-cidr", pods)]
        base.append(("service-cluster-ip-range", cluster["networking"]["serviceSubnet"]))
    return ["kube-controller-manager", *arguments(base, extra_args(config, "controllerManager"))]


def scheduler_command(config: InitConfig) -> list[str]:
    conf = "/etc/kubernetes/scheduler.conf"
    base: Args = [
        ("authentication-kubeconfig", conf),
        ("authorization-kubeconfig", conf),
        ("bind-address", "127.0.0.1"),
        ("kubeconfig", conf),
        ("leader-elect", "true"),
    ]
    return ["kube-scheduler", *arguments(base, extra_args(config, "scheduler"))]


def etcd_urls(config: InitConfig) -> tuple[str, str]:
    """(client URL, peer URL) of this node's member."""
    address = config.endpoint["advertiseAddress"]
    client, peer = (net.join_host_port(address, p) for p in (2379, 2380))
    return f"https://{client}", f"https://{peer}"


def etcd_command(config: InitConfig, members: list[tuple[str, str]]) -> list[str]:
    """Members is empty for the first member of a cluster."""
    local = config.cluster["etcd"]["local"]
    certs = config.cluster["certificatesDir"] + "/etcd"
    name, (client, peer) = config.node["name"], etcd_urls(config)
    localhost = localhost_of(config)
    base: Args = [
        ("advertise-client-urls", client),
        ("cert-file", f"{certs}/server.crt"),
        ("client-cert-auth", "true"),
        ("data-dir", local["dataDir"]),
        ("initial-advertise-peer-urls", peer),
        ("initial-cluster", ",".join(f"{n}={p}" for n, p in members or [(name, peer)])),
        ("key-file", f"{certs}/server.key"),
        ("listen-client-urls", f"https://{net.join_host_port(localhost, 2379)},{client}"),
        ("listen-metrics-urls", f"http://{net.join_host_port(localhost, 2381)}"),
        ("listen-peer-urls", peer),
        ("name", name),
        ("peer-cert-file", f"{certs}/peer.crt"),
        ("peer-client-cert-auth", "true"),
        ("peer-key-file", f"{certs}/peer.key"),
        ("peer-trusted-ca-file", f"{certs}/ca.crt"),
        ("snapshot-count", "10000"),
        ("trusted-ca-file", f"{certs}/ca.crt"),
    ]
    new = net.is_version(images.etcd_tag(config.cluster)) and net.semantic(
        images.etcd_tag(config.cluster)
    ) >= (3, 6, 0)
    if new:
        base += [
            ("feature-gates", "InitialCorruptCheck=true"),
            ("watch-progress-notify-interval", "5s"),
        ]
    else:
        base.append(("experimental-initial-corrupt-check", "true"))
        base.append(("experimental-watch-progress-notify-interval", "5s"))
    if members:
        base.append(("initial-cluster-state", "existing"))
    return ["etcd", *arguments(base, local.get("extraArgs"))]
