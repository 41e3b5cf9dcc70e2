"""Bootstrap tokens, cluster-info signatures and kubelet certificates."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from tests.standin.apiserver.auth import text
from tests.standin.common import kube, pki, times

from .mirror import Mirror, Object, condition

_JWS = "jws-kubeconfig-"
_CLIENT = "kubernetes.io/kube-apiserver-client-kubelet"
_BINDINGS = {
    "system:bootstrap:": "kubeadm:node-autoapprove-bootstrap",
    "system:node:": "kubeadm:node-autoapprove-certificate-rotation",
}


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def detached_jws(content: str, token_id: str, secret: str) -> str:
    """The signature kube-controller-manager puts into cluster-info."""
    head = _b64(json.dumps({"alg": "HS256", "kid": token_id}, separators=(",", ":")).encode())
    signed = f"{head}.{_b64(content.encode())}".encode()
    return f"{head}..{_b64(hmac.digest(secret.encode(), signed, hashlib.sha256))}"


def _tokens(mirror: Mirror) -> list[Object]:
    secrets = mirror.all("secrets", "kube-system")
    return [s for s in secrets if s.get("type") == "bootstrap.kubernetes.io/token"]


def sign_cluster_info(mirror: Mirror) -> None:
    """bootstrapsigner: one signature for every unexpired signing token."""
    info = mirror.find("configmaps", "kube-public", "cluster-info")
    if info is None or "kubeconfig" not in info.get("data", {}):
        return
    content = info["data"]["kubeconfig"]
    wanted = {
        _JWS + text(s, "token-id"): detached_jws(
            content, text(s, "token-id"), text(s, "token-secret")
        )
        for s in _tokens(mirror)
        if text(s, "usage-bootstrap-signing") == "true" and not times.expired(text(s, "expiration"))
    }
    have = {k: v for k, v in info["data"].items() if k.startswith(_JWS)}
    if wanted != have:
        data = {**dict.fromkeys(set(have) - set(wanted)), **wanted}
        path = kube.path("configmaps", "kube-public", "cluster-info")
        mirror.kube.patch(path, {"data": data}, kube.MERGE)


def clean_tokens(mirror: Mirror) -> None:
    """tokencleaner: expired tokens go."""
    for secret in _tokens(mirror):
        if text(secret, "expiration") and times.expired(text(secret, "expiration")):
            path = kube.path("secrets", "kube-system", secret["metadata"]["name"])
            mirror.kube.delete(path)


class CertificateSigner:
    """Approves and signs the certificates kubelets ask for."""

    def __init__(self, options: dict[str, str]) -> None:
        self.cert = options.get("cluster-signing-cert-file", "")
        self.key = options.get("cluster-signing-key-file", "")

    def run(self, mirror: Mirror) -> None:
        if not self.key:
            return
        for csr in mirror.all("certificatesigningrequests"):
            done = csr.get("status", {}).get("certificate")
            if csr["spec"].get("signerName") == _CLIENT and not done and self._may(mirror, csr):
                self._sign(mirror, csr)

    @staticmethod
    def _may(mirror: Mirror, csr: Object) -> bool:
        if condition(csr, "Approved"):
            return True
        name = csr["spec"]["username"]
        binding = next((b for prefix, b in _BINDINGS.items() if name.startswith(prefix)), "")
        return mirror.find("clusterrolebindings", "", binding) is not None

    def _sign(self, mirror: Mirror, csr: Object) -> None:
        if Path(self.cert).read_text().count("BEGIN CERTIFICATE") != 1:
            return  # "expected 1 certificate, found 2", newCAProvider in ca_provider.go
        ca = pki.load(Path(self.cert), Path(self.key))
        asked = x509.load_pem_x509_csr(base64.b64decode(csr["spec"]["request"]))
        name = str(asked.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
        key = asked.public_key()
        if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
            return
        cert = pki.sign(ca, pki.Want(name, ("system:nodes",)), key)
        pem = cert.public_bytes(serialization.Encoding.PEM)
        approved = {
            "type": "Approved",
            "status": "True",
            "reason": "AutoApproved",
            "message": "Auto approving kubelet client certificate after SubjectAccessReview.",
        }
        status = {"conditions": [approved], "certificate": base64.b64encode(pem).decode()}
        group = "certificates.k8s.io"
        path = kube.path("certificatesigningrequests", "", csr["metadata"]["name"], group=group)
        mirror.kube.patch(f"{path}/status", {"status": status}, kube.MERGE)
