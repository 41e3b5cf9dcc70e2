"""The four static pods."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

from tests.standin.common import times, yamlio

from . import images
from .certs import write
from .commands import (
    apiserver_command,
    controller_manager_command,
    etcd_command,
    etcd_urls,
    extra_args,
    last_arg,
    localhost_of,
    scheduler_command,
)
from .config import net
from .config.load import InitConfig

FOLDER = Path("/etc/kubernetes/manifests")
PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
_EXTRA_CA = (
    "/etc/pki/ca-trust", "/etc/pki/tls/certs", "/etc/ca-certificates",
    "/usr/share/ca-certificates", "/usr/local/share/ca-certificates",
)  # fmt: skip


def _probe(host: str, path: str, scheme: str, numbers: tuple[int, int, int]) -> dict[str, Any]:
    delay, failures, period = numbers
    return {
        "failureThreshold": failures,
        "httpGet": {"host": host, "path": path, "port": "probe-port", "scheme": scheme},
        "initialDelaySeconds": delay,
        "periodSeconds": period,
        "timeoutSeconds": 15,
    }


def _probes(
    config: InitConfig, host: str, paths: tuple[str, str, str], scheme: str
) -> dict[str, Any]:
    seconds = times.seconds(config.init["timeouts"]["controlPlaneComponentHealthCheck"])
    live, ready, start = paths
    out = {
        "livenessProbe": _probe(host, live, scheme, (10, 8, 10)),
        "readinessProbe": _probe(host, ready, scheme, (0, 3, 1)),
        "startupProbe": _probe(host, start, scheme, (10, math.ceil(seconds / 10), 10)),
    }
    return {k: v for k, v in out.items() if v["httpGet"]["path"]}


def _env(config: InitConfig, field: str) -> list[dict[str, Any]]:
    proxies = [
        {"name": n, "value": v}
        for n, v in sorted(os.environ.items())
        if n.lower().endswith("_proxy") and v
    ]
    source = config.cluster["etcd"]["local"] if field == "etcd" else config.cluster[field]
    extra = source.get("extraEnvs") or []
    names = {e["name"] for e in extra}
    return [*([] if field == "etcd" else [p for p in proxies if p["name"] not in names]), *extra]


def _mounts(config: InitConfig, name: str) -> list[dict[str, Any]]:
    """name, hostPath, mountPath, readOnly, pathType of every volume."""
    certs = config.cluster["certificatesDir"]

    def mount(
        title: str, path: str, kind: str = "DirectoryOrCreate", *, ro: bool = True
    ) -> dict[str, Any]:
        return {
            "name": title,
            "hostPath": path,
            "mountPath": path,
            "readOnly": ro,
            "pathType": kind,
        }

    extra_ca = [mount(p.strip("/").replace("/", "-"), p) for p in _EXTRA_CA if Path(p).is_dir()]
    conf = "/etc/kubernetes/{}.conf"
    flex = "/usr/libexec/kubernetes/kubelet-plugins/volume/exec"
    by_name: dict[str, tuple[str, list[dict[str, Any]]]] = {
        "kube-apiserver": (
            "apiServer",
            [mount("k8s-certs", certs), mount("ca-certs", "/etc/ssl/certs"), *extra_ca],
        ),
        "kube-controller-manager": (
            "controllerManager",
            [
                mount("k8s-certs", certs),
                mount("ca-certs", "/etc/ssl/certs"),
                mount("kubeconfig", conf.format("controller-manager"), "FileOrCreate"),
                mount("flexvolume-dir", flex, ro=False),
                *extra_ca,
            ],
        ),
        "kube-scheduler": (
            "scheduler",
            [mount("kubeconfig", conf.format("scheduler"), "FileOrCreate")],
        ),
    }
    if name == "etcd":
        data = config.cluster["etcd"]["local"]["dataDir"]
        return [mount("etcd-data", data, ro=False), mount("etcd-certs", f"{certs}/etcd", ro=False)]
    field, own = by_name[name]
    extra = config.cluster[field].get("extraVolumes") or []
    merged = {m["name"]: m for m in [*own, *extra]}
    return [merged[n] for n in sorted(merged)]


def pod(
    config: InitConfig, name: str, members: list[tuple[str, str]] | None = None
) -> dict[str, Any]:
    """The whole manifest."""
    address, port = config.endpoint["advertiseAddress"], config.endpoint["bindPort"]
    local = localhost_of(config)
    cm = last_arg(extra_args(config, "controllerManager"), "bind-address", "127.0.0.1")
    scheduler = last_arg(extra_args(config, "scheduler"), "bind-address", "127.0.0.1")
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
    live = ("/livez", "/readyz", "/livez")
    commands = {
        "kube-apiserver": (apiserver_command, "250m", "apiServer", (address, live, "HTTPS", port)),
        "kube-controller-manager": (
            controller_manager_command,
            "200m",
            "controllerManager",
            (everywhere.get(cm, cm), ("/healthz", "", "/healthz"), "HTTPS", 10257),
        ),
        "kube-scheduler": (
            scheduler_command,
            "100m",
            "scheduler",
            (everywhere.get(scheduler, scheduler), live, "HTTPS", 10259),
        ),
        "etcd": (
            lambda c: etcd_command(c, members or []),
            "100m",
            "etcd",
            (local, ("/livez", "/readyz", "/readyz"), "HTTP", 2381),
        ),
    }
    command, cpu, field, (host, paths, scheme, probe_port) = commands[name]
    requests = {"cpu": cpu, **({"memory": "100Mi"} if name == "etcd" else {})}
    image = (
        images.etcd(config.cluster) if name == "etcd" else images.component(name, config.cluster)
    )
    mounts = _mounts(config, name)
    env = _env(config, field)
    container = {
        "command": command(config),
        **({"env": env} if env else {}),
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "name": name,
        "ports": [{"containerPort": probe_port, "name": "probe-port", "protocol": "TCP"}],
        **_probes(config, host, paths, scheme),
        "resources": {"requests": requests},
        "volumeMounts": [
            {
                "mountPath": m["mountPath"],
                "name": m["name"],
                **({"readOnly": True} if m.get("readOnly") else {}),
            }
            for m in mounts
        ],
    }
    annotations = {
        "kube-apiserver": {
            "kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint": net.join_host_port(
                address, port
            )
        },
        "etcd": {"kubeadm.kubernetes.io/etcd.advertise-client-urls": etcd_urls(config)[0]},
    }.get(name)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            **({"annotations": annotations} if annotations else {}),
            "labels": {"component": name, "tier": "control-plane"},
            "name": name,
            "namespace": "kube-system",
        },
        "spec": {
            "containers": [container],
            "hostNetwork": True,
            "priority": 2000001000,
            "priorityClassName": "system-node-critical",
            "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
            "volumes": [
                {
                    "hostPath": {"path": m["hostPath"], "type": m.get("pathType") or ""},
                    "name": m["name"],
                }
                for m in mounts
            ],
        },
        "status": {},
    }


def store(manifest: dict[str, Any], folder: Path = FOLDER) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write(folder / f"{manifest['metadata']['name']}.yaml", yamlio.dump(manifest), 0o600)
