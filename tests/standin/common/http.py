"""JSON over HTTP(S): a keep-alive client and a threading server."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import json
import socket
import ssl
import threading
import weakref
from typing import Any
from urllib.parse import urlsplit

from .klog import Unreachable as Unreachable  # noqa: PLC0414  # exported again


class _Held:
    """The connection of one thread: it is closed when the thread ends."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self.connection = connection

    def __del__(self) -> None:
        self.connection.close()


class Client:
    """Requests to one server; each thread keeps its own connection."""

    def __init__(self, url: str, context: ssl.SSLContext | None, timeout: float = 10.0) -> None:
        parts = urlsplit(url)
        self.url = url
        self.host = parts.hostname or ""
        self.port = parts.port or (443 if parts.scheme == "https" else 80)
        self.context = context if parts.scheme == "https" else None
        self.timeout = timeout
        self.local = threading.local()
        self.opened: weakref.WeakSet[_Held] = weakref.WeakSet()
        self.checked_name = ""  # in the server's certificate, if it is not the host

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        timeout: float | None = None,
    ) -> tuple[int, bytes]:
        """Send one request; (status, body) comes back, Unreachable is raised."""
        data = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        send = {"Content-Type": "application/json", **(headers or {})}
        reused = getattr(self.local, "held", None) is not None
        for attempt in range(2):
            try:
                return self._once(method, path, data, send, timeout or self.timeout)
            except (http.client.RemoteDisconnected, ConnectionError) as err:
                self.close()
                if attempt or not reused or isinstance(err, ConnectionRefusedError):
                    raise Unreachable(self._reason(err)) from err
            except (OSError, http.client.HTTPException) as err:
                self.close()
                raise Unreachable(self._reason(err)) from err
        raise AssertionError

    def _once(
        self, method: str, path: str, data: bytes | None, headers: dict[str, str], timeout: float
    ) -> tuple[int, bytes]:
        connection = self._connection(timeout)
        connection.request(method, path, data, headers)
        response = connection.getresponse()
        return response.status, response.read()

    def _connection(self, timeout: float) -> http.client.HTTPConnection:
        held: _Held | None = getattr(self.local, "held", None)
        if held is None:
            held = self.local.held = _Held(self.open(timeout))
            self.opened.add(held)
        connection = held.connection
        if connection.sock is not None:
            connection.sock.settimeout(timeout)
        return connection

    def open(self, timeout: float | None = None) -> http.client.HTTPConnection:
        """A new connection, for streams."""
        seconds = timeout or self.timeout
        if self.context is None:
            return http.client.HTTPConnection(self.host, self.port, timeout=seconds)
        made = http.client.HTTPSConnection(
            self.host, self.port, timeout=seconds, context=self.context
        )
        if self.checked_name:
            plain = socket.create_connection((self.host, self.port), seconds)
            made.sock = self.context.wrap_socket(plain, server_hostname=self.checked_name)
        return made

    def close(self) -> None:
        held: _Held | None = getattr(self.local, "held", None)
        if held is not None:
            held.connection.close()
            self.opened.discard(held)
            self.local.held = None

    def shutdown(self) -> None:
        """Close the connections of all threads."""
        for held in list(self.opened):
            held.connection.close()
        self.opened.clear()
        self.local = threading.local()

    def _reason(self, err: Exception) -> str:
        where = f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
        if isinstance(err, TimeoutError):
            return f"dial tcp {where}: i/o timeout"
        if isinstance(err, ssl.SSLCertVerificationError):
            return f"tls: failed to verify certificate: x509: {_x509(err)}"
        if isinstance(err, ConnectionRefusedError):
            return f"dial tcp {where}: connect: connection refused"
        if isinstance(err, socket.gaierror):
            return f"dial tcp: lookup {self.host}: no such host"
        if isinstance(err, OSError) and err.strerror:
            return f"dial tcp {where}: connect: {err.strerror.lower()}"
        return "EOF"


def _x509(err: ssl.SSLCertVerificationError) -> str:
    text = err.verify_message or str(err)
    if "self" in text or "unable to get" in text or "signature failure" in text:
        return "certificate signed by unknown authority"
    if "expired" in text or "not yet valid" in text:
        return "certificate has expired or is not yet valid"
    return text


class Handler(http.server.BaseHTTPRequestHandler):
    """HTTP/1.1 with keep-alive, quiet, JSON in and out."""

    protocol_version = "HTTP/1.1"
    server_version = "standin"
    timeout = 120
    disable_nagle_algorithm = True
    wbufsize = -1  # one packet for head and body

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing is logged."""

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def reply(self, status: int, value: Any, kind: str = "application/json") -> None:
        """Send a whole answer; text stays text, anything else becomes JSON."""
        data = value.encode() if isinstance(value, str) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
        self.wfile.flush()


class Server(http.server.ThreadingHTTPServer):
    """A server whose TLS handshakes happen in the handler's thread."""

    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(
        self, address: tuple[str, int], handler: type[Handler], context: ssl.SSLContext | None
    ) -> None:
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, handler)
        self.context = context
        self.requests: set[socket.socket] = set()

    def stop(self) -> None:
        """Close the port and every connection."""
        self.shutdown()
        self.server_close()
        for request in list(self.requests):
            with contextlib.suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)

    def server_bind(self) -> None:
        if self.address_family == socket.AF_INET6:
            with contextlib.suppress(OSError):
                self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "standin", self.server_address[1]

    def finish_request(self, request: Any, client_address: Any) -> None:
        if self.context is not None:
            request.settimeout(10)
            try:
                request = self.context.wrap_socket(request, server_side=True)
            except OSError:
                return
        self.requests.add(request)
        try:
            super().finish_request(request, client_address)
        finally:
            self.requests.discard(request)
            request.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""

    def start(self) -> None:
        threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True
        ).start()


def everywhere(port: int) -> tuple[str, int]:
    """All addresses, both families where the host has IPv6."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::", 0))
    except OSError:
        return "0.0.0.0", port  # noqa: S104
    return "::", port
