"""Issues the certificates of a node again, with another end: one that is past, or soon."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from tests.lab.node import Node
from tests.standin.common.pki import Pair, load

KUBERNETES, KUBELET = "kubernetes", "/var/lib/kubelet/pki/kubelet-client-current.pem"
LEAVES = {
    "apiserver": "ca",
    "apiserver-kubelet-client": "ca",
    "apiserver-etcd-client": "etcd/ca",
    "front-proxy-client": "front-proxy-ca",
    "etcd/server": "etcd/ca",
    "etcd/peer": "etcd/ca",
    "etcd/healthcheck-client": "etcd/ca",
}
CONFS = ("admin", "super-admin", "controller-manager", "scheduler")


EXPIRED = timedelta(minutes=-1)


def age_control_plane(node: Node, left: timedelta = EXPIRED) -> set[str]:
    """Everything that kubeadm renews, and the kubelet's client certificate; returns the files."""
    for name in LEAVES:
        age_leaf(node, name, left)
    names = [name for name in CONFS if (node.etc / KUBERNETES / f"{name}.conf").exists()]
    for name in names:
        age_config(node.etc / KUBERNETES / f"{name}.conf", signer(node, "ca"), left)
    age_kubelet(node, signer(node, "ca"), left)
    leaves = {f"/etc/{KUBERNETES}/pki/{name}.crt" for name in LEAVES}
    return leaves | {f"/etc/{KUBERNETES}/{name}.conf" for name in names} | {KUBELET}


def age_config(path: Path, ca: Pair, left: timedelta = EXPIRED) -> None:
    """The client certificate in a kubeconfig; its key stays."""
    config = yaml.safe_load(path.read_text())
    user = config["users"][0]["user"]
    pem = base64.b64decode(user["client-certificate-data"]).decode()
    data = ending(pem, ca, left).encode()
    user["client-certificate-data"] = base64.b64encode(data).decode()
    path.write_text(yaml.safe_dump(config))


def age_leaf(node: Node, name: str, left: timedelta = EXPIRED) -> None:
    """One certificate in a file of its own; its key stays."""
    path = node.etc / KUBERNETES / "pki" / f"{name}.crt"
    path.write_text(ending(path.read_text(), signer(node, LEAVES[name]), left))


def age_kubelet(node: Node, ca: Pair, left: timedelta = EXPIRED) -> None:
    """The kubelet's own file, which is on a disk of its own; its key stays."""
    blocks = list(_blocks(node.exec(["cat", KUBELET]).stdout))
    old = next(block for block in blocks if "CERTIFICATE" in block)
    text = "".join(ending(old, ca, left) if block == old else block for block in blocks)
    node.exec(f"cat >{KUBELET}", stdin=text)


def signer(node: Node, authority: str) -> Pair:
    """A CA of the cluster, from a control plane."""
    pki = node.etc / KUBERNETES / "pki"
    return load(pki / f"{authority}.crt", pki / f"{authority}.key")


def ending(pem: str, ca: Pair, left: timedelta) -> str:
    """The same certificate, which ends so much later than now."""
    old, now = x509.load_pem_x509_certificate(pem.encode()), datetime.now(UTC)
    key = serialization.load_pem_private_key(ca.pem.encode(), None)
    builder = (
        x509.CertificateBuilder()
        .subject_name(old.subject)
        .issuer_name(old.issuer)
        .public_key(old.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=366))
        .not_valid_after(now + left)
    )
    for extension in old.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    made = builder.sign(key, hashes.SHA256())  # type: ignore[arg-type]
    return made.public_bytes(serialization.Encoding.PEM).decode()


def _blocks(text: str) -> Iterator[str]:
    """The PEM blocks of a text."""
    block = ""
    for line in text.splitlines(keepends=True):
        block += line
        if line.startswith("-----END"):
            yield block
            block = ""


def forget_rotation(node: Node) -> None:
    """Have `certs rotate-ca` start once more, as it does a day after the last one ended."""
    kubectl = "env HOME=/tmp kubectl --kubeconfig /etc/kubernetes/admin.conf"
    record = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "kbootstrap-last-applied", "namespace": "kube-system"},
        "data": {"ca-rotation": "{}"},
    }
    node.exec(f"printf '%s' '{json.dumps(record)}' >/root/record.json")
    node.exec(f"{kubectl} apply -f /root/record.json")
