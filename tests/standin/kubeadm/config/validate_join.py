"""The checks of JoinConfiguration and ResetConfiguration."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from . import net
from .validate import (
    absolute,
    certificate_key,
    endpoint,
    invalid,
    node_registration,
    socket_path,
    token,
)

Config = dict[str, Any]
Errors = list[str]


_UNMOUNT = {"MNT_FORCE", "MNT_DETACH", "MNT_EXPIRE", "UMOUNT_NOFOLLOW"}


def join(config: Config) -> Errors:
    """JoinConfiguration."""
    errors = [*discovery(config["discovery"]), *node_registration(config["nodeRegistration"])]
    plane = config.get("controlPlane")
    if plane is not None:
        errors += endpoint(plane["localAPIEndpoint"], "controlPlane.localAPIEndpoint")
        errors += certificate_key(plane.get("certificateKey") or "", "controlPlane.certificateKey")
    path = config["caCertPath"]
    if not path.startswith("/") or not path.endswith(".crt"):
        errors.append(
            invalid("caCertPath", path, "the ca certificate path must be an absolute path")
        )
    return errors


def discovery(value: Config) -> Errors:
    by_token, by_file = value.get("bootstrapToken"), value.get("file")
    errors: Errors = []
    if by_token is None and by_file is None:
        errors.append(invalid("discovery", "", "bootstrapToken or file must be set"))
    if by_token is not None and by_file is not None:
        errors.append(invalid("discovery", "", "bootstrapToken and file cannot both be set"))
    tls_token = value.get("tlsBootstrapToken") or ""
    if by_token is not None:
        errors += _token_discovery(by_token)
        errors += token(tls_token, "discovery.tlsBootstrapToken")
    if by_file is not None:
        errors += _file_discovery(by_file.get("kubeConfigPath") or "")
        errors += token(tls_token, "discovery.tlsBootstrapToken") if tls_token else []
    return errors


def _token_discovery(value: Config) -> Errors:
    path = "discovery.bootstrapToken"
    server = value.get("apiServerEndpoint") or ""
    errors: Errors = []
    if not server:
        errors.append(f"{path}: Required value: APIServerEndpoint is not set")
    if not value.get("caCertHashes") and not value.get("unsafeSkipCAVerification"):
        text = (
            "using token-based discovery without caCertHashes can be unsafe. Set"
            " unsafeSkipCAVerification as true in your kubeadm config file or pass"
            " --discovery-token-unsafe-skip-ca-verification flag to continue"
        )
        errors.append(invalid(f"{path}.caCertHashes", "", text))
    errors += token(value.get("token") or "", f"{path}.token")
    try:
        net.split_host_port(server)
    except ValueError as err:
        errors.append(invalid(f"{path}.apiServerEndpoint", server, str(err)))
    return errors


def _file_discovery(value: str) -> Errors:
    path, scheme = "discovery.file.kubeConfigPath", urlsplit(value).scheme
    if not scheme:
        if Path(value).exists():
            return []
        return [invalid(path, value, "not a valid HTTPS URL or a file on disk")]
    if scheme != "https":
        return [invalid(path, value, "if a URL is used, the scheme must be https")]
    return []


def reset(config: Config) -> Errors:
    """ResetConfiguration."""
    flags = config.get("unmountFlags") or []
    return [
        *socket_path(config["criSocket"], "criSocket"),
        *absolute(config["certificatesDir"], "certificatesDir"),
        *(
            invalid("unmountFlags", f"index {number}", f"unknown unmount flag {flag}")
            for number, flag in enumerate(flags)
            if flag not in _UNMOUNT
        ),
    ]
