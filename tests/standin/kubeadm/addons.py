"""kube-proxy and CoreDNS."""

from __future__ import annotations

from typing import Any

from tests.standin.apiserver.patch import strategic
from tests.standin.common import kube, yamlio
from tests.standin.common.kube import Kube

from . import images, rbac
from .config import net
from .config.load import InitConfig
from .kubeconfigs import plane_url
from .phase import say

SYSTEM = "kube-system"
Object = dict[str, Any]
_COREFILE = """.:53 {{
    errors
    health {{
       lameduck 5s
    }}
    ready
    kubernetes {0} in-addr.arpa ip6.arpa {{
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }}
    prometheus :9153
    forward . /etc/resolv.conf {{
       max_concurrent 1000
    }}
    cache 30 {{
       disable success {0}
       disable denial {0}
    }}
    loop
    reload
    loadbalance
}}
"""


def _account(api: Kube, name: str) -> None:
    body = {"metadata": {"name": name, "namespace": SYSTEM}}
    api.create_or_update(kube.path("serviceaccounts", SYSTEM), body)


def _account_subject(name: str) -> dict[str, str]:
    return {"kind": "ServiceAccount", "name": name, "namespace": SYSTEM}


def proxy_config(config: InitConfig) -> Object:
    six = ":" in config.endpoint["advertiseAddress"]
    base: Object = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "bindAddress": "::" if six else "0.0.0.0",  # noqa: S104
        "bindAddressHardFail": False,
        "clientConnection": {"kubeconfig": "/var/lib/kube-proxy/kubeconfig.conf"},
        "clusterCIDR": config.cluster["networking"].get("podSubnet") or "",
        "configSyncPeriod": "0s",
        "enableProfiling": False,
        "kind": "KubeProxyConfiguration",
        "mode": "",
    }
    merged: Object = strategic(base, config.proxy or {})
    return merged


def kube_proxy(api: Kube, config: InitConfig) -> None:
    """The addon as init makes it and upgrade renews it."""
    _account(api, "kube-proxy")
    cluster = {
        "certificate-authority": "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt",
        "server": plane_url(config),
    }
    user = {"tokenFile": "/var/run/secrets/kubernetes.io/serviceaccount/token"}
    context = {"cluster": "default", "namespace": "default", "user": "default"}
    kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"cluster": cluster, "name": "default"}],
        "contexts": [{"context": context, "name": "default"}],
        "current-context": "default",
        "users": [{"name": "default", "user": user}],
    }
    data = {
        "kubeconfig.conf": yamlio.dump(kubeconfig, sort=False),
        "config.conf": yamlio.dump(proxy_config(config)),
    }
    meta: Object = {"name": "kube-proxy", "namespace": SYSTEM, "labels": {"app": "kube-proxy"}}
    api.create_or_update(kube.path("configmaps", SYSTEM), {"metadata": meta, "data": data})
    image = images.component("kube-proxy", config.cluster)
    api.create_or_update(kube.path("daemonsets", SYSTEM, group="apps"), _proxy_set(image))
    rbac.bind_cluster(
        api, "kubeadm:node-proxier", "system:node-proxier", [_account_subject("kube-proxy")]
    )
    rbac.role(api, SYSTEM, "kube-proxy", "configmaps", "kube-proxy")
    rbac.bind(api, SYSTEM, "kube-proxy", [rbac.group(rbac.BOOTSTRAPPERS)])
    say("[addons] Applied essential addon: kube-proxy")


