"""A release site that lies: http and https on the loopback, each path with an answer of its own.

An answer is a function that gets the handler of the request and writes what it likes to
``handler.wfile``. Nothing is added to it, so that broken and endless HTTP is possible as well.
"""

import contextlib
import ipaddress
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "127.0.0.1"
Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class ReleaseSite:
    """Both servers.

    Attributes:
        http: the URL of the plain one, without a slash at its end.
        https: the URL of the other.
        ca: its CA certificate, PEM.
        asked: the paths of all requests so far.
        logins: the credentials in them, where there were any.
        otherwise: the answer for all other paths; None: they do not exist.

    """

    http: str = ""
    https: str = ""
    ca: Path = Path()
    asked: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    answers: dict[str, Answer] = field(default_factory=dict)
    otherwise: Answer | None = None

    def serve(self, path: str, body: bytes) -> None:
        """An honest answer."""
        self.answer(path, sending(body))

    def redirect(self, path: str, to: str) -> None:
        """Send clients elsewhere."""
        head = f"HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"
        self.answer(path, writing(head.encode()))

    def answer(self, path: str, answer: Answer) -> None:
        """Anything else."""
        self.answers[path] = answer


def sending(body: bytes) -> Answer:
    """A whole answer with its length."""
    return writing(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


def writing(data: bytes) -> Answer:
    """Exactly these bytes."""

    def write(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(data)

    return write


def flooding(head: bytes, again: bytes) -> Answer:
    """``head``, then the other bytes until the client leaves."""

    def write(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(head)
        while True:
            handler.wfile.write(again)

    return write


def dripping(head: bytes, drop: bytes, every: float = 0.05) -> Answer:
    """``head``, then a drop now and then."""

    def write(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(head)
        while True:
            handler.wfile.write(drop)
            handler.wfile.flush()
            time.sleep(every)

    return write


@contextlib.contextmanager
def running(directory: Path, host: str = HOST) -> Iterator[ReleaseSite]:
    """The site; its certificate and key are written to the directory."""
    site = ReleaseSite(ca=directory / "ca.pem")
    key = _certificate(directory, host)
    with _server(site, host, None) as plain, _server(site, host, key) as safe:
        site.http, site.https = f"http://{host}:{plain}", f"https://{host}:{safe}"
        yield site


@contextlib.contextmanager
def _server(site: ReleaseSite, host: str, certificate: Path | None) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append(self.path)
            site.logins += self.headers.get_all("Authorization", [])
            missing = writing(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            answer = site.answers.get(self.path, site.otherwise or missing)
            with contextlib.suppress(OSError):  # the client left
                answer(self)

        do_HEAD = do_GET  # noqa: N815 - its name there

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            del format, args

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A client that leaves during the handshake."""

    server = Server((host, 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def _certificate(folder: Path, host: str) -> Path:
    """``ca.pem``, and a file with key and certificate of the server."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name, name = _name("rogue CA"), _name("rogue site")
    basic = x509.BasicConstraints(ca=True, path_length=0)
    ca = _builder(ca_name, ca_name, ca_key).add_extension(basic, critical=True)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))])
    own = _builder(name, ca_name, key).add_extension(names, critical=False)
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(ca.sign(ca_key, hashes.SHA256()).public_bytes(pem))
    path = folder / "site.pem"
    path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + own.sign(ca_key, hashes.SHA256()).public_bytes(pem)
    )
    return path


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )
