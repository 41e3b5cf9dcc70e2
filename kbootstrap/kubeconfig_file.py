"""The kubeconfig on the operator's workstation, as a plan compares it with the cluster."""

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from kbootstrap.bounded_file import MOST_BYTES, content


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeconfigFile:
    """What the first cluster and the first user have; each is empty if the file has none.

    Attributes:
        ca: PEM of the CA that it trusts.
        server: ``host:port``.
        login: Base64 of the client certificate's PEM.

    """

    ca: str = ""
    server: str = ""
    login: str = ""


def read(path: Path) -> KubeconfigFile:
    """Read it once; one that cannot be read has nothing."""
    try:
        config = yaml.safe_load(content(path, MOST_BYTES))
    except (OSError, yaml.YAMLError, ValueError, RecursionError):
        return KubeconfigFile()
    return KubeconfigFile(
        ca=_decoded(_field(config, "clusters", "cluster", "certificate-authority-data")),
        server=_field(config, "clusters", "cluster", "server").removeprefix("https://"),
        login=_field(config, "users", "user", "client-certificate-data"),
    )


def _field(config: Any, kind: str, item: str, field: str) -> str:
    try:
        return str(config[kind][0][item][field])
    except (LookupError, TypeError, ValueError, RecursionError):
        return ""


def _decoded(data: str) -> str:
    try:
        return base64.b64decode(data).decode()
    except ValueError:
        return ""
