"""Bootstrap tokens as Secrets."""

from __future__ import annotations

from typing import Any

from tests.standin.apiserver.auth import text
from tests.standin.common import kube, times
from tests.standin.common.kube import Kube
from tests.standin.common.kubeconfig import encode

from .config.defaults import new_token

SYSTEM = "kube-system"
_USAGES = ("authentication", "signing")
Token = dict[str, Any]


def secret_name(token_id: str) -> str:
    return f"bootstrap-token-{token_id}"


def to_secret(token: Token) -> Token:
    """The Secret of a token; ttl 0 means it never ends."""
    token_id, token_secret = token["token"].split(".")
    data = {"token-id": token_id, "token-secret": token_secret}
    if token.get("description"):
        data["description"] = token["description"]
    if token.get("expires"):
        data["expiration"] = str(token["expires"])
    elif token.get("ttl") and times.seconds(token["ttl"]) > 0:
        data["expiration"] = times.stamp(times.now() + times.delta(token["ttl"]))
    data |= {f"usage-bootstrap-{usage}": "true" for usage in token["usages"]}
    if token["groups"]:
        data["auth-extra-groups"] = ",".join(token["groups"])
    return {
        "metadata": {"name": secret_name(token_id), "namespace": SYSTEM},
        "type": "bootstrap.kubernetes.io/token",
        "data": {key: encode(value) for key, value in data.items()},
    }


def create(api: Kube, token: Token) -> Token:
    """Create a token, random unless it is given; the stored Secret comes back."""
    token.setdefault("token", new_token())
    return api.create_or_update(kube.path("secrets", SYSTEM), to_secret(token))


def from_secret(secret: Token) -> Token:
    """The output form of kubeadm token list."""
    out: Token = {
        "kind": "BootstrapToken",
        "apiVersion": "output.kubeadm.k8s.io/v1alpha3",
        "token": f"{text(secret, 'token-id')}.{text(secret, 'token-secret')}",
    }
    if text(secret, "description"):
        out["description"] = text(secret, "description")
    if text(secret, "expiration"):
        out["expires"] = text(secret, "expiration")
    usages = [u for u in _USAGES if text(secret, f"usage-bootstrap-{u}") == "true"]
    groups = [g for g in text(secret, "auth-extra-groups").split(",") if g]
    return {
        **out,
        **({"usages": usages} if usages else {}),
        **({"groups": groups} if groups else {}),
    }


def all_of(api: Kube) -> list[Token]:
    path = kube.path("secrets", SYSTEM) + "?fieldSelector=type=bootstrap.kubernetes.io/token"
    return [from_secret(s) for s in api.items(path)]
