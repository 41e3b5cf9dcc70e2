"""Who we are to an API server or to etcd; read from what a control plane holds, kept in memory."""

import base64
from dataclasses import dataclass

import yaml

from kbootstrap import codes, kubeadm
from kbootstrap.codes import DAMAGED
from kbootstrap.errors import Code, RefusedError
from kbootstrap.secret import Secret

# Every certificate kubeadm makes for an API server has this name.
SERVER_NAME = "kubernetes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Who we are to a server, and which server we accept.

    Attributes:
        ca_pem: the CA that must have signed its certificate.
        pair: our certificate and key, PEM; None: nobody in particular.
        server_name: a name its certificate must have.
        down: the code of a server that does not answer.

    """

    ca_pem: str
    pair: Secret | None
    server_name: str
    down: Code


def admin_credentials(kubeconfig: Secret) -> Credentials:
    """The login in an admin kubeconfig, whose content is in no error.

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
            detail="move it away; kubeadm makes it again, there:"
            f" kubeadm init phase kubeconfig admin --config {kubeadm.CONFIG}",
        ) from None
    return Credentials(ca_pem=ca_pem, pair=login, server_name=SERVER_NAME, down=codes.API_DOWN)


def _text(encoded: str) -> str:
    return base64.b64decode(encoded).decode()
