"""How a joining node finds the cluster and decides to trust it."""

from __future__ import annotations

import copy
import re
import time
from pathlib import Path
from typing import Any

import yaml

from tests.standin.common import http, kube, kubeconfig, pki, times
from tests.standin.common.klog import FatalError
from tests.standin.common.kube import Kube, KubeError
from tests.standin.controllers.security import detached_jws

Config = dict[str, Any]
INTERVAL = 5.0
_USER = "token-bootstrap-client"
_JWS = "jws-kubeconfig-"


def _config(server: str, ca: str, credentials: dict[str, str] | None = None) -> Config:
    return kubeconfig.build(server, ca, "kubernetes", _USER, credentials or {})


def for_join(join: Config) -> Config:
    """The kubeconfig for TLS bootstrap; FatalError says why the server is not trusted."""
    discovery = join["discovery"]
    try:
        if discovery.get("bootstrapToken"):
            found = by_token(
                discovery["bootstrapToken"], times.seconds(join["timeouts"]["discovery"])
            )
        else:
            found = by_file(discovery["file"]["kubeConfigPath"])
    except FatalError as err:
        raise FatalError(f"couldn't validate the identity of the API Server: {err}") from err
    cluster, user = kubeconfig.current(found)
    token = discovery.get("tlsBootstrapToken")
    if token:
        user = {"token": token}
    elif not user:
        raise FatalError(
            "couldn't find authentication credentials for the TLS bootstrap process. Please use"
            " Token"
            " discovery, a discovery file with embedded authentication credentials or a discovery"
            " file without authentication credentials but with the TLSBootstrapToken flag"
        )
    ca = kubeconfig.text(cluster, "certificate-authority")
    name = "tls-bootstrap-token-user" if token else _USER
    return kubeconfig.build(cluster["server"], ca, "kubernetes", name, user)


def by_file(path: str) -> Config:
    """File discovery; the file's own server is retained."""
    try:
        config = kubeconfig.load(Path(path))
    except (OSError, TypeError) as err:
        raise FatalError(f'failed to read the discovery file "{path}": {err}') from err
    if not kubeconfig.current(config)[0]:
        raise FatalError("the provided kubeconfig has no usable current context")
    return config


def by_token(token: Config, timeout: float) -> Config:
    """Twice cluster-info: first to learn the CA, then verified with it."""
    server = f"https://{token['apiServerEndpoint']}"
    token_id, secret = token["token"].split(".")
    insecure = _cluster_info(Kube(_config(server, "")), token_id, timeout)
    pins = [_pin(p) for p in token.get("caCertHashes") or []]
    text = insecure["data"].get("kubeconfig") or ""
    if not text:
        raise FatalError(
            "there is no kubeconfig key in the cluster-info ConfigMap. This API Server isn't"
            " set up for"
            " token bootstrapping, can't connect"
        )
    if insecure["data"][_JWS + token_id] != detached_jws(text, token_id, secret):
        raise FatalError(
            "failed to verify JWS signature of received cluster info object, can't trust this"
            " API Server"
        )
    config = yaml.safe_load(text)
    cluster = dict(config["clusters"][0]["cluster"])
    ca = kubeconfig.text(cluster, "certificate-authority")
    if pins:
        actual = pki.public_key_hash(ca)
        if actual not in pins:
            raise FatalError(
                "cluster CA found in cluster-info ConfigMap is invalid: none of the public keys"
                f' "{actual}" are pinned'
            )
        secure = _cluster_info(Kube(_config(server, ca)), token_id, timeout)
        if secure["data"].get("kubeconfig") != text:
            raise FatalError(
                "the second kubeconfig from the cluster-info ConfigMap (using validated TLS) was"
                " different from the first"
            )
    return _config(cluster["server"], ca)


def _pin(text: str) -> str:
    kind, colon, value = text.partition(":")
    if not colon or kind.lower() != "sha256":
        raise FatalError(
            "invalid discovery token CA certificate hash: invalid hash, expected"
            ' "format:hex-value".'
            " Known format(s) are: sha256"
        )
    if not re.fullmatch(r"([0-9a-fA-F]{2})*", value):
        raise FatalError(
            f'invalid discovery token CA certificate hash: could not decode SHA-256 hash: "{value}"'
        )
    if len(value) != 64:
        raise FatalError(
            f'invalid discovery token CA certificate hash: invalid hash "{text}", expected a 32'
            f" byte"
            f" SHA-256 hash, found {len(value) // 2} bytes"
        )
    return f"sha256:{value.lower()}"


def _cluster_info(api: Kube, token_id: str, timeout: float) -> Config:
    """Ask every five seconds until the token's signature is there."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            found = api.get(kube.path("configmaps", "kube-public", "cluster-info"))
            if _JWS + token_id in (found.get("data") or {}):
                return found
            problem = (
                "could not find a JWS signature in the cluster-info ConfigMap for token ID"
                f' "{token_id}"'
            )
        except (KubeError, http.Unreachable) as err:
            problem = f"failed to request the cluster-info ConfigMap: {err}"
        left = deadline - time.monotonic()
        if left <= 0:
            raise FatalError(problem)
        time.sleep(min(INTERVAL, left))


def renamed(config: Config, cluster_name: str) -> Config:
    """The same credentials with the cluster's real name."""
    out = copy.deepcopy(config)
    out["clusters"][0]["name"] = cluster_name
    for context in out["contexts"]:
        context["context"]["cluster"] = cluster_name
        if context["name"] == out["current-context"]:
            out["current-context"] = context["name"] = (
                f"{context['context']['user']}@{cluster_name}"
            )
    return out
