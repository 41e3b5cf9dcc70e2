"""admin.conf and its siblings."""

from __future__ import annotations

from pathlib import Path

from tests.standin.common import kubeconfig, pki, times
from tests.standin.common.klog import FatalError, warning

from .certs import ADMINS, BY_NAME, load_ca
from .config import net
from .config.load import InitConfig
from .phase import say

FOLDER = Path("/etc/kubernetes")


def local_url(config: InitConfig) -> str:
    endpoint = config.endpoint
    return "https://" + net.join_host_port(endpoint["advertiseAddress"], endpoint["bindPort"])


def plane_url(config: InitConfig) -> str:
    """ControlPlaneEndpoint if there is one."""
    endpoint = config.cluster.get("controlPlaneEndpoint")
    return f"https://{endpoint}" if endpoint else local_url(config)


def spec(config: InitConfig, name: str) -> tuple[str, str, tuple[str, ...]]:
    """(server, user, groups) of one file."""
    plane, local = plane_url(config), local_url(config)
    return {
        "admin.conf": (plane, "kubernetes-admin", (ADMINS,)),
        "super-admin.conf": (plane, "kubernetes-super-admin", ("system:masters",)),
        "kubelet.conf": (local, f"system:node:{config.node['name']}", ("system:nodes",)),
        "controller-manager.conf": (local, "system:kube-controller-manager", ()),
        "scheduler.conf": (local, "system:kube-scheduler", ()),
    }[name]


def render(config: InitConfig, name: str) -> kubeconfig.Config:
    """A new kubeconfig with a new certificate."""
    server, user, groups = spec(config, name)
    ca = load_ca(Path(config.cluster["certificatesDir"]), BY_NAME["ca"])
    seconds = times.seconds(config.cluster["certificateValidityPeriod"])
    algorithm = config.cluster["encryptionAlgorithm"]
    pair = pki.issue(ca, pki.Want(user, groups, seconds=seconds, algorithm=algorithm))
    credentials = kubeconfig.with_cert(pair.cert_pem(), pair.key_pem())
    return kubeconfig.build(server, ca.cert_pem(), config.cluster["clusterName"], user, credentials)


def ensure(config: InitConfig, name: str, folder: Path = FOLDER) -> None:
    """Write a kubeconfig, or check the one that is there."""
    path = folder / name
    if not path.exists():
        say(f'[kubeconfig] Writing "{name}" kubeconfig file')
        kubeconfig.write(path, render(config, name))
        return
    try:
        cluster, _ = kubeconfig.current(kubeconfig.load(path))
        current = kubeconfig.text(cluster, "certificate-authority").strip()
    except (OSError, TypeError, ValueError) as err:
        raise FatalError(
            f"failed to load kubeconfig file {path} that already exists on disk: {err}"
        ) from err
    ca = load_ca(Path(config.cluster["certificatesDir"]), BY_NAME["ca"])
    if current != ca.cert_pem().strip():
        raise FatalError(
            f'a kubeconfig file "{path}" exists but does not contain a trusted CA in its current'
            " context's cluster. Total CA certificates found: 1"
        )
    server = spec(config, name)[0]
    if cluster.get("server") != server:
        warning(
            f'a kubeconfig file "{path}" exists already but has an unexpected API Server URL:'
            f" expected: {server}, got: {cluster.get('server')}",
            "kubeconfig.go:271",
        )
    say(f'[kubeconfig] Using existing kubeconfig file: "{path}"')
