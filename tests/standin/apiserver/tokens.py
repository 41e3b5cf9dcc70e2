"""Service account tokens: signed JWTs."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def issue(key_file: str, namespace: str, name: str, seconds: int) -> tuple[str, float]:
    """A token and the time it ends."""
    key = serialization.load_pem_private_key(Path(key_file).read_bytes(), None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("only RSA service account keys are supported")
    end = time.time() + seconds
    claims: dict[str, Any] = {
        "sub": f"system:serviceaccount:{namespace}:{name}",
        "iss": "https://kubernetes.default.svc.cluster.local",
        "iat": int(time.time()),
        "exp": int(end),
    }
    head = _b64(json.dumps({"alg": "RS256", "typ": "JWT"}).encode())
    body = f"{head}.{_b64(json.dumps(claims).encode())}"
    return f"{body}.{_b64(key.sign(body.encode(), padding.PKCS1v15(), hashes.SHA256()))}", end


def service_account_of(token: str, key_file: str) -> tuple[str, str] | None:
    """(namespace, name) of a valid token."""
    if token.count(".") != 2 or not key_file:
        return None
    body, _, signature = token.rpartition(".")
    try:
        key = serialization.load_pem_public_key(Path(key_file).read_bytes())
        if not isinstance(key, rsa.RSAPublicKey):
            return None
        key.verify(_unb64(signature), body.encode(), padding.PKCS1v15(), hashes.SHA256())
        claims = json.loads(_unb64(body.split(".")[1]))
    except (InvalidSignature, ValueError, OSError):
        return None
    subject = str(claims.get("sub", "")).split(":")
    if claims.get("exp", 0) < time.time() or len(subject) != 4:
        return None
    return subject[2], subject[3]
