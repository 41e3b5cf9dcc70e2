import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.standin.apiserver.server import ApiServer
from tests.standin.common import pki
from tests.standin.etcd.server import Running


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """One API server with one etcd member on the loopback."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.ca = pki.authority("kubernetes")
        peer, client = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
        options = {
            "name": "n1",
            "data-dir": str(folder / "etcd"),
            "initial-advertise-peer-urls": peer,
            "listen-peer-urls": peer,
            "listen-client-urls": client,
            "advertise-client-urls": client,
        }
        self.etcd = Running(options)
        self.etcd.start()
        self.write("ca", self.ca)
        self.write("sa", self.ca)
        (folder / "sa.pub").write_text(pki.public_pem(self.ca.key))
        want = pki.Want("kube-apiserver", usages=("server",), sans=("127.0.0.1", "localhost"))
        self.write("apiserver", pki.issue(self.ca, want))
        names = {
            "client-ca-file": "ca.crt",
            "tls-cert-file": "apiserver.crt",
            "tls-private-key-file": "apiserver.key",
            "service-account-key-file": "sa.pub",
            "service-account-signing-key-file": "sa.key",
        }
        flags = {k: str(folder / v) for k, v in names.items()}
        flags |= {
            "etcd-servers": client,
            "secure-port": str(self.port),
            "bind-address": "127.0.0.1",
            "advertise-address": "127.0.0.1",
        }
        self.server = ApiServer(flags, "v1.34.2")
        self.server.start()

    def write(self, name: str, pair: pki.Pair) -> None:
        (self.folder / f"{name}.crt").write_text(pair.cert_pem())
        (self.folder / f"{name}.key").write_text(pair.key_pem())

    def user(self, name: str, *groups: str) -> tuple[str, str]:
        """Files with a client certificate and its key."""
        self.write(name, pki.issue(self.ca, pki.Want(name, groups)))
        return str(self.folder / f"{name}.crt"), str(self.folder / f"{name}.key")

    def stop(self) -> None:
        self.server.stop()
        self.etcd.stop()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("api"))
    yield made
    made.stop()
