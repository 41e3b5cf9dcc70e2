"""The kubelet's flags and its two configuration files."""

from __future__ import annotations

import dataclasses
import socket
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.standin.common import klog
from tests.standin.common.flags import Flags, Spec, parse
from tests.standin.common.klog import FatalError
from tests.standin.common.kubeconfig import Loader

_NAMES = (
    "address allowed-unsafe-sysctls anonymous-auth? authentication-token-webhook?"
    " authentication-token-webhook-cache-ttl authorization-mode"
    " authorization-webhook-cache-authorized-ttl authorization-webhook-cache-unauthorized-ttl"
    " bootstrap-kubeconfig cert-dir cgroup-driver cgroup-root cgroups-per-qos? client-ca-file"
    " cloud-provider cluster-dns cluster-domain config config-dir container-log-max-files"
    " container-log-max-size container-runtime-endpoint contention-profiling? cpu-cfs-quota?"
    " cpu-cfs-quota-period cpu-manager-policy cpu-manager-policy-options"
    " cpu-manager-reconcile-period enable-controller-attach-detach? enable-debugging-handlers?"
    " enable-server? enforce-node-allocatable event-burst event-qps eviction-hard"
    " eviction-max-pod-grace-period eviction-minimum-reclaim eviction-pressure-transition-period"
    " eviction-soft eviction-soft-grace-period exit-on-lock-contention? experimental-mounter-path"
    " fail-cgroupv1? fail-swap-on? feature-gates file-check-frequency hairpin-mode"
    " healthz-bind-address healthz-port help? hostname-override http-check-frequency"
    " image-credential-provider-bin-dir image-credential-provider-config"
    " image-gc-high-threshold image-gc-low-threshold image-service-endpoint"
    " kernel-memcg-notification? kube-api-burst kube-api-content-type kube-api-qps kube-reserved"
    " kube-reserved-cgroup kubeconfig kubelet-cgroups local-storage-capacity-isolation? lock-file"
    " logging-format make-iptables-util-chains? manifest-url manifest-url-header max-open-files"
    " max-pods maximum-dead-containers maximum-dead-containers-per-container"
    " memory-manager-policy minimum-container-ttl-duration minimum-image-ttl-duration node-ip"
    " node-labels node-status-max-images node-status-update-frequency oom-score-adj pod-cidr"
    " pod-infra-container-image pod-manifest-path pod-max-pids pods-per-core port"
    " protect-kernel-defaults? provider-id qos-reserved read-only-port register-node?"
    " register-with-taints registry-burst registry-qps reserved-cpus reserved-memory resolv-conf"
    " root-dir rotate-certificates? rotate-server-certificates? runonce? runtime-cgroups"
    " runtime-request-timeout seccomp-default? serialize-image-pulls?"
    " streaming-connection-idle-timeout sync-frequency system-cgroups system-reserved"
    " system-reserved-cgroup tls-cert-file tls-cipher-suites tls-min-version tls-private-key-file"
    " topology-manager-policy topology-manager-policy-options topology-manager-scope v version?"
    " vmodule volume-plugin-dir volume-stats-agg-period"
)
SPEC = Spec(_NAMES, "h=help v=v")
_ALLOWED_PREFIXES = ("kubelet.kubernetes.io", "node.kubernetes.io")
_ALLOWED_LABELS = {
    "kubernetes.io/hostname", "kubernetes.io/os", "kubernetes.io/arch",
    "topology.kubernetes.io/zone", "topology.kubernetes.io/region",
    "beta.kubernetes.io/os", "beta.kubernetes.io/arch", "beta.kubernetes.io/instance-type",
    "node.kubernetes.io/instance-type", "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region",
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Options:
    """All settings of the kubelet."""

    flags: Flags
    config: dict[str, Any]
    name: str
    labels: dict[str, str]
    taints: list[dict[str, str]]
    endpoint: str

    def number(self, field: str, default: int) -> int:
        return int(self.config.get(field) or default)


def load(argv: list[str]) -> Options:
    """Flags first, then the file they name; flags win."""
    try:
        flags = parse(argv, SPEC)
    except FatalError as err:
        raise FatalError(f"failed to parse kubelet flag: {err}") from err
    config = _config(Path(flags.get("config"))) if flags.get("config") else {}
    name = (flags.get("hostname-override") or socket.gethostname()).strip().lower()
    endpoint = flags.get("container-runtime-endpoint") or str(
        config.get("containerRuntimeEndpoint") or "unix:///run/containerd/containerd.sock"
    )
    labels = _labels(flags.get("node-labels"))
    taints = [_taint(t) for t in flags.get("register-with-taints").split(",") if t]
    return Options(flags, config, name, labels, taints, endpoint)


def _config(path: Path) -> dict[str, Any]:
    inner = (
        f"failed to load Kubelet config file {path}, error failed to read kubelet config"
        f' file "{path}"'
    )
    try:
        loaded = yaml.load(path.read_text(), Loader=Loader)  # noqa: S506  # CSafeLoader is safe
    except OSError as err:
        why = f"open {path}: {(err.strerror or '').lower()}"
        raise FatalError(
            f"failed to load kubelet config file, path: {path}, error: {inner}, error: {why}"
        ) from err
    except yaml.YAMLError as err:
        raise FatalError(f"failed to load kubelet config file, path: {path}, error: {err}") from err
    if not isinstance(loaded, dict) or loaded.get("kind") != "KubeletConfiguration":
        raise FatalError(
            f"failed to load kubelet config file, path: {path}, error: no kind"
            ' "KubeletConfiguration" is registered'
        )
    if (loaded.get("maxPods") or 0) < 0:  # ValidateKubeletConfiguration, of which this is a part
        raise FatalError(
            "failed to validate kubelet configuration, error: invalid configuration: maxPods"
            f" (--max-pods) {loaded['maxPods']} must not be a negative number, path: {path}"
        )
    return loaded


def _labels(text: str) -> dict[str, str]:
    labels = {}
    unknown = []
    for pair in filter(None, text.split(",")):
        key, _, value = pair.partition("=")
        labels[key] = value
        domain = key.rpartition("/")[0]
        reserved = domain.endswith(("kubernetes.io", "k8s.io")) and key not in _ALLOWED_LABELS
        allowed = any(domain == p or domain.endswith("." + p) for p in _ALLOWED_PREFIXES)
        if reserved and not allowed:
            unknown.append(key)
    if unknown:
        raise FatalError(
            "failed to validate kubelet flags: unknown 'kubernetes.io' or 'k8s.io' labels specified"
            f" with --node-labels: [{' '.join(sorted(unknown))}]\n--node-labels in the"
            " 'kubernetes.io' namespace must begin with an allowed prefix"
            " (kubelet.kubernetes.io, node.kubernetes.io) or be in the specifically allowed set"
            f" ({', '.join(sorted(_ALLOWED_LABELS))})"
        )
    return labels


def _taint(text: str) -> dict[str, str]:
    rest, _, effect = text.rpartition(":")
    key, _, value = rest.partition("=")
    return {"key": key, "effect": effect, **({"value": value} if value else {})}


def die(text: str) -> int:
    """What the kubelet prints before it exits."""
    klog.error(f'"command failed" err="{text}"', "run.go:72")
    sys.stderr.flush()
    return 1
