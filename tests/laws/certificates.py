"""A certificate that ends when a test wants it to."""

import base64
from datetime import UTC, datetime
from functools import cache
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tests.standin.common.pki import Want, authority, issue


@cache
def signed() -> tuple[str, str, str]:
    """Two CAs, and a certificate that the first one signed; base64 of their PEM."""
    ours, theirs = (authority("kubernetes", algorithm="ECDSA-P256") for _ in range(2))
    leaf = issue(ours, Want("system:node:w1", algorithm="ECDSA-P256"))
    first, second, last = (
        base64.b64encode(pair.cert_pem().encode()).decode() for pair in (ours, theirs, leaf)
    )
    return first, second, last


@cache
def encoded(ends: int, begins: int = 0, *, authority: bool = False, issuer: str = "ca") -> str:
    """Base64 of the PEM of one that is valid until ``ends``, seconds since 1970."""
    key = Ed25519PrivateKey.generate()
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kube-apiserver")]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.fromtimestamp(begins, UTC))
        .not_valid_after(datetime.fromtimestamp(ends, UTC))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if not authority:
        names = [x509.DNSName("api.example.test"), x509.IPAddress(ip_address("10.96.0.1"))]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    made = builder.sign(key, None)
    return base64.b64encode(made.public_bytes(Encoding.PEM)).decode()
