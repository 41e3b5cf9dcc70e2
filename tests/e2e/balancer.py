"""A TCP load balancer with health checks, and clients that never stop asking.

What a site would put in front of its API servers; it listens on the lab's own address.
"""

import http.client
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

EVERY = 0.5  # seconds between two health checks of a server
CHUNK = 64 * 1024


def untrusting() -> ssl.SSLContext:
    """TLS to a server whose certificate is not looked at: only its answer counts here."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def asks(host: str, port: int, path: str, *, tls: bool, seconds: float = 3) -> int:
    """The status of one GET over a connection of its own; 0 if there is no answer."""
    made: http.client.HTTPConnection
    if tls:
        made = http.client.HTTPSConnection(host, port, timeout=seconds, context=untrusting())
    else:
        made = http.client.HTTPConnection(host, port, timeout=seconds)
    try:
        made.request("GET", path)
        return made.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        made.close()


class Balancer:
    """Hands each connection to a server that said ok at /readyz, each in its turn."""

    def __init__(self, host: str, port: int, servers: Sequence[tuple[str, int]]) -> None:
        self._servers = tuple(servers)
        self._healthy: tuple[tuple[str, int], ...] = ()
        self._turn = 0
        self._stop = threading.Event()
        self._listener = socket.create_server((host, port), backlog=128)
        self.endpoint = f"{host}:{port}"

    def __enter__(self) -> Self:
        for target in (self._accept, self._check):
            threading.Thread(target=target, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        # close() alone leaves the port taken for as long as a thread waits in accept().
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _check(self) -> None:
        while not self._stop.is_set():
            self._healthy = tuple(s for s in self._servers if asks(*s, "/readyz", tls=True) == 200)
            self._stop.wait(EVERY)

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            server = self._connected()
            if server is not None:
                with server:
                    _join(client, server)

    def _connected(self) -> socket.socket | None:
        """A connection to a healthy server, or to any that takes one."""
        self._turn += 1
        known = self._healthy or self._servers
        at = self._turn % len(known)
        for server in (*known[at:], *known[:at]):
            try:
                return socket.create_connection(server, timeout=2)
            except OSError:
                continue
        return None


def _join(one: socket.socket, other: socket.socket) -> None:
    """Copy both ways until one side is done."""
    one.settimeout(None)
    other.settimeout(None)
    ways = {one: other, other: one}
    try:
        while True:
            readable, _, _ = select.select(list(ways), [], [], 300)
            if not readable:
                return
            for source in readable:
                data = source.recv(CHUNK)
                if not data:
                    return
                ways[source].sendall(data)
    except OSError:
        return


@dataclass
class Asker:
    """Asks every tenth of a second, as a context manager; counts, and when no server answered."""

    ask: Callable[[], bool]
    every: float = 0.1
    asked: int = 0
    failed: list[float] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            self.asked += 1
            if not self.ask():
                self.failed.append(time.time())
            self._stop.wait(self.every)

    @property
    def longest(self) -> float:
        """Seconds of the longest time without an answer."""
        best = start = last = 0.0
        for at in self.failed:
            start = at if at - last > 5 * self.every + 3 else start
            last = at
            best = max(best, at - start)
        return best
