"""Certificates: CA hash, validity, signed tokens, SSH. The only module that uses `cryptography`."""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import SSHCertificate

_YEAR_9999 = 253402300799


@lru_cache(maxsize=1024)
def ca_hash(pem: str) -> str:
    """Kubeadm's pin of a CA: ``sha256:`` + hex SHA-256 of its SubjectPublicKeyInfo (RFC 7469).

    Raises:
        ValueError: the text is not a PEM certificate.

    """
    return _spki_hash(_certificate(pem))


@lru_cache(maxsize=1024)
def ca_hashes(pem: str) -> frozenset[str]:
    """The pins of all CAs in a PEM text: during a rotation it has the old and the new one.

    Raises:
        ValueError: the text has no PEM certificate.

    """
    return frozenset(map(_spki_hash, _certificates(pem)))


def _spki_hash(certificate: "x509.Certificate") -> str:
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 - slow to import
        Encoding,
        PublicFormat,
    )

    spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return "sha256:" + hashlib.sha256(spki).hexdigest()


def require_same_ca(pem: str, ca: str) -> None:
    """Check that both have a CA in common.

    Raises:
        ValueError: they have none.

    """
    if ca_hashes(pem).isdisjoint(ca_hashes(ca)):
        raise ValueError(f"its CA {ca_hash(pem)} is not the cluster's {ca_hash(ca)}")


def client_pair(certificate: str, key: str, ca: str) -> tuple[str, str]:
    """Certificate and key of a client as new PEM texts, if they and the CA belong together.

    Args:
        certificate: PEM; the first block counts.
        key: PEM of its private key, without a passphrase.
        ca: PEM of one CA or several, one of which has to be the issuer.

    Raises:
        ValueError: says what does not fit.

    """
    from cryptography.exceptions import (  # noqa: PLC0415 - slow to import; most commands need none
        InvalidSignature,
        UnsupportedAlgorithm,
    )
    from cryptography.hazmat.primitives import serialization as form  # noqa: PLC0415

    spki = form.Encoding.DER, form.PublicFormat.SubjectPublicKeyInfo
    try:
        client = _certificate(certificate)
        private = form.load_pem_private_key(key.encode(), None)
        if private.public_key().public_bytes(*spki) != client.public_key().public_bytes(*spki):
            raise ValueError("its certificate is of another key")
        if not any(_issued(client, issuer) for issuer in _certificates(ca)):
            raise ValueError("its certificate is not from the cluster's CA")
    except (TypeError, UnsupportedAlgorithm, InvalidSignature) as error:
        raise ValueError("its certificate or key is of an unknown form") from error
    plain = form.NoEncryption()
    return (
        client.public_bytes(form.Encoding.PEM).decode(),
        private.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, plain).decode(),
    )


def _issued(client: "x509.Certificate", issuer: "x509.Certificate") -> bool:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - as above

    try:
        client.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What people read of an X.509 certificate; times in seconds since 1970."""

    subject: str = ""  # as in RFC 4514
    issuer: str = ""  # its common name, else as in RFC 4514
    sans: tuple[str, ...] = ()
    begins: int = 0
    ends: int = 0
    authority: bool = False


def read(encoded: str) -> Certificate:
    """The certificate in a text that is base64 of its DER or PEM; an empty one if it is none."""
    from cryptography import x509  # noqa: PLC0415 - slow to import; most commands read none

    try:
        found = _decoded(encoded)
        return Certificate(
            subject=found.subject.rfc4514_string(),
            issuer=_common_name(found.issuer),
            sans=_names(found),
            begins=int(found.not_valid_before_utc.timestamp()),
            ends=int(found.not_valid_after_utc.timestamp()),
            authority=_is_authority(found),
        )
    except (ValueError, x509.UnsupportedGeneralNameType, x509.DuplicateExtension):
        return Certificate()


@lru_cache(maxsize=4096)
def issued(encoded: str, authority: str) -> bool:
    """Whether the key of a CA signed a certificate; both as `read` takes them."""
    try:
        return _issued(_decoded(encoded), _decoded(authority))
    except ValueError:
        return False


def newest(pem: str) -> str:
    """The CAs of a PEM text, of those with the same name only the one that began last."""
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415 - as above

    every = sorted(_certificates(pem), key=lambda one: one.not_valid_before_utc)
    last = {one.subject.public_bytes(): one for one in every}
    return "".join(one.public_bytes(Encoding.PEM).decode() for one in last.values())


def _decoded(encoded: str) -> "x509.Certificate":
    from cryptography import x509  # noqa: PLC0415 - as above

    data = base64.b64decode(encoded)
    pem = data.startswith(b"-----")
    return (x509.load_pem_x509_certificate if pem else x509.load_der_x509_certificate)(data)


def _common_name(name: "x509.Name") -> str:
    from cryptography.x509.oid import NameOID  # noqa: PLC0415 - as above

    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else name.rfc4514_string()


def _names(certificate: "x509.Certificate") -> tuple[str, ...]:
    from cryptography import x509  # noqa: PLC0415 - as above

    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(name.value) for name in found.value)


def _is_authority(certificate: "x509.Certificate") -> bool:
    from cryptography import x509  # noqa: PLC0415 - as above

    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def stamp(at: int) -> str:
    """A time in seconds since 1970 as RFC 3339 in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _certificate(pem: str) -> "x509.Certificate":
    from cryptography import x509  # noqa: PLC0415 - slow to import; most commands read none

    return x509.load_pem_x509_certificate(pem.encode())


