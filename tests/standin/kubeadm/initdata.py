"""What kubeadm init works with: flags, configuration, a client."""

from __future__ import annotations

import dataclasses
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.standin.common.flags import Flags, Spec
from tests.standin.common.kube import Kube

from . import (
    admin,
    preflight,
)
from .config import load, net
from .config.load import InitConfig
from .flags import GLOBAL, mixed

SPEC = Spec(
    GLOBAL + " config apiserver-advertise-address apiserver-bind-port apiserver-cert-extra-sans*"
    " cert-dir certificate-key control-plane-endpoint cri-socket dry-run? feature-gates"
    " ignore-preflight-errors* image-repository kubernetes-version node-name patches"
    " pod-network-cidr service-cidr service-dns-domain skip-certificate-key-print? skip-phases*"
    " skip-token-print? token token-ttl upload-certs? kubeconfig kubeconfig-dir",
    "v=v h=help",
)


@dataclasses.dataclass
class Data:
    """What the phases share."""

    config: InitConfig
    flags: Flags
    ignore: set[str]
    key: str = ""

    @cached_property
    def api(self) -> Kube:
        path = Path(self.flags.get("kubeconfig") or admin.ADMIN)
        if path != admin.ADMIN:
            return admin.load(path)
        return admin.ensure(self.timeouts["kubernetesAPICall"])

    @property
    def timeouts(self) -> dict[str, str]:
        found: dict[str, str] = self.config.init["timeouts"]
        return found

    @property
    def patches(self) -> str:
        configured = (self.config.init.get("patches") or {}).get("directory")
        return self.flags.get("patches") or str(configured or "")

    @property
    def admin_conf(self) -> Path:
        return Path(self.flags.get("kubeconfig") or admin.ADMIN)


def from_flags(flags: Flags) -> InitConfig:
    """The configuration a command line without --config describes."""
    cluster: dict[str, Any] = {
        "kubernetesVersion": flags.get("kubernetes-version"),
        "controlPlaneEndpoint": flags.get("control-plane-endpoint"),
        "imageRepository": flags.get("image-repository"),
        "certificatesDir": flags.get("cert-dir"),
        "networking": {
            "podSubnet": flags.get("pod-network-cidr"),
            "serviceSubnet": flags.get("service-cidr"),
            "dnsDomain": flags.get("service-dns-domain"),
        },
        "apiServer": {"certSANs": flags.several("apiserver-cert-extra-sans")},
    }
    token: dict[str, Any] = {"token": flags.get("token")}
    if flags.get("token-ttl"):
        token["ttl"] = flags.get("token-ttl")
    init = {
        "bootstrapTokens": [token],
        "certificateKey": flags.get("certificate-key"),
        "nodeRegistration": {"name": flags.get("node-name"), "criSocket": flags.get("cri-socket")},
        "localAPIEndpoint": {
            "advertiseAddress": flags.get("apiserver-advertise-address"),
            "bindPort": int(flags.get("apiserver-bind-port", "0")),
        },
    }
    return load.complete_init(
        {"InitConfiguration": init, "ClusterConfiguration": cluster}, {}, detect=True
    )


def data_from(flags: Flags) -> Data:
    mixed(flags)
    if flags.get("config"):
        config = load.init_from(load.read(flags.get("config")), fatal=False, detect=True)
    else:
        config = from_flags(flags)
    if flags.get("node-name"):
        config.node["name"] = flags.get("node-name").strip().lower()
    ignore = preflight.ignored(
        flags.several("ignore-preflight-errors"), config.node.get("ignorePreflightErrors")
    )
    net.verify_bind_address(config.endpoint["advertiseAddress"])
    return Data(config, flags, ignore, config.init.get("certificateKey") or "")
