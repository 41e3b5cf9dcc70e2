"""Reads a URL whose site may be hostile: bounded in bytes and in time, and never redirected down.

Called by `kbootstrap.artifacts.downloads`. A separate thread cuts the connection of a download
that takes too long, whatever it waits for: a header, the size of a chunk, the body.
"""

import contextlib
import http.client
import socket
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import IO, Any
from urllib.parse import urlsplit

from kbootstrap import codes
from kbootstrap.errors import PhaseError, TrustError

STEP_SECONDS = 30  # for a connection, a TLS handshake, and without a byte
GRACE = 60.0  # seconds that any download may take
LEAST_RATE = 32 * 1024  # bytes per second on average; more bytes may take longer
LONGEST = 1800.0  # seconds, whatever the rate
_MOST_REDIRECTS = 5
_CHUNK = 64 * 1024
_SHOWN = 200  # characters of an error, which may quote the site


def read(url: str, most: int) -> bytes:
    """The content of an ``https`` or ``http`` URL, of at most ``most`` bytes.

    Raises:
        PhaseError: KB311, it cannot be read, is larger, or comes too slowly.
        TrustError: KB512, the site redirects from https to something else.

    """
    pace = _Pace()
    try:
        with pace.watched(), _open(url, pace) as answer:
            return _body(answer, most, pace)
    except (OSError, http.client.HTTPException, ValueError, _BadAnswerError) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        why = pace.text if pace.exceeded else _reason(error)
        raise PhaseError(codes.PROGRAM_MISSING, f"cannot read {url}: {why}") from error


def _reason(error: Exception) -> str:
    """The system's own message, such as ``Connection refused``, without Python's wrapping."""
    cause = error.reason if type(error) is urllib.error.URLError else error
    message = getattr(cause, "strerror", None) or str(cause)
    return " ".join(message.split())[:_SHOWN]


class _BadAnswerError(Exception):
    """The answer is too large or incomplete."""


def _body(answer: http.client.HTTPResponse, most: int, pace: "_Pace") -> bytes:
    data = bytearray()
    while len(data) <= most and (more := answer.read1(_CHUNK)):
        data += more
        pace.received = len(data)
    if pace.exceeded:
        raise _BadAnswerError(pace.text)
    if len(data) > most:
        raise _BadAnswerError(f"it is larger than {most} bytes")
    if answer.length:
        raise _BadAnswerError(f"it ended {answer.length} bytes early")
    return bytes(data)


class _Pace:
    """Cuts the connections of a download that takes longer than what was received allows.

    Attributes:
        received: bytes of the body so far.
        exceeded: whether the time is over and the connections were cut.

    """

    def __init__(self) -> None:
        self.received = 0
        self.exceeded = False
        self._start = time.monotonic()
        self._ended = threading.Event()
        self._sockets: list[socket.socket] = []

    @property
    def text(self) -> str:
        """Why the download was cut."""
        seconds = time.monotonic() - self._start
        return f"it is too slow: {self.received} bytes in {seconds:.0f} s"

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Watch until the block ends."""
        thread = threading.Thread(target=self._watch, daemon=True, name="kb-download")
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()

    def follow(self, connection: socket.socket) -> None:
        """Cut this connection, too."""
        self._sockets.append(connection)
        if self.exceeded:
            self._cut()

    def _watch(self) -> None:
        while not self._ended.wait(max(self._left(), 0)):
            if self._left() <= 0:
                self.exceeded = True
                self._cut()
                return

    def _left(self) -> float:
        allowed = min(LONGEST, GRACE + self.received / LEAST_RATE)
        return self._start + allowed - time.monotonic()

    def _cut(self) -> None:
        """Wake up who reads; `SSLSocket.shutdown` would change the object under its feet."""
        for connection in self._sockets:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)


def _open(url: str, pace: _Pace) -> Any:
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Redirects(),
        _Handler(pace),
    ):
        opener.add_handler(handler)
    return opener.open(url, timeout=STEP_SECONDS)


class _Handler(urllib.request.AbstractHTTPHandler):
    """Opens connections that the pace can cut."""

    def __init__(self, pace: _Pace) -> None:
        super().__init__()
        self._pace = pace

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._plain, request)

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._safe, request)

    http_request = https_request = urllib.request.AbstractHTTPHandler.do_request_

    def _plain(self, host: str, **arguments: Any) -> http.client.HTTPConnection:
        return _Plain(self._pace, host, **arguments)

    def _safe(self, host: str, **arguments: Any) -> http.client.HTTPConnection:
        return _Safe(self._pace, host, context=ssl.create_default_context(), **arguments)


class _Plain(http.client.HTTPConnection):
    def __init__(self, pace: _Pace, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._pace = pace

    def connect(self) -> None:
        super().connect()
        self._pace.follow(self.sock)


class _Safe(_Plain, http.client.HTTPSConnection):
    """The same over TLS."""


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a few redirects, and none from https to anything else."""

    max_redirections = _MOST_REDIRECTS
    max_repeats = 1

    def http_error_302(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
    ) -> http.client.HTTPResponse | None:
        fp.close()  # its body is not needed, and may be endless
        return super().http_error_302(req, fp, code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if req.type == "https" and urlsplit(newurl).scheme != "https":
            message = f"{req.full_url} redirects to {newurl[:_SHOWN]}"
            raise TrustError(codes.REDIRECT_DOWN, message)
        return super().redirect_request(req, fp, code, msg, headers, newurl)
