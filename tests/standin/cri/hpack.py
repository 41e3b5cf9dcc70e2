"""Just enough HPACK (RFC 7541): plain encoding, full decoding."""

from __future__ import annotations

from .hpack_tables import HUFFMAN_CODES, HUFFMAN_LENGTHS, STATIC_TABLE

Header = tuple[str, str]
_DECODE = {(n, c): s for s, (c, n) in enumerate(zip(HUFFMAN_CODES, HUFFMAN_LENGTHS, strict=True))}


def encode(headers: list[Header]) -> bytes:
    """Literal header fields, never indexed, never compressed."""
    out = bytearray()
    for name, value in headers:
        out.append(0)
        for text in (name.encode(), value.encode()):
            out += _encode_int(len(text), 7) + text
    return bytes(out)


def _encode_int(value: int, bits: int) -> bytes:
    limit = (1 << bits) - 1
    if value < limit:
        return bytes([value])
    out = bytearray([limit])
    value -= limit
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    out.append(value)
    return bytes(out)


def unhuffman(data: bytes) -> str:
    """Decode a Huffman-coded string."""
    out = bytearray()
    code = length = 0
    for byte in data:
        for shift in range(7, -1, -1):
            code = code << 1 | byte >> shift & 1
            length += 1
            symbol = _DECODE.get((length, code))
            if symbol is not None:
                out.append(symbol)
                code = length = 0
    return out.decode(errors="replace")


class Decoder:
    """One connection's header decoder with its dynamic table."""

    def __init__(self) -> None:
        self.table: list[Header] = []
        self.data = b""
        self.pos = 0

    def decode(self, data: bytes) -> list[Header]:
        self.data, self.pos = data, 0
        out: list[Header] = []
        while self.pos < len(data):
            self._field(out)
        return out

    def _field(self, out: list[Header]) -> None:
        first = self.data[self.pos]
        if first & 0x80:
            out.append(self._entry(self._int(7)))
        elif first & 0x40:
            field = self._literal(6)
            self.table.insert(0, field)
            out.append(field)
        elif first & 0x20:
            self._int(5)  # a new table size; ours is never full
        else:
            out.append(self._literal(4))

    def _literal(self, bits: int) -> Header:
        index = self._int(bits)
        name = self._entry(index)[0] if index else self._text()
        return name, self._text()

    def _entry(self, index: int) -> Header:
        if index <= len(STATIC_TABLE):
            return STATIC_TABLE[index - 1]
        return self.table[index - len(STATIC_TABLE) - 1]

    def _int(self, bits: int) -> int:
        limit = (1 << bits) - 1
        value = self.data[self.pos] & limit
        self.pos += 1
        shift = 0
        while value >= limit:
            byte = self.data[self.pos]
            self.pos += 1
            value += (byte & 127) << shift
            shift += 7
            if not byte & 128:
                break
        return value

    def _text(self) -> str:
        huffman = bool(self.data[self.pos] & 0x80)
        length = self._int(7)
        raw = self.data[self.pos : self.pos + length]
        self.pos += length
        return unhuffman(raw) if huffman else raw.decode(errors="replace")
