"""The checks of a decoded configuration, with their field errors."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from tests.standin.common import times
from tests.standin.common.klog import warning

from . import net
from .validate_net import networking

Config = dict[str, Any]
Errors = list[str]
_IMAGE = re.compile(
    r"((?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*"
    r"|\[[a-fA-F0-9:]+\])(?::\d+)?/)?[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
    r"(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*:[\w][\w.-]{0,127}"
)
_TOKEN = re.compile(r"[a-z0-9]{6}\.[a-z0-9]{16}")
_GROUP = re.compile(r"system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]")
ALGORITHMS = ["ECDSA-P256", "ECDSA-P384", "RSA-2048", "RSA-3072", "RSA-4096"]
GATES = [
    "ControlPlaneKubeletLocalMode",
    "NodeLocalCRISocket",
    "PublicKeysECDSA",
    "WaitForAllControlPlaneComponents",
]


def quote(value: Any) -> str:
    """A bad value as field.Invalid prints it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ",".join(f'"{v}"' for v in value) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f'"{k}":{quote(v)}' for k, v in value.items()) + "}"
    return str(value) if isinstance(value, int) else f'"{value}"'


def invalid(path: str, value: Any, text: str) -> str:
    return f"{path}: Invalid value: {quote(value)}: {text}"


def init(config: Config, cluster: Config) -> Errors:
    """InitConfiguration with its ClusterConfiguration."""
    return [
        *node_registration(config["nodeRegistration"]),
        *bootstrap_tokens(config["bootstrapTokens"]),
        *cluster_errors(cluster),
        *endpoint(config["localAPIEndpoint"], "localAPIEndpoint"),
        *certificate_key(config.get("certificateKey") or "", "certificateKey"),
    ]


def cluster_errors(cluster: Config) -> Errors:
    errors: Errors = []
    dns_repository = cluster["dns"].get("imageRepository")
    if dns_repository:
        errors += image_repository(dns_repository, "dns.imageRepository")
    errors += networking(cluster)
    errors += cert_sans(cluster["apiServer"].get("certSANs"), "apiServer.certSANs")
    for component in ("apiServer", "controllerManager", "scheduler"):
        errors += extra_args(cluster[component].get("extraArgs"), f"{component}.extraArgs")
    errors += absolute(cluster["certificatesDir"], "certificatesDir")
    gates = cluster.get("featureGates") or {}
    errors += [
        invalid("featureGates", gates, f"{name} is not a valid feature name.")
        for name in gates
        if name not in GATES
    ]
    errors += image_repository(cluster["imageRepository"], "imageRepository")
    errors += etcd(cluster["etcd"])
    algorithm = cluster["encryptionAlgorithm"]
    if algorithm not in ALGORITHMS:
        text = (
            f'Invalid encryption algorithm "{algorithm}". Must be one of [{" ".join(ALGORITHMS)}]'
        )
        errors.append(invalid("encryptionAlgorithm", algorithm, text))
    _validity(cluster)
    return errors


def _validity(cluster: Config) -> None:
    leaf, ca = cluster["certificateValidityPeriod"], cluster["caCertificateValidityPeriod"]
    if times.seconds(leaf) > 8760 * 3600:
        warning(
            f"WARNING: certificateValidityPeriod: the value {_go(leaf)} is more than the"
            f" recommended"
            " default for certificate expiration: 8760h0m0s",
            "validation.go:76",
        )
    if times.seconds(ca) > 87600 * 3600:
        warning(
            f"WARNING: caCertificateValidityPeriod: the value {_go(ca)} is more than the"
            f" recommended"
            " default for CA certificate expiration: 87600h0m0s",
            "validation.go:76",
        )


def _go(text: str) -> str:
    return times.duration(times.seconds(text))


def node_registration(node: Config) -> Errors:
    path = "nodeRegistration"
    errors = [invalid(f"{path}.name", node["name"], e) for e in net.subdomain_errors(node["name"])]
    errors += socket_path(node["criSocket"], f"{path}.criSocket")
    errors += extra_args(node.get("kubeletExtraArgs"), f"{path}.kubeletExtraArgs")
    if node.get("imagePullPolicy") not in {"", None, "Always", "IfNotPresent", "Never"}:
        errors.append(
            invalid(f"{path}.imagePullPolicy", node["imagePullPolicy"], "invalid pull policy")
        )
    return errors


def socket_path(socket: str, path: str) -> Errors:
    scheme = urlsplit(socket).scheme
    if scheme != "unix":
        return [invalid(path, socket, f'only URL scheme "unix" is supported, got "{scheme}"')]
    return []


def extra_args(args: Any, path: str) -> Errors:
    return [
        invalid(path, f"index {number}", "argument has no name")
        for number, arg in enumerate(args or [])
        if not arg.get("name")
    ]


def token(value: str, path: str) -> Errors:
    ok = _TOKEN.fullmatch(value)
    return [] if ok else [invalid(path, value, "the bootstrap token is invalid")]


