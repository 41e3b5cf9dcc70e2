"""The certificates of a control plane: which, with what names, made or reused."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from tests.standin.common import pki, times
from tests.standin.common.klog import FatalError

from .config import net
from .config.load import InitConfig
from .phase import say

ADMINS = "kubeadm:cluster-admins"


@dataclasses.dataclass(frozen=True)
class Spec:
    """One certificate of the tree; a CA has no ca of its own."""

    name: str
    base: str
    common: str
    ca: str = ""
    organizations: tuple[str, ...] = ()
    usages: tuple[str, ...] = ("client",)
    sans: Callable[[InitConfig], tuple[str, ...]] = lambda _config: ()
    common_is_node: bool = False


def _sorted(names: list[str]) -> tuple[str, ...]:
    """DNS names in order first, then the addresses as they came, none twice."""
    unique = list(dict.fromkeys(n for n in names if n))
    dns = sorted(n for n in unique if not net.is_ip(n))
    return (*dns, *(n for n in unique if net.is_ip(n)))


def apiserver_sans(config: InitConfig) -> tuple[str, ...]:
    cluster = config.cluster
    domain = cluster["networking"]["dnsDomain"]
    service = str(net.cidrs(cluster["networking"]["serviceSubnet"])[0][1])
    names = [
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        f"kubernetes.default.svc.{domain}",
    ]
    names += [config.node["name"], service, config.endpoint["advertiseAddress"]]
    if cluster.get("controlPlaneEndpoint"):
        names.append(net.parse_host_port(cluster["controlPlaneEndpoint"])[0])
    return _sorted(names + list(cluster["apiServer"].get("certSANs") or []))


def etcd_sans(field: str) -> Callable[[InitConfig], tuple[str, ...]]:
    def sans(config: InitConfig) -> tuple[str, ...]:
        extra = (config.cluster["etcd"].get("local") or {}).get(field) or []
        address = config.endpoint["advertiseAddress"]
        own = [config.node["name"], "localhost", address, "127.0.0.1", "::1"]
        return _sorted(own + list(extra))

    return sans


_BOTH = ("server", "client")
SPECS = (
    Spec("ca", "ca", "kubernetes"),
    Spec("apiserver", "apiserver", "kube-apiserver", "ca", (), ("server",), apiserver_sans),
    Spec(
        "apiserver-kubelet-client",
        "apiserver-kubelet-client",
        "kube-apiserver-kubelet-client",
        "ca",
        (ADMINS,),
    ),
    Spec("front-proxy-ca", "front-proxy-ca", "front-proxy-ca"),
    Spec("front-proxy-client", "front-proxy-client", "front-proxy-client", "front-proxy-ca"),
    Spec("etcd-ca", "etcd/ca", "etcd-ca"),
    Spec(
        "etcd-server",
        "etcd/server",
        "",
        "etcd-ca",
        (),
        _BOTH,
        etcd_sans("serverCertSANs"),
        common_is_node=True,
    ),
    Spec(
        "etcd-peer",
        "etcd/peer",
        "",
        "etcd-ca",
        (),
        _BOTH,
        etcd_sans("peerCertSANs"),
        common_is_node=True,
    ),
    Spec(
        "etcd-healthcheck-client",
        "etcd/healthcheck-client",
        "kube-etcd-healthcheck-client",
        "etcd-ca",
    ),
    Spec("apiserver-etcd-client", "apiserver-etcd-client", "kube-apiserver-etcd-client", "etcd-ca"),
)
BY_NAME = {spec.name: spec for spec in SPECS}
JOIN_ORDER = (
    "etcd-server", "etcd-peer", "etcd-healthcheck-client", "apiserver-etcd-client",
    "apiserver", "apiserver-kubelet-client", "front-proxy-client",
)  # fmt: skip


def files(folder: Path, base: str) -> tuple[Path, Path]:
    return folder / f"{base}.crt", folder / f"{base}.key"


def write(path: Path, text: str, mode: int) -> None:
    """Write a file with exactly this mode at creation."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w") as out:
        out.write(text)


def save(folder: Path, base: str, pair: pki.Pair) -> None:
    cert, key = files(folder, base)
    write(key, pair.key_pem(), 0o600)
    write(cert, pair.cert_pem(), 0o644)


def signed_by(pair: pki.Pair, ca: pki.Pair) -> bool:
    public, cert = ca.cert.public_key(), pair.cert
    algorithm = cert.signature_hash_algorithm
    try:
        if isinstance(public, rsa.RSAPublicKey) and algorithm:
            public.verify(cert.signature, cert.tbs_certificate_bytes, padding.PKCS1v15(), algorithm)
        elif isinstance(public, ec.EllipticCurvePublicKey) and algorithm:
            public.verify(cert.signature, cert.tbs_certificate_bytes, ec.ECDSA(algorithm))
    except InvalidSignature:
        return False
    return True


