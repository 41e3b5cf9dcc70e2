"""A CRI server for the clients of cri/grpc.py: one unary call on each connection."""

from __future__ import annotations

import socketserver
import struct
from collections.abc import Callable
from pathlib import Path

from . import grpc, hpack

Answer = Callable[[str, bytes], bytes]  # method and request -> response; raises GrpcError
_PAGE = 16384  # what a frame may hold unless the client says otherwise


class _Handler(socketserver.BaseRequestHandler):
    """One connection."""

    answer: Answer

    def handle(self) -> None:
        grpc.exactly(self.request, len(grpc.PREFACE))
        self.request.sendall(grpc.frame(grpc.SETTINGS, 0, 0))
        body, headers = grpc.receive(self.request)
        length = struct.unpack(">I", body[1:5])[0]
        try:
            self._reply(self.answer(headers[":path"], body[5 : 5 + length]))
        except grpc.GrpcError as err:
            self._end(grpc.number(err.code), err.message)
        while self.request.recv(_PAGE):  # closed with something unread, a socket is reset
            pass

    def _reply(self, response: bytes) -> None:
        first = [(":status", "200"), ("content-type", "application/grpc")]
        self.request.sendall(grpc.frame(grpc.HEADERS, 4, 1, hpack.encode(first)))
        data = b"\0" + struct.pack(">I", len(response)) + response
        for at in range(0, len(data), _PAGE):
            self.request.sendall(grpc.frame(grpc.DATA, 0, 1, data[at : at + _PAGE]))
        self._trailers([])

    def _end(self, status: int, message: str) -> None:
        first = [(":status", "200"), ("content-type", "application/grpc")]
        self._trailers([*first, ("grpc-message", message)], status)

    def _trailers(self, more: list[hpack.Header], status: int = 0) -> None:
        last = hpack.encode([*more, ("grpc-status", str(status))])
        self.request.sendall(grpc.frame(grpc.HEADERS, 5, 1, last))


class Server(socketserver.ThreadingUnixStreamServer):
    """Serves at a socket, in place of one that an earlier server left."""

    daemon_threads = True

    def __init__(self, path: Path, answer: Answer) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        super().__init__(str(path), type("Handler", (_Handler,), {"answer": staticmethod(answer)}))