def bootstrap_tokens(tokens: list[Config]) -> Errors:
    errors: Errors = []
    for number, item in enumerate(tokens):
        path = f"bootstrapTokens.{number}"
        usages, groups = item["usages"], item["groups"]
        errors += token(item["token"], f"{path}.token")
        bad = [u for u in usages if u not in {"signing", "authentication"}]
        if bad:
            text = (
                f"invalid bootstrap token usage string: {','.join(bad)}, valid usage options:"
                " signing,authentication"
            )
            errors.append(invalid(f"{path}.usages", usages, text))
        if groups and "authentication" not in usages:
            text = 'token groups cannot be specified unless --usages includes "authentication"'
            errors.append(invalid(f"{path}.groups", groups, text))
        for group in groups:
            if not _GROUP.fullmatch(group):
                pattern = r"\Asystem:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]\z"
                text = f'bootstrap group "{group}" is invalid (must match {pattern})'
                errors.append(invalid(f"{path}.groups", groups, text))
        if item.get("expires") and item.get("ttl") and item.get("_ttl_given"):
            text = "the BootstrapToken .TTL and .Expires fields are mutually exclusive"
            errors.append(invalid(path, "", text))
    return errors


def endpoint(value: Config, path: str) -> Errors:
    port = value["bindPort"]
    if 1 <= port <= 65535:
        return []
    return [invalid(f"{path}.bindPort", port, "port number is not valid")]


def certificate_key(key: str, path: str) -> Errors:
    if not key:
        return []
    for number, char in enumerate(key):
        if char not in "0123456789abcdefABCDEF":
            shown = f"U+{ord(char):04X}" + (f" '{char}'" if char.isprintable() else "")
            text = f"certificate key decoding error: encoding/hex: invalid byte: {shown}"
            return [invalid(path, key, text)] if number >= 0 else []
    if len(key) % 2:
        text = "certificate key decoding error: encoding/hex: odd length hex string"
        return [invalid(path, key, text)]
    size = len(key) // 2
    if size != 32:
        text = f"invalid certificate key size {size}, the key must be an AES key of size 32"
        return [invalid(path, key, text)]
    return []


def absolute(value: str, path: str) -> Errors:
    return [] if value.startswith("/") else [invalid(path, value, "path is not absolute")]


def image_repository(value: str, path: str) -> Errors:
    ok = _IMAGE.fullmatch(f"{value}/name:tag")
    return [] if ok else [invalid(path, value, "invalid image repository format")]


def cert_sans(names: list[str] | None, path: str) -> Errors:
    wildcard = (
        "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain,"
        " which must consist of lower case alphanumeric characters, '-' or '.' and end with an"
        " alphanumeric character (e.g. '*.example.com', regex used for validation is"
        " '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
    )
    return [
        invalid(
            path,
            name,
            "altname is not a valid IP address, DNS label or a DNS label with subdomain wildcards:"
            f" {net.SUBDOMAIN_TEXT}; {wildcard}",
        )
        for name in names or []
        if net.subdomain_errors(name.removeprefix("*.")) and not net.is_ip(name)
    ]


def etcd(value: Config) -> Errors:
    local, external = value.get("local"), value.get("external")
    if local is not None and external is not None:
        return [invalid("etcd", "", ".Etcd.Local and .Etcd.External are mutually exclusive")]
    errors: Errors = []
    if local is not None:
        errors += absolute(local["dataDir"], "etcd.local.dataDir")
        errors += cert_sans(local.get("serverCertSANs"), "etcd.local.serverCertSANs")
        errors += cert_sans(local.get("peerCertSANs"), "etcd.local.peerCertSANs")
        if local.get("imageRepository"):
            errors += image_repository(local["imageRepository"], "etcd.local.imageRepository")
        errors += extra_args(local.get("extraArgs"), "etcd.local.extraArgs")
    if external is not None:
        errors += _external_etcd(external)
    return errors


def _external_etcd(external: Config) -> Errors:
    path = "etcd.external"
    ca, cert, key = (external.get(f) or "" for f in ("caFile", "certFile", "keyFile"))
    errors: Errors = []
    if bool(cert) != bool(key):
        text = (
            "either both or none of .Etcd.External.CertFile and .Etcd.External.KeyFile must be set"
        )
        errors.append(invalid(path, "", text))
    if cert and key and not ca:
        text = (
            "setting .Etcd.External.CertFile and .Etcd.External.KeyFile requires"
            " .Etcd.External.CAFile"
        )
        errors.append(invalid(path, "", text))
    for url in external.get("endpoints") or []:
        scheme = urlsplit(url).scheme
        if (ca or cert or key) and scheme != "https":
            text = "the URL must be using the HTTPS scheme"
            errors.append(invalid(f"{path}.endpoints", url, text))
        if not scheme:
            text = "the URL without scheme is not allowed"
            errors.append(invalid(f"{path}.endpoints", url, text))
    for name, file in (("caFile", ca), ("certFile", cert), ("keyFile", key)):
        errors += absolute(file, f"{path}.{name}") if file else []
    return errors
