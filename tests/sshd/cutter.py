"""A relay before a server that breaks its first connection at a chosen moment."""

import selectors
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with a reset


class Cutter:
    """Listens on 127.0.0.1.

    Attributes:
        port: where.
        connections: how many it has had.

    """

    def __init__(self, server: int, after: int) -> None:
        self._server = server
        self._after = after  # so many pieces from the client; the last is not handed on
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0

    def serve(self) -> None:
        """Until it is closed."""
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self.connections += 1
                left = self._after if self.connections == 1 else -1
                threading.Thread(target=self._carry, args=(near, left), daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _carry(self, near: socket.socket, left: int) -> None:
        with near, socket.create_connection(("127.0.0.1", self._server)) as far:
            selector = selectors.DefaultSelector()
            selector.register(near, selectors.EVENT_READ, far)
            selector.register(far, selectors.EVENT_READ, near)
            with suppress(OSError):
                while True:
                    for key, _ in selector.select():
                        left -= key.fileobj is near
                        if left == 0:
                            near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                            return
                        data = key.fileobj.recv(65536)  # type: ignore[union-attr]
                        if not data:
                            return
                        key.data.sendall(data)


@contextmanager
def cutting(server: int, after: int) -> Iterator[Cutter]:
    """A relay for the length of a block."""
    cutter = Cutter(server, after)
    thread = threading.Thread(target=cutter.serve)
    thread.start()
    try:
        yield cutter
    finally:
        cutter.close()
        thread.join()
