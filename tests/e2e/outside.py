"""An etcd that is not the cluster's, as a unit of a node of the lab."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.e2e.site import Site
from tests.lab.node import Node
from tests.lab.registry import ETCD
from tests.standin.build import archive

FOLDER = "/etc/ext"
FILES = {"ca": "ca.crt", "cert": "client.crt", "key": "client.key"}
PORT = 12379
_CERTS = f"""\
set -e; mkdir -p {FOLDER} && cd {FOLDER}
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -subj /CN=ext -days 9
printf 'subjectAltName=IP:%s\\n' ADDRESS >san
for name in server client; do
  openssl req -newkey rsa:2048 -nodes -keyout $name.key -out $name.csr -subj /CN=$name
  openssl x509 -req -in $name.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 9 \\
    -extfile san -out $name.crt
done
"""


@dataclass(frozen=True)
class ExternalEtcd:
    """A running etcd, with the certificates of its clients on its node."""

    node: Node

    @property
    def url(self) -> str:
        return f"https://{self.node.address}:{PORT}"

    @property
    def inventory(self) -> dict[str, object]:
        """`etcd.external` of an inventory whose control planes have the certificate."""
        return {"endpoints": [self.url], **{f"{k}_file": f"{FOLDER}/{v}" for k, v in FILES.items()}}

    def give_certificate(self, to: Node) -> None:
        """Copy what a client needs to another node, as a site's administrator does."""
        to.exec(["mkdir", "-p", FOLDER])
        for name in FILES.values():
            text = self.node.exec(["cat", f"{FOLDER}/{name}"]).stdout
            to.exec(["tee", f"{FOLDER}/{name}"], stdin=text)
            to.exec(["chmod", "600", f"{FOLDER}/{name}"])

    def is_client(self, node: Node) -> bool:
        """Whether a node has what `give_certificate` copied to it."""
        read = ["cat", *(f"{FOLDER}/{name}" for name in FILES.values())]
        return node.exec(read).stdout == self.node.exec(read).stdout

    def keys(self) -> int:
        """How many keys of a cluster it holds."""
        body = '{"key": "L3JlZ2lzdHJ5Lw==", "range_end": "L3JlZ2lzdHJ5MA==", "count_only": true}'
        certificates = "--cacert ca.crt --cert client.crt --key client.key"
        ask = f"curl -sf {certificates} -d '{body}' {self.url}/v3/kv/range"
        return int(self.node.exec(f"cd {FOLDER} && {ask} | jq -r '.count // 0'").stdout)


@contextmanager
def external_etcd(site: Site, node: Node) -> Iterator[ExternalEtcd]:
    """Run etcd on a node, of the site's kind."""
    binary = (ETCD / "etcd").read_bytes() if site.kind == "real" else archive(site.version)
    (node.root / "opt/etcd").write_bytes(binary)
    node.exec(f"chmod 755 /opt/etcd; {_CERTS.replace('ADDRESS', node.address)}")
    url, peer = f"https://{node.address}:{PORT}", "http://127.0.0.1:12380"
    flags = {
        "name": "ext",
        "data-dir": "/srv/ext-etcd",
        "listen-client-urls": url,
        "advertise-client-urls": url,
        "listen-peer-urls": peer,
        "initial-cluster": f"ext={peer}",
        "initial-advertise-peer-urls": peer,
        "client-cert-auth": "true",
        "trusted-ca-file": f"{FOLDER}/ca.crt",
        "cert-file": f"{FOLDER}/server.crt",
        "key-file": f"{FOLDER}/server.key",
    }
    words = " ".join(f"--{name}={value}" for name, value in flags.items())
    program = "/opt/etcd" if site.kind == "real" else "/opt/etcd etcd"
    node.exec(f"systemd-run --quiet --unit=ext-etcd {program} {words}")
    yield ExternalEtcd(node)
    node.exec("systemctl stop ext-etcd")
