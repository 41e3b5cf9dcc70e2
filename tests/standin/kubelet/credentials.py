"""The kubelet's client certificate: from kubeconfig or by TLS bootstrap."""

from __future__ import annotations

import base64
import os
import time
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.standin.common import http, kube, kubeconfig, pki, times
from tests.standin.common.kube import Kube, KubeError

PKI = Path("/var/lib/kubelet/pki")
CURRENT = PKI / "kubelet-client-current.pem"


def has_ended(kubeconfig_file: Path) -> bool:
    """Whether there is a kubelet.conf, and its client certificate has expired or is missing."""
    try:
        _, user = kubeconfig.current(kubeconfig.load(kubeconfig_file))
        pem = kubeconfig.text(user, "client-certificate")
        return pki.ends(x509.load_pem_x509_certificate(pem.encode())) < times.now()
    except FileNotFoundError:
        return kubeconfig_file.exists()
    except (OSError, ValueError, TypeError, KeyError):
        return False


def client(kubeconfig_file: Path) -> Kube | None:
    """A client from kubelet.conf, or None while it cannot be used."""
    if has_ended(kubeconfig_file):
        return None
    try:
        config = kubeconfig.load(kubeconfig_file)
        made = Kube(config, timeout=5.0)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    _, user = kubeconfig.current(config)
    if user.get("client-certificate-data") and not CURRENT.exists():
        cert = kubeconfig.text(user, "client-certificate")
        _store(cert, kubeconfig.text(user, "client-key"))
    return made


def _store(cert: str, key: str) -> None:
    """kubelet-client-<time>.pem and the link to it."""
    PKI.mkdir(mode=0o755, parents=True, exist_ok=True)
    path = PKI / time.strftime("kubelet-client-%Y-%m-%d-%H-%M-%S.pem", time.gmtime())
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(cert.rstrip() + "\n" + key)
    CURRENT.unlink(missing_ok=True)
    CURRENT.symlink_to(path)


def serving_pair(name: str) -> tuple[str, str]:
    """The self-signed serving certificate, made once."""
    cert, key = PKI / "kubelet.crt", PKI / "kubelet.key"
    if not cert.exists():
        PKI.mkdir(mode=0o755, parents=True, exist_ok=True)
        ca = pki.authority(f"{name}-ca@{int(time.time())}", 365 * pki.DAY)
        pair = pki.issue(
            ca, pki.Want(f"{name}@{int(time.time())}", usages=("server",), sans=(name,))
        )
        cert.write_text(pair.cert_pem() + ca.cert_pem())
        key.touch(0o600)
        key.write_text(pair.key_pem())
    return str(cert), str(key)


def bootstrap(bootstrap_file: Path, kubeconfig_file: Path, name: str) -> None:
    """Ask for a certificate with the token, then write kubelet.conf."""
    config = kubeconfig.load(bootstrap_file)
    api = Kube(config, timeout=5.0)
    key = ec.generate_private_key(ec.SECP256R1())
    group = "certificates.k8s.io"
    body: dict[str, Any] = {
        "metadata": {"generateName": "csr-"},
        "spec": {
            "request": kubeconfig.encode(pki.request(key, f"system:node:{name}", "system:nodes")),
            "signerName": "kubernetes.io/kube-apiserver-client-kubelet",
            "usages": ["digital signature", "client auth"],
        },
    }
    made = api.call("POST", kube.path("certificatesigningrequests", group=group), body)
    path = kube.path("certificatesigningrequests", "", made["metadata"]["name"], group=group)
    while True:
        certificate = api.get(path).get("status", {}).get("certificate")
        if certificate:
            break
        time.sleep(0.2)
    form = serialization.PrivateFormat.TraditionalOpenSSL
    pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    _store(base64.b64decode(certificate).decode(), pem.decode())
    cluster, _ = kubeconfig.current(config)
    files = {"client-certificate": str(CURRENT), "client-key": str(CURRENT)}
    context = {"cluster": "default-cluster", "namespace": "default", "user": "default-auth"}
    kubeconfig.write(
        kubeconfig_file,
        {
            "apiVersion": "v1",
            "clusters": [{"cluster": cluster, "name": "default-cluster"}],
            "contexts": [{"context": context, "name": "default-context"}],
            "current-context": "default-context",
            "kind": "Config",
            "users": [{"name": "default-auth", "user": files}],
        },
    )


BOOTSTRAP_ERRORS = (KubeError, http.Unreachable, OSError, KeyError, ValueError)
