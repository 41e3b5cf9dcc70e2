"""A local TCP port forwarded through SSH, for the Kubernetes API.

Used through `hosts.Connection.forward`.
"""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self

from kbootstrap.errors import KbError

_READ_BYTES = 32 * 1024 - 64
_JOIN_SECONDS = 5


class LocalForward:
    """Listens on 127.0.0.1 and forwards each connection through a new tunnel.

    Attributes:
        address: ("127.0.0.1", port).
        error: why the last connection could not be forwarded; None if it could.

    """

    def __init__(self, tunnel: Callable[[], Any]) -> None:
        self._tunnel = tunnel
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._ends: set[Any] = set()  # open sockets and channels
        self._threads: list[threading.Thread] = []
        self.address: tuple[str, int] = self._listener.getsockname()
        self.error: KbError | None = None

    @property
    def port(self) -> int:
        """The local port."""
        return self.address[1]

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *exc: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the accepting thread
        self._listener.close()
        with self._lock:
            ends = tuple(self._ends)
        for end in ends:
            _hang_up(end)
        for thread in tuple(self._threads):
            thread.join(_JOIN_SECONDS)

    def _start(self, work: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True, name="kb-forward")
        self._threads = [t for t in self._threads if t.is_alive()]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:  # closed
                return
            near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._start(self._carry, near)

    def _carry(self, near: socket.socket) -> None:
        far = None
        try:
            far = self._tunnel()
        except KbError as error:
            self.error = error
            return
        finally:
            if far is None:
                near.close()
        with self._lock:
            self._ends |= {near, far}
        back = threading.Thread(target=_pump, args=(far, near), daemon=True, name="kb-forward")
        back.start()
        _pump(near, far)
        back.join()
        near.close()
        far.close()
        with self._lock:
            self._ends -= {near, far}


def _pump(source: Any, sink: Any) -> None:
    """Copy until the source ends, then half-close the sink; the other direction continues."""
    with suppress(OSError, EOFError):
        while data := source.recv(_READ_BYTES):
            sink.sendall(data)
    with suppress(OSError, EOFError):
        sink.shutdown(socket.SHUT_WR)


def _hang_up(end: Any) -> None:
    with suppress(OSError, EOFError):
        end.shutdown(socket.SHUT_RDWR)
    with suppress(OSError, EOFError):  # a channel whose connection has ended
        end.close()
