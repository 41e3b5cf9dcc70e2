"""The configuration in the cluster: writing and reading the ConfigMaps."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from pathlib import Path
from typing import Any

import yaml
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.standin.common import http, kube, yamlio
from tests.standin.common.klog import FatalError
from tests.standin.common.kube import Kube, KubeError

from . import kubelet, rbac, tokens
from .certs import write
from .config.defaults import timeouts_defaults
from .config.load import InitConfig, complete_init
from .phase import say

SYSTEM = "kube-system"
CERTS = "kubeadm-certs"
Config = dict[str, Any]
_API = "kubeadm.k8s.io/v1beta4"


def _clean(value: Any) -> Any:
    """Without empty texts and nulls, as Go's omitempty leaves them out."""
    if isinstance(value, dict):
        return {k: _clean(v) for k, v in value.items() if v not in (None, "", [], False)}
    return [_clean(v) for v in value] if isinstance(value, list) else value


def marshal(cluster: Config) -> str:
    """ClusterConfiguration as it is stored."""
    kept = {**_clean(cluster), "apiVersion": _API, "kind": "ClusterConfiguration"}
    for field in ("apiServer", "controllerManager", "scheduler", "dns", "proxy"):
        kept.setdefault(field, {})
    return yamlio.dump(kept)


def kubeadm_config(api: Kube, cluster: Config) -> None:
    say(
        f'[upload-config] Storing the configuration used in ConfigMap "kubeadm-config" in the'
        f' "{SYSTEM}" Namespace'
    )
    meta = {"name": "kubeadm-config", "namespace": SYSTEM}
    body = {"metadata": meta, "data": {"ClusterConfiguration": marshal(cluster)}}
    api.create_or_update(kube.path("configmaps", SYSTEM), body)
    name = "kubeadm:nodes-kubeadm-config"
    rbac.role(api, SYSTEM, name, "configmaps", "kubeadm-config")
    rbac.bind(api, SYSTEM, name, [rbac.group(rbac.BOOTSTRAPPERS), rbac.group(rbac.NODES)])


def kubelet_config(api: Kube, value: Config, *, generated: bool) -> None:
    say(
        f'[kubelet] Creating a ConfigMap "kubelet-config" in namespace {SYSTEM} with the'
        " configuration for the kubelets in the cluster"
    )
    text = yamlio.dump(value)
    meta: Config = {"name": "kubelet-config", "namespace": SYSTEM}
    if generated:
        digest = "sha256:" + hashlib.sha256(text.encode()).hexdigest()
        meta["annotations"] = {"kubeadm.kubernetes.io/component-config.hash": digest}
    body = {"metadata": meta, "data": {"kubelet": text}}
    api.create_or_update(kube.path("configmaps", SYSTEM), body)
    name = "kubeadm:kubelet-config"
    rbac.role(api, SYSTEM, name, "configmaps", "kubelet-config")
    rbac.bind(api, SYSTEM, name, [rbac.group(rbac.NODES), rbac.group(rbac.BOOTSTRAPPERS)])


def _data(api: Kube, name: str, key: str) -> Config | None:
    found = api.find(kube.path("configmaps", SYSTEM, name))
    return None if found is None else dict(yaml.safe_load(found["data"][key]))


def announce_reading(prefix: str) -> None:
    say(
        f'[{prefix}] Reading configuration from the "kubeadm-config" ConfigMap in namespace'
        f' "{SYSTEM}"...'
    )
    say(
        f"[{prefix}] Use 'kubeadm init phase upload-config kubeadm --config your-config-file' to"
        " re-upload it."
    )


def fetch(api: Kube, seconds: float = 0.35) -> InitConfig:
    """The cluster's configuration; node parts are those of this node."""

    def read() -> Config:
        return api.get(kube.path("configmaps", SYSTEM, "kubeadm-config"))

    try:
        stored = kube.retry(read, seconds, 0.1)["data"]["ClusterConfiguration"]
    except (KubeError, http.Unreachable) as err:
        raise FatalError(f"failed to get config map: {err}") from err
    cluster = yaml.safe_load(stored)
    components: dict[str, Config] = {}
    for name, key, group in (
        ("kubelet-config", "kubelet", "kubelet.config.k8s.io"),
        ("kube-proxy", "config.conf", "kubeproxy.config.k8s.io"),
    ):
        try:
            found = _data(api, name, key)
        except KubeError:
            found = None
        except http.Unreachable as err:  # the API server has ended meanwhile
            raise FatalError(f"failed to get component config {name}: {err}") from err
        if found is not None:
            components[group] = found
    node = {"nodeRegistration": {"criSocket": "unix:///placeholder", "name": "placeholder"}}
    config = complete_init(
        {"ClusterConfiguration": cluster, "InitConfiguration": node}, components, detect=False
    )
    config.init["timeouts"] = timeouts_defaults(None)
    return config


