"""The wire format of protocol buffers, as far as records of runs need it (protobuf.dev, "Encoding")."""

from __future__ import annotations

import struct
from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5

_WIDTHS = {FIXED64: 8, FIXED32: 4}


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(number, value) of every field in order: an int for varints, the bytes of everything else.

    Raises ValueError for what is no message.
    """
    at, end = 0, len(data)
    while at < end:
        key, at = varint(data, at)
        kind = key & 7
        if kind == VARINT:
            value, at = varint(data, at)
            yield key >> 3, value
            continue
        if kind == BYTES:
            size, at = varint(data, at)
        elif kind in _WIDTHS:
            size = _WIDTHS[kind]
        else:
            raise ValueError(f"wire type {kind}")
        if size > end - at:
            raise ValueError("a field ends outside its message")
        yield key >> 3, data[at : at + size]
        at += size


def varint(data: bytes, at: int) -> tuple[int, int]:
    """An unsigned number of up to 64 bits, and the place behind it. Raises ValueError."""
    value = shift = 0
    while at < len(data):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at
        shift += 7
        if shift >= 70:
            break
    raise ValueError("a number does not end")


def submessage(value: int | bytes) -> bytes:
    """`value` where a field must be a message, a string or bytes. Raises ValueError."""
    if isinstance(value, int):
        raise ValueError("a number where a message belongs")
    return value


def string(value: int | bytes) -> str:
    return submessage(value).decode("utf-8", "replace")


def integer(value: int | bytes) -> int:
    """A signed number. Raises ValueError."""
    if not isinstance(value, int):
        raise ValueError("bytes where a number belongs")
    return value - (1 << 64) if value >= 1 << 63 else value


def double(value: int | bytes) -> float:
    data = submessage(value)
    if len(data) != 8:
        raise ValueError("a double has eight bytes")
    return float(struct.unpack("<d", data)[0])


def single(value: int | bytes) -> float:
    data = submessage(value)
    if len(data) != 4:
        raise ValueError("a float has four bytes")
    return float(struct.unpack("<f", data)[0])
