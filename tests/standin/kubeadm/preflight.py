"""Checks before anything is changed: names, texts, order and streams of the real ones."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from functools import partial
from typing import Any

from tests.standin import switches
from tests.standin.common.klog import FatalError, warning
from tests.standin.cri.client import Client
from tests.standin.cri.grpc import GrpcError

from . import images, proxies
from .checks import (
    Check,
    Found,
    cpus,
    dir_available,
    error,
    file_available,
    file_content,
    file_there,
    firewalld,
    hostname,
    in_path,
    kubelet_fits,
    kubelet_service,
    kubernetes_fits,
    memory,
    port,
    runtime_ready,
    swap,
    system,
)
from .config import net
from .config.load import InitConfig

_ASK = (
    "[preflight] If you know what you are doing, you can make a check non-fatal with"
    " `--ignore-preflight-errors=...`\n"
)
MANIFESTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd")


def ignored(from_flag: list[str], from_config: list[str] | None) -> set[str]:
    names = {n.lower() for n in [*from_flag, *(from_config or [])]}
    if "all" in names and len(names) > 1:
        shown = ",".join(sorted(names))
        raise FatalError(
            f'ignore-preflight-errors: Invalid value: "{shown}": don\'t specify individual'
            f" checks if"
            " 'all' is used"
        )
    return names


def run(checks: Iterable[Check], ignore: set[str]) -> None:
    """Warnings at once, errors together at the end."""
    sys.stdout.flush()
    errors = ""
    for check in checks:
        warnings, found = check.run()
        forced = switches.table("preflight").get(check.name)
        found = found + ([str(forced)] if forced else [])
        if "all" in ignore or check.name.lower() in ignore:
            warnings, found = warnings + found, []
        for text in warnings:
            sys.stderr.write(f"\t[WARNING {check.name}]: {text}\n")
        errors += "".join(f"\t[ERROR {check.name}]: {text}\n" for text in found)
    if errors:
        fail(errors)


def fail(text: str) -> None:
    sys.stderr.write(f"[preflight] Some fatal errors occurred:\n{text}{_ASK}")
    raise FatalError("preflight checks failed")


def root(ignore: set[str]) -> None:
    check = Check(
        "IsPrivilegedUser",
        lambda: error("" if os.geteuid() == 0 else "user is not running as root"),
    )
    run([check], ignore)


# -- single checks -----------------------------------------------------------------------------


def common(node: dict[str, Any], version: str) -> list[Check]:
    """The part that init and join share."""
    client = Client(node["criSocket"])
    checks = []
    try:
        client.validate()
    except RuntimeError as err:
        warning(
            "[preflight] WARNING: Couldn't create the interface used for talking to the container"
            f" runtime: failed to create new CRI runtime service: validate service connection:"
            f" {err}",
            "checks.go:1080",
        )
    else:
        checks.append(Check("CRI", lambda: runtime_ready(client)))
    checks.append(Check("Swap", swap))
    checks += [in_path(n) for n in ("losetup", "mount", "cp")]
    return [
        *checks,
        Check("SystemVerification", system),
        hostname(node["name"]),
        kubelet_fits(version),
        Check("Service-kubelet", kubelet_service),
        port(10250),
    ]


def forwarding(address: str) -> list[Check]:
    """ip_forward for the families in use."""
    if ":" in address:
        return [file_content("/proc/sys/net/ipv6/conf/default/forwarding", "1")]
    return [file_content("/proc/sys/net/ipv4/ip_forward", "1")]


def init_checks(config: InitConfig, *, secondary: bool, downloads: bool) -> list[Check]:
    """Of init, and the second group of a control plane join."""
    cluster, endpoint = config.cluster, config.endpoint
    networking = cluster["networking"]
    checks = [
        Check("NumCPU", cpus),
        Check("Mem", memory),
        kubernetes_fits(cluster["kubernetesVersion"]),
        firewalld(endpoint["bindPort"]),
        *(port(n) for n in (endpoint["bindPort"], 10259, 10257)),
        *(file_available(f"/etc/kubernetes/manifests/{n}.yaml") for n in MANIFESTS),
        Check("HTTPProxy", lambda: proxies.address(endpoint["advertiseAddress"])),
    ]
    cidrs = [
        *networking["serviceSubnet"].split(","),
        *(networking.get("podSubnet") or "").split(","),
    ]
    checks += [Check("HTTPProxyCIDR", partial(proxies.cidr, c)) for c in cidrs]
    if not secondary:
        checks += common(config.node, cluster["kubernetesVersion"])
        families = {":" in text for text in [*filter(None, cidrs), endpoint["advertiseAddress"]]}
        checks += [c for six in sorted(families) for c in forwarding("::" if six else "0.0.0.0")]  # noqa: S104
        if cluster["etcd"].get("external"):
            checks.append(Check("ExternalEtcdVersion", lambda: proxies.etcd_version(cluster)))
    if cluster["etcd"].get("local") is not None:
        checks += [port(2379), port(2380), dir_available(cluster["etcd"]["local"]["dataDir"])]
    elif not downloads:
        checks += _etcd_files(cluster["etcd"]["external"])
    return checks


def _etcd_files(external: dict[str, Any]) -> list[Check]:
    paths = [external.get(f) for f in ("caFile", "certFile", "keyFile")]
    return [Check("ExternalEtcdClientCertificates", partial(file_there, p)) for p in paths if p]


def join_checks(config: dict[str, Any]) -> list[Check]:
    """The first group of every join."""
    checks = [
        file_available("/etc/kubernetes/kubelet.conf"),
        file_available("/etc/kubernetes/bootstrap-kubelet.conf"),
        *common(config["nodeRegistration"], ""),
    ]
    if config.get("controlPlane") is None:
        checks.append(file_available(config["caCertPath"]))
    token = config["discovery"].get("bootstrapToken")
    if token:
        host, _ = net.split_host_port(token["apiServerEndpoint"])
        checks.append(Check("HTTPProxy", lambda: proxies.address(host)))
        if net.is_ip(host):
            checks += forwarding(host)
    return checks


def upgrade_checks() -> list[Check]:
    return [Check("SystemVerification", system)]


def pull(config: InitConfig, ignore: set[str]) -> None:
    """The ImagePull check."""
    client = Client(config.node["criSocket"])
    try:
        client.validate()
    except RuntimeError as err:
        fail(f"failed to create new CRI runtime service: validate service connection: {err}")
    run([Check("ImagePull", lambda: _pull(client, config))], ignore)


def _pull(client: Client, config: InitConfig) -> Found:
    policy = config.node.get("imagePullPolicy")
    if policy == "Never" or switches.get("fake_images"):
        return error()
    wanted, errors = images.pause(config.cluster), []
    sandbox = client.sandbox_image()
    if sandbox and sandbox != wanted:
        warning(
            f'detected that the sandbox image "{sandbox}" of the container runtime is inconsistent'
            f' with that used by kubeadm. It is recommended to use "{wanted}" as the CRI sandbox'
            " image.",
            "checks.go:843",
        )
    for image in images.all_of(config.cluster):
        try:
            if policy == "IfNotPresent" and client.image(image):
                continue
        except GrpcError:
            pass
        problem = pull_one(client, image)
        if problem:
            errors.append(f"failed to pull image {image}: failed to pull image {image}: {problem}")
    return [], errors


def pull_one(client: Client, image: str) -> str:
    """Five tries; the last error."""
    problem = ""
    for _ in range(5):
        try:
            client.pull(image)
        except GrpcError as err:
            problem = str(err)
        else:
            return ""
    return problem
