"""Requests to an API server that is not healthy: what is reported, and what is tried again."""

import base64
import contextlib
import gzip
import socket
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from kbootstrap import codes
from kbootstrap.errors import PhaseError
from kbootstrap.remote import https, kubehttp
from kbootstrap.remote.kubeapi import KubeApi
from kbootstrap.remote.kubehttp import KubeHttp
from kbootstrap.remote.kubekinds import NODES
from kbootstrap.secret import Secret
from tests.standin.common.pki import Pair, Want, authority, issue

CA = authority("kubernetes", algorithm="ECDSA-P256")
OTHER = authority("kubernetes", algorithm="ECDSA-P256")
SERVER = issue(
    CA, Want("kube-apiserver", usages=("server",), sans=("kubernetes",), algorithm="ECDSA-P256")
)
ADMIN = issue(CA, Want("kubernetes-admin", usages=("client",), algorithm="ECDSA-P256"))


NO_QUORUM = b"""HTTP/1.1 500 Internal Server Error\r
Content-Type: application/json\r
Content-Length: 48\r
\r
{"message":     "etcdserver: request timed out"}"""


class Server:
    """Takes connections; without a certificate it ends them in the midst of the handshake.

    With ``says`` it gives this answer to every request.
    """

    def __init__(self, pair: Pair | None, folder: Path, says: bytes = b"") -> None:
        self._says = says
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.taken = 0
        self._context = _context(pair, folder) if pair else None
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.taken += 1
            with connection:
                self._greet(connection)

    def _greet(self, connection: socket.socket) -> None:
        if self._context is None:
            connection.recv(65536)  # all of it: closing over unread bytes is a reset
            return
        try:
            with self._context.wrap_socket(connection, server_side=True) as secure:
                while self._says and secure.recv(65536):
                    secure.sendall(self._says)
        except OSError:
            return


def _context(pair: Pair, folder: Path) -> ssl.SSLContext:
    path = folder / "server.pem"
    path.write_text(pair.cert_pem() + pair.key_pem())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def client(port: int) -> KubeHttp:
    encoded = {
        name: base64.b64encode(text.encode()).decode()
        for name, text in (("ca", CA.cert_pem()), ("c", ADMIN.cert_pem()), ("k", ADMIN.key_pem()))
    }
    config = {
        "clusters": [{"cluster": {"certificate-authority-data": encoded["ca"]}}],
        "users": [
            {"user": {"client-certificate-data": encoded["c"], "client-key-data": encoded["k"]}}
        ],
    }
    return KubeHttp(Secret(yaml.safe_dump(config)), "127.0.0.1", port)


def test_a_hang_up_in_the_handshake_passes_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubehttp, "TRANSIENT_SECONDS", 4)
    server = Server(None, tmp_path)

    with pytest.raises(PhaseError) as found:
        client(server.port).request("GET", "/readyz")

    assert found.value.code == codes.API_DOWN
    assert server.taken > 1


def test_one_look_at_such_a_server_says_that_it_is_down(tmp_path: Path) -> None:
    server = Server(None, tmp_path)

    with pytest.raises(PhaseError) as found:
        client(server.port).request("GET", "/readyz", patient=False)

    assert found.value.code == codes.API_DOWN
    assert server.taken == 1


def test_another_ca_is_reported_at_once(tmp_path: Path) -> None:
    pair = issue(
        OTHER,
        Want("kube-apiserver", usages=("server",), sans=("kubernetes",), algorithm="ECDSA-P256"),
    )
    server = Server(pair, tmp_path)

    with pytest.raises(PhaseError, match="CERTIFICATE_VERIFY_FAILED"):
        client(server.port).request("GET", "/readyz")

    assert server.taken == 1


def test_who_has_given_up_tries_nothing_again(tmp_path: Path) -> None:
    server = Server(None, tmp_path)
    http = client(server.port)
    http.give_up()

    with pytest.raises(PhaseError):
        http.request("GET", "/readyz")

    assert server.taken == 1


def test_an_etcd_without_quorum_is_waited_for_and_then_reported_as_an_api_that_is_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubehttp, "TRANSIENT_SECONDS", 2)
    http = client(Server(SERVER, tmp_path, NO_QUORUM).port)

    with pytest.raises(PhaseError, match="etcdserver: request timed out") as caught:
        http.request("GET", "/api/v1/nodes")

    assert caught.value.code is codes.API_DOWN
    assert http.requests > 1
    with pytest.raises(kubehttp.ApiError):
        http.request("GET", "/readyz", patient=False)