def load_ca(folder: Path, spec: Spec) -> pki.Pair:
    try:
        return pki.load(*files(folder, spec.base))
    except (OSError, ValueError) as err:
        text = f"couldn't load {spec.base} certificate authority from {folder}"
        raise FatalError(f"couldn't load CA certificate {spec.name}: {text}") from err


def make_ca(spec: Spec, config: InitConfig) -> None:
    """Init's CA phases: reuse what is there."""
    folder = Path(config.cluster["certificatesDir"])
    if config.cluster["etcd"].get("local") is None and spec.name == "etcd-ca":
        say(f"[certs] External etcd mode: Skipping {spec.base} certificate authority generation")
        return
    cert, key = files(folder, spec.base)
    if cert.exists():
        keyless = "" if key.exists() else " keyless"
        say(f"[certs] Using existing {spec.base}{keyless} certificate authority")
        return
    seconds = times.seconds(config.cluster["caCertificateValidityPeriod"])
    pair = pki.authority(spec.common, seconds, config.cluster["encryptionAlgorithm"])
    say(f'[certs] Generating "{spec.base}" certificate and key')
    save(folder, spec.base, pair)


def make_leaf(spec: Spec, config: InitConfig, *, joining: bool = False) -> None:
    """A leaf certificate, unless a good one is there."""
    folder = Path(config.cluster["certificatesDir"])
    if config.cluster["etcd"].get("local") is None and spec.ca == "etcd-ca":
        if not joining:
            say(f"[certs] External etcd mode: Skipping {spec.base} certificate generation")
        return
    ca_spec = BY_NAME[spec.ca]
    cert, key = files(folder, spec.base)
    if cert.exists() and key.exists():
        _reuse(spec, ca_spec, folder, joining=joining)
        return
    pair = pki.issue(load_ca(folder, ca_spec), want(spec, config))
    say(f'[certs] Generating "{spec.base}" certificate and key')
    save(folder, spec.base, pair)
    if "server" in spec.usages:
        names = spec.sans(config)
        dns = " ".join(n for n in names if not net.is_ip(n))
        ips = " ".join(n for n in names if net.is_ip(n))
        say(f"[certs] {spec.base} serving cert is signed for DNS names [{dns}] and IPs [{ips}]")


def want(spec: Spec, config: InitConfig) -> pki.Want:
    return pki.Want(
        name=config.node["name"] if spec.common_is_node else spec.common,
        organizations=spec.organizations,
        usages=spec.usages,
        sans=spec.sans(config),
        seconds=times.seconds(config.cluster["certificateValidityPeriod"]),
        algorithm=config.cluster["encryptionAlgorithm"],
    )


def _reuse(spec: Spec, ca_spec: Spec, folder: Path, *, joining: bool) -> None:
    pair = pki.load(*files(folder, spec.base))
    ca = load_ca(folder, ca_spec)
    if not signed_by(pair, ca):
        text = f"certificate {spec.base} not signed by CA certificate {ca_spec.base}: x509:"
        raise FatalError(f"[certs] {text} certificate signed by unknown authority")
    if joining:
        say(f'[certs] Using the existing "{spec.base}" certificate and key')
    else:
        say(f"[certs] Using existing {spec.base} certificate and key on disk")


def make_sa(config: InitConfig) -> None:
    """The key pair that signs service account tokens."""
    folder = Path(config.cluster["certificatesDir"])
    if (folder / "sa.key").exists():
        say('[certs] Using the existing "sa" key')
        return
    key = pki.new_key(config.cluster["encryptionAlgorithm"])
    say('[certs] Generating "sa" key and public key')
    write(folder / "sa.key", pki.key_pem(key), 0o600)
    write(folder / "sa.pub", pki.public_pem(key), 0o600)


def make_all_for_join(config: InitConfig) -> None:
    """What a joining control plane makes from the downloaded CAs."""
    folder = config.cluster["certificatesDir"]
    say(f'[certs] Using certificateDir folder "{folder}"')
    for name in JOIN_ORDER:
        make_leaf(BY_NAME[name], config, joining=True)
    say(f'[certs] Valid certificates and keys now exist in "{folder}"')
    make_sa(config)


def shared_missing(config: InitConfig) -> str:
    """The complaint about CAs that a join without a certificate key needs on disk."""
    folder = Path(config.cluster["certificatesDir"])
    problems = []
    items = [("ca", "CA"), ("sa", "service account"), ("front-proxy-ca", "front-proxy CA")]
    if config.cluster["etcd"].get("local") is not None:
        items.append(("etcd/ca", "etcd CA"))
    for base, title in items:
        if base == "sa":
            path = folder / "sa.key"
            text = f"failure loading key for {title}: couldn't load the private key file {path}"
        else:
            path = folder / f"{base}.crt"
            text = (
                f"failure loading certificate for {title}: couldn't load the certificate"
                f" file {path}"
            )
        if not path.exists():
            problems.append(f"{text}: open {path}: no such file or directory")
    return f"[{', '.join(problems)}]" if len(problems) > 1 else "".join(problems)