# -- kubeadm-certs -------------------------------------------------------------------------------


def new_key() -> str:
    return secrets.token_hex(32)


def _transfer(cluster: Config) -> dict[str, Path]:
    folder = Path(cluster["certificatesDir"])
    names = ["ca.crt", "ca.key", "front-proxy-ca.crt", "front-proxy-ca.key", "sa.pub", "sa.key"]
    out = {name: folder / name for name in names}
    external = cluster["etcd"].get("external")
    if not external:
        return {**out, "etcd-ca.crt": folder / "etcd/ca.crt", "etcd-ca.key": folder / "etcd/ca.key"}
    fields = {
        "external-etcd-ca.crt": "caFile",
        "external-etcd.crt": "certFile",
        "external-etcd.key": "keyFile",
    }
    return out | {name: Path(external.get(field) or "/") for name, field in fields.items()}


def _encrypted(path: Path, key: str) -> str:
    if not path.is_file():
        return ""
    nonce = os.urandom(12)
    sealed = AESGCM(bytes.fromhex(key)).encrypt(nonce, path.read_bytes(), None)
    return base64.b64encode(nonce + sealed).decode()


def certs(api: Kube, cluster: Config, key: str) -> None:
    """Store the CAs, encrypted; a short-lived token owns the Secret."""
    folder = Path(cluster["certificatesDir"])
    if not (folder / "ca.key").exists() or not (folder / "front-proxy-ca.key").exists():
        raise FatalError("can't use upload-certs with an external CA or an external front-proxy CA")
    say(f'[upload-certs] Storing the certificates in Secret "{CERTS}" in the "{SYSTEM}" Namespace')
    owner = tokens.create(
        api,
        {
            "description": "Proxy for managing TTL for the kubeadm-certs secret",
            "ttl": "2h0m0s",
            "usages": [],
            "groups": [],
        },
    )
    reference = {
        "apiVersion": "v1",
        "kind": "Secret",
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    meta = {"name": CERTS, "namespace": SYSTEM, "ownerReferences": [reference]}
    data = {name: _encrypted(path, key) for name, path in _transfer(cluster).items()}
    api.create_or_update(kube.path("secrets", SYSTEM), {"metadata": meta, "data": data})
    name = "kubeadm:kubeadm-certs"
    rbac.role(api, SYSTEM, name, "secrets", CERTS)
    rbac.bind(api, SYSTEM, name, [rbac.group(rbac.BOOTSTRAPPERS)])


def download_certs(api: Kube, cluster: Config, key: str) -> None:
    """The other half, on a joining control plane."""
    say(
        f'[download-certs] Downloading the certificates in Secret "{CERTS}" in the "{SYSTEM}"'
        f" Namespace"
    )
    secret = api.find(kube.path("secrets", SYSTEM, CERTS))
    if secret is None:
        raise FatalError(
            f'error downloading certs: error downloading the secret: Secret "{CERTS}" was not'
            f" found in"
            f' the "{SYSTEM}" Namespace. This Secret might have expired. Please, run `kubeadm init'
            " phase upload-certs --upload-certs` on a control plane to generate a new one"
        )
    texts = {name: _decrypted(value, key) for name, value in (secret.get("data") or {}).items()}
    say(f'[download-certs] Saving the certificates to the folder: "{cluster["certificatesDir"]}"')
    for name, path in _transfer(cluster).items():
        if name not in texts:
            raise FatalError(
                "error downloading certs: the Secret does not include the required certificate"
                " or key"
                f" - name: {name}, path: {path}"
            )
        if texts[name]:
            write(path, texts[name], 0o600 if name.endswith(".key") else 0o644)


def _decrypted(value: str, key: str) -> str:
    raw = base64.b64decode(value)
    if not raw:
        return ""
    try:
        return AESGCM(bytes.fromhex(key)).decrypt(raw[:12], raw[12:], None).decode()
    except InvalidTag as err:
        raise FatalError(
            "error downloading certs: error decoding secret data with provided key: cipher: message"
            " authentication failed"
        ) from err


def kubelet_value(config: InitConfig) -> Config:
    return kubelet.config(config.cluster, config.kubelet)