def _proxy_set(image: str) -> Object:
    labels = {"k8s-app": "kube-proxy"}
    reference = {"fieldRef": {"fieldPath": "spec.nodeName"}}
    container = {
        "name": "kube-proxy",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": [
            "/usr/local/bin/kube-proxy",
            "--config=/var/lib/kube-proxy/config.conf",
            "--hostname-override=$(NODE_NAME)",
        ],
        "env": [{"name": "NODE_NAME", "valueFrom": reference}],
        "securityContext": {"privileged": True},
        "volumeMounts": [
            {"mountPath": "/var/lib/kube-proxy", "name": "kube-proxy"},
            {"mountPath": "/run/xtables.lock", "name": "xtables-lock"},
            {"mountPath": "/lib/modules", "name": "lib-modules", "readOnly": True},
        ],
    }
    lock = {"path": "/run/xtables.lock", "type": "FileOrCreate"}
    spec = {
        "priorityClassName": "system-node-critical",
        "containers": [container],
        "hostNetwork": True,
        "serviceAccountName": "kube-proxy",
        "volumes": [
            {"name": "kube-proxy", "configMap": {"name": "kube-proxy"}},
            {"name": "xtables-lock", "hostPath": lock},
            {"name": "lib-modules", "hostPath": {"path": "/lib/modules"}},
        ],
        "tolerations": [{"operator": "Exists"}],
        "nodeSelector": {"kubernetes.io/os": "linux"},
    }
    return {
        "metadata": {"labels": labels, "name": "kube-proxy", "namespace": SYSTEM},
        "spec": {
            "selector": {"matchLabels": labels},
            "updateStrategy": {"type": "RollingUpdate"},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


def coredns(api: Kube, config: InitConfig) -> None:
    """The addon; an upgrade keeps replicas, and the ConfigMap with a Corefile of the user."""
    _account(api, "coredns")
    path = kube.path("configmaps", SYSTEM)
    corefile = _COREFILE.format(config.cluster["networking"]["dnsDomain"])
    held = api.find(f"{path}/coredns")
    if held is None or held["data"].get("Corefile") == corefile:
        meta = {"name": "coredns", "namespace": SYSTEM}
        api.create_or_update(path, {"metadata": meta, "data": {"Corefile": corefile}})
    rules = [
        {
            "apiGroups": [""],
            "resources": ["endpoints", "services", "pods", "namespaces"],
            "verbs": ["list", "watch"],
        },
        {
            "apiGroups": ["discovery.k8s.io"],
            "resources": ["endpointslices"],
            "verbs": ["list", "watch"],
        },
    ]
    rbac.cluster_role(api, "system:coredns", rules)
    rbac.bind_cluster(api, "system:coredns", "system:coredns", [_account_subject("coredns")])
    collection = kube.path("deployments", SYSTEM, group="apps")
    found = api.find(f"{collection}/coredns")
    replicas = found["spec"].get("replicas", 2) if found else 2
    api.create_or_update(collection, _dns_deployment(images.coredns(config.cluster), replicas))
    _dns_service(api, config)
    say("[addons] Applied essential addon: CoreDNS")


def _dns_deployment(image: str, replicas: int) -> Object:
    labels = {"k8s-app": "kube-dns"}
    container = {
        "name": "coredns",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "resources": {"limits": {"memory": "170Mi"}, "requests": {"cpu": "100m", "memory": "70Mi"}},
        "args": ["-conf", "/etc/coredns/Corefile"],
        "volumeMounts": [{"name": "config-volume", "mountPath": "/etc/coredns", "readOnly": True}],
        "ports": [
            {"containerPort": 53, "name": "dns", "protocol": "UDP"},
            {"containerPort": 53, "name": "dns-tcp", "protocol": "TCP"},
            {"containerPort": 9153, "name": "metrics", "protocol": "TCP"},
        ],
    }
    items = [{"key": "Corefile", "path": "Corefile"}]
    spec = {
        "priorityClassName": "system-cluster-critical",
        "serviceAccountName": "coredns",
        "tolerations": [
            {"key": "CriticalAddonsOnly", "operator": "Exists"},
            {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"},
        ],
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "containers": [container],
        "dnsPolicy": "Default",
        "volumes": [{"name": "config-volume", "configMap": {"name": "coredns", "items": items}}],
    }
    return {
        "metadata": {"name": "coredns", "namespace": SYSTEM, "labels": labels},
        "spec": {
            "replicas": replicas,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


def _dns_service(api: Kube, config: InitConfig) -> None:
    address = str(net.cidrs(config.cluster["networking"]["serviceSubnet"])[0][10])
    path = kube.path("services", SYSTEM)
    labels = {"k8s-app": "kube-dns", "kubernetes.io/cluster-service": "true"}
    labels["kubernetes.io/name"] = "CoreDNS"
    ports = [
        {"name": "dns", "port": 53, "protocol": "UDP"},
        {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
        {"name": "metrics", "port": 9153, "protocol": "TCP"},
    ]
    spec = {"clusterIP": address, "ports": ports, "selector": {"k8s-app": "kube-dns"}}
    notes = {"prometheus.io/port": "9153", "prometheus.io/scrape": "true"}
    meta = {"name": "kube-dns", "namespace": SYSTEM, "labels": labels, "annotations": notes}
    api.create_or_update(path, {"metadata": meta, "spec": spec})
