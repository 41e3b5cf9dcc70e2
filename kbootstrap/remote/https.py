"""One HTTPS request to a server behind an SSH tunnel; the only module that imports `urllib3`.

Private keys are never written to the workstation's disk: TLS reads them from an anonymous file.
A response has a limit of size and of time, since the server may be hostile.
"""

import os
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kbootstrap import codes
from kbootstrap.errors import RefusedError
from kbootstrap.remote.credentials import Credentials

# More than the pods of 300 nodes, of which each has 110 pods of 8 KiB.
MAX_BYTES = 384 * 1024 * 1024
SLOWEST = 16 * 1024  # bytes per second, of a response that takes longer than its request may
_PIECE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """A request; ``headers`` include Content-Type and Accept."""

    method: str
    path: str
    body: str | None
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Response:
    """A response of any status; ``date`` is its Date header, empty if it has none."""

    status: int
    date: str
    content: bytes


class Target:
    """A server, and the connections to it, which are opened at the first request."""

    def __init__(self, base: str, login: Credentials) -> None:
        self.base, self.login = base, login
        self._lock = threading.Lock()
        self._pool: Any = None

    def send(self, request: Request, seconds: float) -> Response:
        """Send it once; ``seconds`` is the time to connect, and then for each piece received.

        Raises:
            RefusedError: KB441, the login is damaged.
            OSError: the response is larger than `MAX_BYTES`.
            ConnectionError: any other failure, also of TLS.

        """
        import urllib3  # noqa: PLC0415 - slow to import; most commands need no API

        ends = time.monotonic() + seconds
        try:
            response = self._connections().request(
                request.method,
                self.base + request.path,
                body=request.body,
                headers=request.headers,
                timeout=urllib3.Timeout(total=seconds),
                preload_content=False,
                redirect=False,
            )
            content = _content(response, ends)
        except urllib3.exceptions.HTTPError as error:
            raise ConnectionError(str(error)) from error
        return Response(response.status, response.headers.get("Date", ""), content)

    def _connections(self) -> Any:
        with self._lock:
            if self._pool is None:
                self._pool = _pool(_context(self.login), self.login.server_name)
            return self._pool


def _context(login: Credentials) -> ssl.SSLContext:
    """TLS with the login.

    Raises:
        RefusedError: KB441, its CA, certificate or key is damaged.

    """
    handle = os.memfd_create("login")
    try:
        context = ssl.create_default_context(cadata=login.ca_pem)
        if login.pair is not None:
            os.write(handle, login.pair.reveal().encode())
            context.load_cert_chain(f"/proc/self/fd/{handle}", password=_no_passphrase)
    except (ssl.SSLError, TypeError, ValueError) as error:
        what = f"the certificates to log in to {login.server_name} are damaged: {error}"
        raise RefusedError(codes.DAMAGED, what) from None
    finally:
        os.close(handle)
    return context


def _no_passphrase() -> str:
    """Instead of a question at the terminal."""
    return ""


def _pool(context: ssl.SSLContext, server_name: str) -> Any:
    import urllib3  # noqa: PLC0415 - as above

    return urllib3.PoolManager(
        ssl_context=context,
        server_hostname=server_name,
        assert_hostname=server_name,
        maxsize=8,
        retries=False,
    )


def _content(response: Any, ends: float) -> bytes:
    """The body, not decompressed."""
    content = bytearray()
    while piece := response.read1(_PIECE, decode_content=False):
        content += piece
        if problem := _problem(len(content), ends):
            response.close()
            raise problem
    return bytes(content)


def _problem(size: int, ends: float) -> OSError | None:
    """Why no more is read of a response of which ``size`` bytes are here."""
    if size > MAX_BYTES:
        return OSError(f"the response is larger than {MAX_BYTES // 1024**2} MiB")
    if time.monotonic() > ends + size / SLOWEST:
        return ConnectionError("the response arrives too slowly")
    return None
