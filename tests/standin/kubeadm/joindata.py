"""What kubeadm join works with: flags, configuration, the cluster's own."""

from __future__ import annotations

import dataclasses
from functools import cached_property
from typing import Any

from tests.standin.common import kubeconfig
from tests.standin.common.flags import Flags, Spec
from tests.standin.common.klog import FatalError
from tests.standin.common.kube import Kube

from . import (
    admin,
    discovery,
    preflight,
    upload,
)
from .config import load, net
from .config.load import InitConfig
from .flags import GLOBAL, mixed

SPEC = Spec(
    GLOBAL
    + " config apiserver-advertise-address apiserver-bind-port certificate-key control-plane?"
    " cri-socket discovery-file discovery-token discovery-token-ca-cert-hash*"
    " discovery-token-unsafe-skip-ca-verification? dry-run? ignore-preflight-errors* node-name"
    " patches skip-phases* tls-bootstrap-token token",
    "v=v h=help",
)


Config = dict[str, Any]


@dataclasses.dataclass
class Data:
    """What the phases share; the cluster is asked when it is needed."""

    join: Config
    flags: Flags
    ignore: set[str]

    @cached_property
    def bootstrap(self) -> Config:
        """The kubeconfig with the token; admin.conf where it exists already."""
        if self.plane is not None and self.flags.yes("control-plane") and admin.ADMIN.exists():
            return kubeconfig.load(admin.ADMIN)
        return discovery.for_join(self.join)

    @cached_property
    def token_api(self) -> Kube:
        return Kube(self.bootstrap)

    @cached_property
    def config(self) -> InitConfig:
        upload.announce_reading("preflight")
        try:
            found = upload.fetch(self.token_api)
        except FatalError as err:
            raise FatalError(f"unable to fetch the kubeadm-config ConfigMap: {err}") from err
        found.init["nodeRegistration"] = self.join["nodeRegistration"]
        found.init["timeouts"] = self.join["timeouts"]
        if self.plane is not None:
            found.init["localAPIEndpoint"] = self.plane["localAPIEndpoint"]
        return found

    @property
    def plane(self) -> Config | None:
        found: Config | None = self.join.get("controlPlane")
        return found

    @property
    def key(self) -> str:
        return str((self.plane or {}).get("certificateKey") or "")

    @property
    def patches(self) -> str:
        configured = (self.join.get("patches") or {}).get("directory")
        return self.flags.get("patches") or str(configured or "")

    @property
    def local_etcd(self) -> bool:
        return self.config.cluster["etcd"].get("local") is not None


def from_flags(flags: Flags) -> Config:
    """The configuration a command line without --config describes."""
    token: Config = {
        "token": flags.get("discovery-token") or flags.get("token"),
        "apiServerEndpoint": flags.args[0] if flags.args else "",
        "caCertHashes": flags.several("discovery-token-ca-cert-hash"),
        "unsafeSkipCAVerification": flags.yes("discovery-token-unsafe-skip-ca-verification"),
    }
    config: Config = {
        "nodeRegistration": {"name": flags.get("node-name"), "criSocket": flags.get("cri-socket")},
        "discovery": {"tlsBootstrapToken": flags.get("tls-bootstrap-token") or flags.get("token")},
    }
    if flags.get("discovery-file"):
        config["discovery"]["file"] = {"kubeConfigPath": flags.get("discovery-file")}
    elif flags.args:
        config["discovery"]["bootstrapToken"] = token
    if flags.yes("control-plane"):
        endpoint = {
            "advertiseAddress": flags.get("apiserver-advertise-address"),
            "bindPort": int(flags.get("apiserver-bind-port", "0")),
        }
        config["controlPlane"] = {
            "localAPIEndpoint": endpoint,
            "certificateKey": flags.get("certificate-key"),
        }
    return load.complete_join(config, detect=True)


def data_from(flags: Flags) -> Data:
    mixed(flags)
    if flags.get("config"):
        join = load.join_from(load.read(flags.get("config")), fatal=False, detect=True)
    else:
        join = from_flags(flags)
    node = join["nodeRegistration"]
    if flags.get("node-name"):
        node["name"] = flags.get("node-name").strip().lower()
    if join.get("controlPlane"):
        net.verify_bind_address(join["controlPlane"]["localAPIEndpoint"]["advertiseAddress"])
    ignore = preflight.ignored(
        flags.several("ignore-preflight-errors"), node.get("ignorePreflightErrors")
    )
    return Data(join, flags, ignore)
