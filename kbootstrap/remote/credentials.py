"""Client certificates for API servers and etcd, read from a control plane into memory."""

import base64
from dataclasses import dataclass

import yaml

from kbootstrap import codes, kubeadm, pki
from kbootstrap.codes import DAMAGED
from kbootstrap.errors import Code, RefusedError, TrustError
from kbootstrap.secret import Secret

ADMIN = "/etc/kubernetes/admin.conf"
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


@dataclass(frozen=True, slots=True)
class _Admin:
    """The parts of an admin kubeconfig that are used, PEM."""

    ca: str
    certificate: str
    key: str


def admin_credentials(kubeconfig: Secret) -> Credentials:
    """The credentials in an admin kubeconfig; errors do not show its content.

    Raises:
        RefusedError: KB441, the file is damaged.

    """
    admin = _admin(kubeconfig)
    pair = Secret(f"{admin.certificate}\n{admin.key}")
    return Credentials(ca_pem=admin.ca, pair=pair, server_name=SERVER_NAME, down=codes.API_DOWN)


def operator_kubeconfig(kubeconfig: Secret, *, name: str, server: str, ca_pem: str) -> str:
    """A kubeconfig of our own with the client certificate of a control plane's admin kubeconfig.

    A client runs what a kubeconfig names (``exec``, ``auth-provider``) and connects where it says,
    so nothing but certificate and key is taken over.
    https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/

    Args:
        kubeconfig: the text of the control plane's admin.conf.
        name: of the cluster.
        server: ``host:port`` of the API, from the inventory.
        ca_pem: the cluster's CA.

    Raises:
        RefusedError: KB441, the file is damaged.
        TrustError: KB503, its certificate, its key and the CA do not belong together.

    """
    admin = _admin(kubeconfig)
    try:
        pki.require_same_ca(admin.ca, ca_pem)
        certificate, key = pki.client_pair(admin.certificate, admin.key, ca_pem)
    except ValueError as error:
        raise TrustError(codes.LOGIN_MISMATCH, f"{ADMIN}: {error}") from None
    return _kubeconfig(name, f"https://{server}", ca_pem, certificate, key)


def _kubeconfig(name: str, server: str, ca_pem: str, certificate: str, key: str) -> str:
    user, context = "kubernetes-admin", f"kubernetes-admin@{name}"
    cluster = {"certificate-authority-data": _encoded(ca_pem), "server": server}
    login = {"client-certificate-data": _encoded(certificate), "client-key-data": _encoded(key)}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "contexts": [{"name": context, "context": {"cluster": name, "user": user}}],
        "current-context": context,
        "users": [{"name": user, "user": login}],
    }
    return yaml.safe_dump(config, sort_keys=False)


def _admin(kubeconfig: Secret) -> _Admin:
    try:
        config = yaml.safe_load(kubeconfig.reveal())
        user = config["users"][0]["user"]
        return _Admin(
            ca=_pem(config["clusters"][0]["cluster"]["certificate-authority-data"]),
            certificate=_pem(user["client-certificate-data"]),
            key=_pem(user["client-key-data"]),
        )
    except (yaml.YAMLError, LookupError, TypeError, ValueError, RecursionError):
        raise RefusedError(
            DAMAGED,
            f"{ADMIN} is damaged",
            detail="move the file away and recreate it on the node:"
            f" kubeadm init phase kubeconfig admin --config {kubeadm.CONFIG}",
        ) from None


def _pem(encoded: str) -> str:
    """The text of a PEM block; without one, TLS would trust the CAs of the workstation."""
    text = base64.b64decode(encoded).decode("ascii")
    if "-----BEGIN " not in text:
        raise ValueError("no PEM block")
    return text


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