def _certificates(pem: str) -> "list[x509.Certificate]":
    from cryptography import x509  # noqa: PLC0415 - as above

    return x509.load_pem_x509_certificates(pem.encode())


def token_signs(kubeconfig: str, jws: str, token_id: str, token_secret: str) -> bool:
    """Whether a detached JWS (RFC 7515, HS256) of cluster-info was signed with this token."""
    header, _, rest = jws.partition(".")
    body, _, signature = rest.partition(".")
    try:
        if body or not _names_key(header, token_id):
            return False
        payload = base64.urlsafe_b64encode(kubeconfig.encode()).rstrip(b"=")
        signed = header.encode() + b"." + payload
        digest = hmac.new(token_secret.encode(), signed, hashlib.sha256).digest()
        return hmac.compare_digest(
            base64.urlsafe_b64encode(digest).rstrip(b"="), signature.encode()
        )
    except ValueError:  # the header is not base64, or a text has a lone surrogate
        return False


def _names_key(header: str, token_id: str) -> bool:
    padded = header + "=" * (-len(header) % 4)
    return f'"kid":"{token_id}"'.encode() in base64.urlsafe_b64decode(padded).replace(b" ", b"")


@dataclass(frozen=True, slots=True, kw_only=True)
class HostCertificate:
    """An OpenSSH host certificate whose signature is right (PROTOCOL.certkeys of OpenSSH).

    Attributes:
        key: the host's key, ``type base64``.
        authority: the key that signed it, ``type base64``.
        problem: why it is refused for every host at any time; usually empty.

    """

    key: str
    authority: str
    principals: tuple[str, ...]
    valid_from: int  # seconds since 1970
    valid_until: int
    problem: str

    def refusal(self, name: str, now: float) -> str:
        """Why it does not prove that a host has this name; empty if it does."""
        if self.problem:
            return self.problem
        if now < self.valid_from:
            return f"it is valid from {stamp(min(self.valid_from, _YEAR_9999))}"
        if now >= self.valid_until:
            return f"it expired at {stamp(self.valid_until)}"
        if name not in self.principals:
            return f"it is for {', '.join(self.principals) or 'no host'}, not for {name}"
        return ""


def host_certificate(blob: bytes) -> HostCertificate:
    """Read a certificate as a host sends it (its wire form), and check its signature.

    Raises:
        ValueError: it is damaged, or its signature is wrong.

    """
    from cryptography import exceptions  # noqa: PLC0415 - slow to import
    from cryptography.hazmat.primitives import serialization as form  # noqa: PLC0415

    size = int.from_bytes(blob[:4], "big")
    try:
        found = form.load_ssh_public_identity(blob[4 : 4 + size] + b" " + base64.b64encode(blob))
        if not isinstance(found, form.SSHCertificate):
            raise ValueError("it is no certificate")  # noqa: TRY004
        found.verify_cert_signature()
        texts = [
            key.public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH).decode()
            for key in (found.public_key(), found.signature_key())
        ]
    except (exceptions.InvalidSignature, exceptions.UnsupportedAlgorithm) as error:
        raise ValueError("its signature is wrong or of an unknown kind") from error
    return HostCertificate(
        key=texts[0],
        authority=texts[1],
        principals=tuple(p.decode(errors="replace") for p in found.valid_principals),
        valid_from=found.valid_after,
        valid_until=found.valid_before,
        problem=_never_accepted(found, blob),
    )


def _never_accepted(found: "SSHCertificate", blob: bytes) -> str:
    """As sshkey_cert_check_host of OpenSSH, with the CASignatureAlgorithms of its defaults."""
    if found.type.name != "HOST":
        return "it is not for a host"
    if found.critical_options:
        return "it has critical options"
    # The blob ends with the name of the signature's algorithm, a length of 4 bytes, the signature.
    size = (getattr(found.signature_key(), "key_size", 0) + 7) // 8
    return "it is signed with SHA-1" if blob[: -4 - size].endswith(b"ssh-rsa") else ""
