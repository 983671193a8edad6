"""CRC-32C (Castagnoli, RFC 3720 appendix B.4) of many short messages at once, in numpy, and TensorFlow's mask of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

_POLYNOMIAL = 0x82F63B78
_ROWS_BYTES = 4 << 20  # of the table in which messages are laid side by side


def _table() -> list[int]:
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)
        table.append(value)
    return table


_TABLE = _table()
_ARRAY = np.array(_TABLE, dtype=np.uint32)


def crc32c(data: bytes) -> int:
    """Of one message, byte by byte."""
    value = 0xFFFFFFFF
    for byte in data:
        value = _TABLE[(value ^ byte) & 0xFF] ^ value >> 8
    return value ^ 0xFFFFFFFF


def masked(value: int) -> int:
    """As TFRecord files keep it (tensorflow/core/lib/hash/crc32c.h)."""
    return ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF


def masked_crcs(messages: Sequence[bytes]) -> npt.NDArray[np.uint32]:
    """Masked CRCs of all `messages`, in their order.

    The messages are laid under each other with their ends aligned: zeros in front change nothing when the register
    begins at zero, which it does once the first four bytes are inverted instead of it.
    """
    out = np.empty(len(messages), dtype=np.uint32)
    order = sorted(range(len(messages)), key=lambda index: len(messages[index]))
    at = 0
    while at < len(order):
        width = len(messages[order[at]])
        if width < 4:
            out[order[at]] = crc32c(messages[order[at]])
            at += 1
            continue
        end = at
        while end < len(order) and len(messages[order[end]]) <= 2 * width and (end - at) * 2 * width < _ROWS_BYTES:
            end += 1
        chosen = order[at:end]
        out[chosen] = _together([messages[index] for index in chosen])
        at = end
    wide = out.astype(np.uint64)
    return ((((wide >> 15) | (wide << 17)) + 0xA282EAD8) & 0xFFFFFFFF).astype(np.uint32)


def _together(messages: list[bytes]) -> npt.NDArray[np.uint32]:
    width = max(map(len, messages))
    rows = np.frombuffer(b"".join([message.rjust(width, b"\0") for message in messages]), dtype=np.uint8)
    rows = rows.reshape(len(messages), width).copy()
    begins = np.array([width - len(message) for message in messages])
    lines = np.arange(len(messages))
    for place in range(4):
        rows[lines, begins + place] ^= 0xFF
    columns = np.ascontiguousarray(rows.T)
    value = np.zeros(len(messages), dtype=np.uint32)
    for column in columns:
        value = _ARRAY[(value ^ column) & 0xFF] ^ (value >> 8)
    return value ^ np.uint32(0xFFFFFFFF)
