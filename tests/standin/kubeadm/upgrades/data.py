"""What an upgrade works with: the cluster's configuration and this node's part of it."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import yaml
from cryptography import x509
from cryptography.x509.oid import NameOID

from tests.standin.common import http, kube, kubeconfig
from tests.standin.common.flags import Flags
from tests.standin.common.klog import FatalError
from tests.standin.common.kube import Kube, KubeError
from tests.standin.kubeadm import admin, preflight, upload
from tests.standin.kubeadm.config import defaults, load, net
from tests.standin.kubeadm.config.load import InitConfig

Config = dict[str, Any]
KUBELET_CONF = Path("/etc/kubernetes/kubelet.conf")
INSTANCE = Path("/var/lib/kubelet/instance-config.yaml")
API_MANIFEST = Path("/etc/kubernetes/manifests/kube-apiserver.yaml")


@dataclasses.dataclass
class Data:
    """Shared by the phases."""

    flags: Flags
    config: InitConfig
    api: Kube
    section: Config  # of the UpgradeConfiguration
    ignore: set[str]
    plane: bool

    def yes(self, flag: str, field: str, *, default: bool = False) -> bool:
        """A flag, else the configuration, else the default."""
        if flag in self.flags.values:
            return self.flags.yes(flag)
        value = self.section.get(field)
        return default if value is None else bool(value)

    @property
    def patches(self) -> str:
        configured = (self.section.get("patches") or {}).get("directory")
        return self.flags.get("patches") or str(configured or "")

    @property
    def skip(self) -> list[str]:
        return self.flags.several("skip-phases") or self.section.get("skipPhases") or []

    @property
    def version(self) -> str:
        return str(self.config.cluster["kubernetesVersion"])


def load_data(flags: Flags, section: str) -> Data:
    """Read everything; failures have the message of the command."""
    given: Config = {}
    if flags.get("config"):
        given = load.upgrade_from(load.read(flags.get("config")))
    part = dict(given.get(section) or {})
    ignore = preflight.ignored(
        flags.several("ignore-preflight-errors"), part.get("ignorePreflightErrors")
    )
    plane = API_MANIFEST.exists() or section in {"apply", "plan"}
    default = admin.ADMIN if plane else KUBELET_CONF
    conf = Path(flags.get("kubeconfig") or default)
    try:
        api = admin.load(conf)
    except FatalError as err:
        raise FatalError(f'couldn\'t create a Kubernetes client from file "{conf}": {err}') from err
    config = _fetch(api, section)
    if section == "plan":
        return Data(flags, config, api, part, ignore, plane)
    config.init["timeouts"] = defaults.timeouts_defaults(given.get("timeouts"))
    _this_node(config, api, plane=plane)
    config.node["imagePullPolicy"] = part.get("imagePullPolicy") or "IfNotPresent"
    return Data(flags, config, api, part, ignore, plane)


def _fetch(api: Kube, section: str) -> InitConfig:
    if section == "plan":
        sys.stdout.flush()
        return InitConfig({}, {})  # the plan reads it later
    upload.announce_reading("upgrade")
    return read(api)


def read(api: Kube) -> InitConfig:
    try:
        return upload.fetch(api)
    except FatalError as err:
        if "not found" in str(err):
            print(
                '[upgrade] In order to upgrade, a ConfigMap called "kubeadm-config" in the'
                ' "kube-system" namespace must exist.'
            )
            print(
                "[upgrade/config] Use 'kubeadm init phase upload-config kubeadm --config"
                " your-config-file' to re-upload it."
            )
            raise FatalError(
                '[upgrade] FATAL: the ConfigMap "kubeadm-config" in the "kube-system" namespace'
                " was not"
                " found"
            ) from err
        raise FatalError(f"[upgrade] FATAL: {err}") from err


def node_name() -> str:
    """From the certificate in kubelet.conf."""
    try:
        _, user = kubeconfig.current(kubeconfig.load(KUBELET_CONF))
        pem = kubeconfig.text(user, "client-certificate").encode()
        cert = x509.load_pem_x509_certificate(pem)
    except (OSError, ValueError, TypeError) as err:
        raise FatalError(
            "[upgrade] FATAL: failed to get node registration: failed to get node name from kubelet"
            f" config: {err}"
        ) from err
    common = str(cert.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
    return common.removeprefix("system:node:")


def _this_node(config: InitConfig, api: Kube, *, plane: bool) -> None:
    name = node_name()
    config.node["name"] = name
    try:
        config.node["criSocket"] = yaml.safe_load(INSTANCE.read_text())["containerRuntimeEndpoint"]
    except OSError as err:
        raise FatalError(
            "[upgrade] FATAL: failed to get node registration: node"
            f" {name} doesn't have kubeadm.alpha.kubernetes.io/cri-socket annotation, or kubelet"
            f" instance config {INSTANCE}"
        ) from err
    if not plane:
        return
    try:
        pod = api.get(kube.path("pods", "kube-system", f"kube-apiserver-{name}"))
    except (KubeError, http.Unreachable) as err:
        raise FatalError(f"[upgrade] FATAL: failed to get APIEndpoint: {err}") from err
    key = "kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint"
    host, port = net.split_host_port(pod["metadata"]["annotations"][key])
    config.init["localAPIEndpoint"] = {"advertiseAddress": host, "bindPort": int(port)}
