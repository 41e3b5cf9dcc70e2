"""Unary gRPC calls over a unix socket, without a gRPC library; cri/server.py answers them."""

from __future__ import annotations

import socket
import struct

from . import hpack

_CODES = {
    1: "Canceled", 2: "Unknown", 3: "InvalidArgument", 4: "DeadlineExceeded", 5: "NotFound",
    6: "AlreadyExists", 7: "PermissionDenied", 9: "FailedPrecondition", 12: "Unimplemented",
    13: "Internal", 14: "Unavailable",
}  # fmt: skip
DATA, HEADERS, RST, SETTINGS, PING, GOAWAY, WINDOW = 0, 1, 3, 4, 6, 7, 8
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


class GrpcError(Exception):
    """A call failed; the text has the form Go binaries print."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"rpc error: code = {code} desc = {message}")
        self.code = code
        self.message = message


def number(code: str) -> int:
    """The number of a status code, such as 5 of NotFound."""
    return next(number for number, name in _CODES.items() if name == code)


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def call(path: str, method: str, request: bytes, timeout: float = 2.0) -> bytes:
    """Call /package.Service/Method on the unix socket at path."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(timeout)
        try:
            sock.connect(path)
        except OSError as err:
            reason = (err.strerror or str(err)).lower()
            text = f'connection error: desc = "transport: Error while dialing: dial unix {path}: '
            raise GrpcError("Unavailable", f'{text}connect: {reason}"') from err
        try:
            return _exchange(sock, method, request)
        except TimeoutError as err:
            raise GrpcError("DeadlineExceeded", "context deadline exceeded") from err
        except OSError as err:
            raise GrpcError("Unavailable", "error reading from server: EOF") from err


def _exchange(sock: socket.socket, method: str, request: bytes) -> bytes:
    headers = [
        (":method", "POST"), (":scheme", "http"), (":path", method), (":authority", "localhost"),
        ("content-type", "application/grpc"), ("te", "trailers"), ("user-agent", "standin/1"),
    ]  # fmt: skip
    body = b"\0" + struct.pack(">I", len(request)) + request
    big_window = struct.pack(">HI", 4, 2**30)  # SETTINGS_INITIAL_WINDOW_SIZE
    sock.sendall(
        PREFACE
        + frame(SETTINGS, 0, 0, big_window)
        + frame(WINDOW, 0, 0, struct.pack(">I", 2**30))
        + frame(HEADERS, 4, 1, hpack.encode(headers))
        + frame(DATA, 1, 1, body)
    )
    data, trailers = receive(sock)
    status = int(trailers.get("grpc-status", "2"))
    if status:
        raise GrpcError(_CODES.get(status, "Unknown"), trailers.get("grpc-message", ""))
    return data[5 : 5 + struct.unpack(">I", data[1:5])[0]] if data else b""


def receive(sock: socket.socket) -> tuple[bytes, dict[str, str]]:
    decoder = hpack.Decoder()
    data = bytearray()
    headers: dict[str, str] = {}
    while True:
        head = exactly(sock, 9)
        length = int.from_bytes(head[:3], "big")
        kind, flags = head[3], head[4]
        payload = exactly(sock, length)
        if kind == DATA:
            data += payload
        elif kind == HEADERS:
            headers.update(decoder.decode(payload))
        elif kind in {SETTINGS, PING} and not flags & 1:
            sock.sendall(frame(kind, 1, 0, payload if kind == PING else b""))
        elif kind in {RST, GOAWAY}:
            raise GrpcError("Unavailable", "the stream was closed by the runtime")
        if kind in {DATA, HEADERS} and flags & 1:
            return bytes(data), headers


def exactly(sock: socket.socket, count: int) -> bytes:
    out = bytearray()
    while len(out) < count:
        part = sock.recv(count - len(out))
        if not part:
            raise ConnectionResetError
        out += part
    return bytes(out)
