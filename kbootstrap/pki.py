"""Certificates: CA hash, validity, signed tokens. The only module that uses `cryptography`."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509


def ca_hash(pem: str) -> str:
    """Kubeadm's pin of a CA: ``sha256:`` + hex SHA-256 of its SubjectPublicKeyInfo (RFC 7469).

    Raises:
        ValueError: the text is not a PEM certificate.

    """
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 - slow to import
        Encoding,
        PublicFormat,
    )

    certificate = _certificate(pem)
    spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return "sha256:" + hashlib.sha256(spki).hexdigest()


def validity(encoded: str) -> tuple[int, int]:
    """The times at which a certificate becomes valid and expires, in seconds since 1970.

    ``encoded`` is base64 of its DER or PEM. The result is (0, 0) if it is not a certificate.
    """
    from cryptography import x509  # noqa: PLC0415 - slow to import; most commands read none

    try:
        data = base64.b64decode(encoded)
        pem = data.startswith(b"-----")
        found = (x509.load_pem_x509_certificate if pem else x509.load_der_x509_certificate)(data)
    except ValueError:
        return 0, 0
    return int(found.not_valid_before_utc.timestamp()), int(found.not_valid_after_utc.timestamp())


def stamp(at: int) -> str:
    """A time in seconds since 1970 as RFC 3339 in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _certificate(pem: str) -> "x509.Certificate":
    from cryptography import x509  # noqa: PLC0415 - slow to import; most commands read none

    return x509.load_pem_x509_certificate(pem.encode())


def token_signs(kubeconfig: str, jws: str, token_id: str, token_secret: str) -> bool:
    """Whether a detached JWS (RFC 7515, HS256) of cluster-info was signed with this token."""
    header, _, rest = jws.partition(".")
    body, _, signature = rest.partition(".")
    if body or not _names_key(header, token_id):
        return False
    payload = base64.urlsafe_b64encode(kubeconfig.encode()).rstrip(b"=")
    digest = hmac.new(
        token_secret.encode(), header.encode() + b"." + payload, hashlib.sha256
    ).digest()
    return hmac.compare_digest(base64.urlsafe_b64encode(digest).rstrip(b"="), signature.encode())


def _names_key(header: str, token_id: str) -> bool:
    padded = header + "=" * (-len(header) % 4)
    return f'"kid":"{token_id}"'.encode() in base64.urlsafe_b64decode(padded).replace(b" ", b"")
