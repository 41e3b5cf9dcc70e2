"""kubeconfig files: making, reading, writing."""

from __future__ import annotations

import base64
import os
import ssl
from pathlib import Path
from typing import Any

import yaml

from . import tls, yamlio

Config = dict[str, Any]
Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def build(server: str, ca: str, cluster: str, user: str, credentials: dict[str, str]) -> Config:
    """A kubeconfig with one cluster, user and context."""
    context = f"{user}@{cluster}"
    data = {"certificate-authority-data": encode(ca)} if ca else {"insecure-skip-tls-verify": True}
    return {
        "apiVersion": "v1",
        "clusters": [{"cluster": {**data, "server": server}, "name": cluster}],
        "contexts": [{"context": {"cluster": cluster, "user": user}, "name": context}],
        "current-context": context,
        "kind": "Config",
        "users": [{"name": user, "user": credentials}],
    }


def with_cert(cert: str, key: str) -> dict[str, str]:
    return {"client-certificate-data": encode(cert), "client-key-data": encode(key)}


def load(path: Path) -> Config:
    loaded = yaml.load(path.read_text(), Loader=Loader)  # noqa: S506  # CSafeLoader is safe
    if not isinstance(loaded, dict):
        raise TypeError(f"{path} is no kubeconfig")
    return loaded


def write(path: Path, config: Config) -> None:
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(yamlio.dump(config))


def _named(config: Config, plural: str, name: str) -> dict[str, Any]:
    found = (e for e in config.get(plural) or [] if e.get("name") == name)
    entry: dict[str, Any] = next(found, {})
    value = entry.get({"clusters": "cluster", "contexts": "context", "users": "user"}[plural])
    return value or {}


def current(config: Config) -> tuple[dict[str, Any], dict[str, Any]]:
    """(cluster, user) of the current context."""
    context = _named(config, "contexts", config.get("current-context", ""))
    cluster = _named(config, "clusters", context.get("cluster", ""))
    return cluster, _named(config, "users", context.get("user", ""))


def text(entry: dict[str, Any], field: str) -> str:
    """The PEM behind field-data or the file named by field."""
    if entry.get(f"{field}-data"):
        return base64.b64decode(entry[f"{field}-data"]).decode()
    return Path(entry[field]).read_text() if entry.get(field) else ""


def context_of(config: Config) -> ssl.SSLContext:
    """The TLS settings of the current context."""
    cluster, user = current(config)
    insecure = bool(cluster.get("insecure-skip-tls-verify"))
    ca = text(cluster, "certificate-authority")
    cert, key = text(user, "client-certificate"), text(user, "client-key")
    return tls.client(ca, cert, key, insecure=insecure)
