"""Protocol buffers by hand: field numbers and raw values, no message classes."""

from __future__ import annotations

Value = int | bytes
Fields = dict[int, list[Value]]


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def pack(fields: dict[int, int | str | bytes]) -> bytes:
    """Encode numbers and strings; a nested message is given as bytes."""
    out = bytearray()
    for number, value in fields.items():
        if isinstance(value, int):
            out += _varint(number << 3) + _varint(value)
        else:
            raw = value.encode() if isinstance(value, str) else value
            out += _varint(number << 3 | 2) + _varint(len(raw)) + raw
    return bytes(out)


def unpack(data: bytes) -> Fields:
    """Decode one message into its fields."""
    fields: Fields = {}
    pos = 0
    while pos < len(data):
        key, pos = _read_varint(data, pos)
        value, pos = _read_value(data, pos, key & 7)
        fields.setdefault(key >> 3, []).append(value)
    return fields


def _read_value(data: bytes, pos: int, kind: int) -> tuple[Value, int]:
    if kind == 0:
        return _read_varint(data, pos)
    if kind == 2:
        length, pos = _read_varint(data, pos)
    else:
        length = 8 if kind == 1 else 4
    return data[pos : pos + length], pos + length


def _read_varint(data: bytes, pos: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[pos]
        pos += 1
        value |= (byte & 127) << shift
        shift += 7
        if not byte & 128:
            return value, pos


def texts(fields: Fields, number: int) -> list[str]:
    return [v.decode(errors="replace") for v in fields.get(number, []) if isinstance(v, bytes)]


def text(fields: Fields, number: int) -> str:
    return next(iter(texts(fields, number)), "")


def number(fields: Fields, field: int) -> int:
    value = next(iter(fields.get(field, [])), 0)
    return value if isinstance(value, int) else 0


def messages(fields: Fields, number: int) -> list[Fields]:
    return [unpack(v) for v in fields.get(number, []) if isinstance(v, bytes)]


def mapping(fields: Fields, number: int) -> dict[str, str]:
    """A map<string, string> field."""
    return {text(m, 1): text(m, 2) for m in messages(fields, number)}
