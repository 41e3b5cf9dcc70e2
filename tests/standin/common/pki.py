"""Real keys and certificates, in the form kubeadm gives them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import ipaddress
import json
import pkgutil
import random
import warnings
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
DAY = 24.0 * 3600
LEAF_SECONDS = 365 * DAY
CA_SECONDS = 3650 * DAY
USAGES = {"server": ExtendedKeyUsageOID.SERVER_AUTH, "client": ExtendedKeyUsageOID.CLIENT_AUTH}
_CURVES: dict[str, ec.EllipticCurve] = {"ECDSA-P256": ec.SECP256R1(), "ECDSA-P384": ec.SECP384R1()}


@dataclasses.dataclass(frozen=True)
class Pair:
    """A certificate with its key's PEM text; the key is only loaded to sign."""

    cert: x509.Certificate
    pem: str

    @property
    def key(self) -> Key:
        return _key_of(self.pem)

    def cert_pem(self) -> str:
        return self.cert.public_bytes(serialization.Encoding.PEM).decode()

    def key_pem(self) -> str:
        return self.pem


@cache
def _key_of(pem: str) -> Key:
    """Loading checks the primes, which takes a while."""
    loaded = serialization.load_pem_private_key(pem.encode(), None)
    if not isinstance(loaded, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise TypeError("unsupported key")
    return loaded


@cache
def _pool() -> list[list[str]]:
    """[private, public] PEM texts of the RSA keys that the build put into the archive."""
    package = (__package__ or "").rpartition(".")[0]
    try:
        data = pkgutil.get_data(package, "keys.json")
    except OSError:
        data = None
    pairs: list[list[str]] = json.loads(data or b"[]")
    random.shuffle(pairs)
    return pairs


def _leaf_key(algorithm: str) -> tuple[str, PublicKey]:
    """A key for a leaf: from the pool where possible, since making RSA keys is slow."""
    if algorithm == "RSA-2048" and _pool():
        private, public = _pool().pop()
        loaded = serialization.load_pem_public_key(public.encode())
        if isinstance(loaded, rsa.RSAPublicKey):
            return private, loaded
    key = new_key(algorithm)
    return key_pem(key), key.public_key()


@dataclasses.dataclass(frozen=True)
class Want:
    """A certificate to be made."""

    name: str
    organizations: tuple[str, ...] = ()
    usages: tuple[str, ...] = ("client",)
    sans: tuple[str, ...] = ()
    seconds: float = LEAF_SECONDS
    algorithm: str = "RSA-2048"


def new_key(algorithm: str = "RSA-2048") -> Key:
    if algorithm in _CURVES:
        return ec.generate_private_key(_CURVES[algorithm])
    return rsa.generate_private_key(65537, int(algorithm.rsplit("-", maxsplit=1)[-1]))


def key_pem(key: Key) -> str:
    form = serialization.PrivateFormat.TraditionalOpenSSL
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, plain).decode()


def public_pem(key: Key) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def _name(common: str, organizations: tuple[str, ...] = ()) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, o) for o in organizations]
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=True,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _builder(name: x509.Name, issuer: x509.Name, seconds: float) -> x509.CertificateBuilder:
    begin = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=5)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .serial_number(x509.random_serial_number() >> 96)
        .not_valid_before(begin)
        .not_valid_after(begin + dt.timedelta(seconds=seconds))
    )


def authority(name: str, seconds: float = CA_SECONDS, algorithm: str = "RSA-2048") -> Pair:
    """A self-signed CA; like kubeadm's it has its name among the DNS names."""
    key = new_key(algorithm)
    digest = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    cert = (
        _builder(_name(name), _name(name), seconds)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(digest, critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Pair(cert, key_pem(key))


def issue(ca: Pair, want: Want) -> Pair:
    """A leaf certificate with a key of its own."""
    pem, public = _leaf_key(want.algorithm)
    return Pair(sign(ca, want, public), pem)


def sign(ca: Pair, want: Want, public_key: PublicKey) -> x509.Certificate:
    """A leaf certificate for a given key."""
    issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.cert.public_key())  # type: ignore[arg-type]
    usages = [USAGES[u] for u in want.usages]
    builder = (
        _builder(_name(want.name, want.organizations), ca.cert.subject, want.seconds)
        .public_key(public_key)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(issuer_id, critical=False)
    )
    if want.sans:
        names = x509.SubjectAlternativeName([_san(s) for s in want.sans])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(ca.key, hashes.SHA256())


def _san(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def load(cert: Path, key: Path) -> Pair:
    """A pair from files; OSError and ValueError say what is wrong."""
    return Pair(x509.load_pem_x509_certificate(cert.read_bytes()), key.read_text())


def load_cert(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def ends(cert: x509.Certificate) -> dt.datetime:
    with warnings.catch_warnings():  # Debian 12 has no not_valid_after_utc
        warnings.simplefilter("ignore")
        return cert.not_valid_after.replace(tzinfo=dt.UTC)


def public_key_hash(pem: str | bytes) -> str:
    """What joins pin: the SHA-256 of the CA's public key."""
    cert = x509.load_pem_x509_certificate(pem.encode() if isinstance(pem, str) else pem)
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    der = cert.public_key().public_bytes(serialization.Encoding.DER, form)
    return "sha256:" + hashlib.sha256(der).hexdigest()


def request(key: Key, name: str, organization: str) -> str:
    """A certificate signing request."""
    subject = _name(name, (organization,))
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()
