"""Ports lent through a connection, for the Kubernetes API."""

import http.server
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from kbootstrap.errors import UnreachableError
from kbootstrap.remote.hosts import Connection
from kbootstrap.remote.protocol import Part
from tests.load import within
from tests.sshd.conftest import MakeHosts
from tests.sshd.server import Server, free_port, running

HELLO = [Part("hello", "kb_fact hello 1", "probe")]
MIB = 1024 * 1024


@pytest.fixture
def connection(make_hosts: MakeHosts, server: Server) -> Connection:
    return make_hosts().connection(server.target(), "node1")


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers with as many bytes as the path says, or as it is sent."""

    def do_GET(self) -> None:
        body = b"x" * int(self.path[1:])
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.path = f"/{len(body)}"
        self.do_GET()

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def web() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as web:
        thread = threading.Thread(target=web.serve_forever)
        thread.start()
        yield web.server_port
        web.shutdown()
        thread.join()


def test_forward_carries_http(connection: Connection, web: int, server: Server) -> None:
    with connection.forward("127.0.0.1", web) as forward:
        base = f"http://127.0.0.1:{forward.port}"
        for size in (1, 100_000, 5 * MIB):
            with urllib.request.urlopen(f"{base}/{size}", timeout=20) as answer:  # noqa: S310
                assert len(answer.read()) == size
            request = urllib.request.Request(f"{base}/", data=b"y" * size)  # noqa: S310
            with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
                assert len(answer.read()) == size
        assert connection.perform(HELLO, run_id="r").ok
    assert server.connections == 1
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"{base}/1", timeout=20)  # noqa: S310


def test_forward_says_why_it_cannot(connection: Connection) -> None:
    dead = free_port()
    with connection.forward("127.0.0.1", dead) as forward:
        with pytest.raises(OSError, match=r"."):
            urllib.request.urlopen(f"http://127.0.0.1:{forward.port}/", timeout=20)
        assert forward.error is not None
        assert forward.error.code.id == "KB201"
        assert f"node1 cannot reach 127.0.0.1:{dead}" in forward.error.message


def test_forward_closes_with_connections_open(connection: Connection, web: int) -> None:
    with connection.forward("127.0.0.1", web) as forward:
        sock = socket.create_connection(forward.address)
        sock.sendall(b"GET /5 HTTP/1.1\r\n\r\n")
        assert sock.recv(1) == b"H"
        begin = time.monotonic()
    assert time.monotonic() - begin < within(2)
    sock.settimeout(5)
    while sock.recv(1000):
        pass
    sock.close()


def test_tunnel_refused(make_hosts: MakeHosts, tmp_path: Path) -> None:
    with running(tmp_path / "sshd", "AllowTcpForwarding no") as server:
        connection = make_hosts().connection(server.target(), "node1")
        with pytest.raises(UnreachableError) as caught:
            connection.tunnel("127.0.0.1", 1)
        assert caught.value.code.id == "KB211"
