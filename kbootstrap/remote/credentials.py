"""Client certificates for API servers and etcd, read from a control plane into memory."""

import base64
from dataclasses import dataclass

import yaml

from kbootstrap import codes, kubeadm
from kbootstrap.codes import DAMAGED
from kbootstrap.errors import Code, RefusedError
from kbootstrap.secret import Secret

# A name in every API server certificate that kubeadm makes.
SERVER_NAME = "kubernetes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """A client certificate, and how to verify the server.

    Attributes:
        ca_pem: the CA of the server's certificate.
        pair: the client's certificate and key, PEM; None: anonymous.
        server_name: a name in the server's certificate.
        down: the error code if the server does not answer.

    """

    ca_pem: str
    pair: Secret | None
    server_name: str
    down: Code


def admin_credentials(kubeconfig: Secret) -> Credentials:
    """The credentials in an admin kubeconfig; errors do not show its content.

    Raises:
        RefusedError: KB441, the file is damaged.

    """
    try:
        config = yaml.safe_load(kubeconfig.reveal())
        user = config["users"][0]["user"]
        pair = user["client-certificate-data"], user["client-key-data"]
        ca_pem = _text(config["clusters"][0]["cluster"]["certificate-authority-data"])
        login = Secret("\n".join(map(_text, pair)))
    except (yaml.YAMLError, LookupError, TypeError, ValueError):
        raise RefusedError(
            DAMAGED,
            "/etc/kubernetes/admin.conf is damaged",
            detail="move the file away and recreate it on the node:"
            f" kubeadm init phase kubeconfig admin --config {kubeadm.CONFIG}",
        ) from None
    return Credentials(ca_pem=ca_pem, pair=login, server_name=SERVER_NAME, down=codes.API_DOWN)


def _text(encoded: str) -> str:
    return base64.b64decode(encoded).decode()