class Starting(ThreadingHTTPServer):
    """An API server whose RBAC bootstrap is not done for its first ``refusals`` answers.

    Attributes:
        ready: its /readyz says ok all the same.

    """

    daemon_threads = True

    def __init__(self, folder: Path, refusals: int, status: int, *, ready: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), StartingHandler)
        self.left, self.status, self.ready = refusals, status, ready
        self.asked: list[str] = []
        self.socket = _context(SERVER, folder).wrap_socket(self.socket, server_side=True)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class StartingHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Starting

    def do_GET(self) -> None:
        """Answer, or refuse."""
        self.server.asked.append(self.path)
        if self.path == "/readyz":
            ready = self.server.ready or not self.server.left
            return self._answer(200 if ready else 500, b"ok" if ready else b"rbac not finished")
        if not self.server.left:
            return self._answer(200, b'{"items": []}')
        self.server.left -= 1
        return self._answer(self.server.status, b'{"message": "nodes is forbidden"}')

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_while_the_server_starts_is_waited_for(tmp_path: Path, status: int) -> None:
    server = Starting(tmp_path, refusals=2, status=status)

    assert client(server.server_port).request("GET", "/api/v1/nodes") == {"items": []}


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_by_a_server_that_is_ready_is_reported_at_once(
    tmp_path: Path, status: int
) -> None:
    server = Starting(tmp_path, refusals=99, status=status, ready=True)

    with pytest.raises(kubehttp.ApiError) as caught:
        client(server.server_port).request("GET", "/api/v1/nodes")

    assert caught.value.status == status
    assert server.asked == ["/api/v1/nodes", "/readyz", "/api/v1/nodes"]


def test_a_server_that_never_gets_ready_is_reported_with_its_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubehttp, "TRANSIENT_SECONDS", 1)
    server = Starting(tmp_path, refusals=999, status=403)

    with pytest.raises(PhaseError, match="nodes is forbidden") as caught:
        client(server.server_port).request("GET", "/api/v1/nodes")

    assert caught.value.code is codes.API_DOWN


def response(body: bytes, *headers: str) -> bytes:
    head = "\r\n".join(["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *headers])
    return head.encode() + b"\r\n\r\n" + body


def test_a_response_without_end_is_not_read_to_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(https, "MAX_BYTES", 1024**2)
    endless = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n" + bytes(4 * 1024**2)
    server = Server(SERVER, tmp_path, endless)

    with pytest.raises(PhaseError, match="larger than 1 MiB") as caught:
        client(server.port).request("GET", "/api/v1/pods")

    assert caught.value.code is codes.API_DOWN
    assert server.taken == 1


def test_a_compressed_response_is_not_inflated(tmp_path: Path) -> None:
    small = gzip.compress(bytes(1024**2))
    server = Server(SERVER, tmp_path, response(small, "Content-Encoding: gzip"))

    assert len(client(server.port).request("GET", "/api/v1/pods")) < 1024**2


def test_a_response_that_trickles_is_given_up(tmp_path: Path) -> None:
    """Every piece arrives in time, the whole of it never."""
    server = Trickling(SERVER, tmp_path, b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")

    with pytest.raises(PhaseError, match="arrives too slowly"):
        client(server.port).request("GET", "/api/v1/pods", patient=False, seconds=1)


class Trickling(Server):
    """Sends a byte every 0.1 s."""

    def _greet(self, connection: socket.socket) -> None:
        assert self._context is not None
        with (
            contextlib.suppress(OSError),
            self._context.wrap_socket(connection, server_side=True) as secure,
        ):
            secure.recv(65536)
            secure.sendall(self._says)
            while True:
                secure.sendall(b" ")
                time.sleep(0.1)


@pytest.mark.parametrize("date", ["yesterday", "Mon, 99 Nov 2026 05:52:11 GMT", ""])
def test_a_date_that_is_none_leaves_the_clock(tmp_path: Path, date: str) -> None:
    server = Server(SERVER, tmp_path, response(b"{}", f"Date: {date}"))
    http = client(server.port)

    assert http.request("GET", "/api/v1/pods") == {}
    assert abs(http.now() - time.time()) < 1


def test_what_is_no_object_is_an_error_of_the_server(tmp_path: Path) -> None:
    """Such as the page of a proxy."""
    server = Server(SERVER, tmp_path, response(b"<html>log in</html>"))

    with pytest.raises(kubehttp.ApiError, match="get nodes is no API object"):
        KubeApi(client(server.port)).items(NODES)


def test_deeply_nested_json_is_no_object(tmp_path: Path) -> None:
    server = Server(SERVER, tmp_path, response(b"[" * 60_000))

    with pytest.raises(kubehttp.ApiError, match="no API object"):
        KubeApi(client(server.port)).items(NODES)


def test_after_a_change_of_the_server_its_own_readiness_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one is gone; the one in use now is ready and refuses for good."""
    monkeypatch.setattr(kubehttp, "TRANSIENT_SECONDS", 1)
    http = client(Server(None, tmp_path).port)
    server = Starting(tmp_path, refusals=99, status=403, ready=True)
    http.target = client(server.server_port).target

    with pytest.raises(kubehttp.ApiError, match="nodes is forbidden"):
        http.request("GET", "/api/v1/nodes")
