"""CRC-32C (Castagnoli, RFC 3720 appendix B.4) of many short messages at once, in numpy, and TensorFlow's mask of it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Places = npt.NDArray[np.int64]

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
    """Masked CRCs of all `messages`, in their order."""
    ends = np.cumsum([len(message) for message in messages], dtype=np.int64)
    return masked_crcs_in(b"".join(messages), np.concatenate([[0], ends[:-1]]).astype(np.int64)[: len(ends)], ends)


def masked_crcs_in(data: bytes, starts: Places, ends: Places) -> npt.NDArray[np.uint32]:
    """Masked CRCs of the messages `data[starts[i]:ends[i]]`.

    The messages are laid under each other with their ends aligned: zeros in front change nothing when the register
    begins at zero, which it does once the first four bytes are inverted instead of it.
    """
    out = np.empty(len(starts), dtype=np.uint32)
    order = np.argsort(ends - starts, kind="stable")
    lengths = (ends - starts)[order].tolist()
    at = bisect_left(lengths, 4)
    for place in order[:at].tolist():
        out[place] = crc32c(data[starts[place] : ends[place]])
    while at < len(lengths):
        most = 2 * lengths[at]
        end = min(bisect_right(lengths, most), at + max(1, _ROWS_BYTES // most))
        chosen = order[at:end]
        out[chosen] = _together(data, starts[chosen], ends[chosen], lengths[end - 1])
        at = end
    wide = out.astype(np.uint64)
    return ((((wide >> 15) | (wide << 17)) + 0xA282EAD8) & 0xFFFFFFFF).astype(np.uint32)


def _together(data: bytes, starts: Places, ends: Places, width: int) -> npt.NDArray[np.uint32]:
    """CRCs of messages of at least four bytes and at most `width`, one column of bytes after the other."""
    places = ends + np.arange(-width, 0)[:, np.newaxis]
    columns = np.frombuffer(data, dtype=np.uint8)[np.maximum(places, 0)]
    columns[places < starts] = 0
    for place in range(4):
        columns[width - (ends - starts) + place, np.arange(len(starts))] ^= 0xFF
    value = np.zeros(len(starts), dtype=np.uint32)
    for column in columns:
        value = _ARRAY[(value ^ column) & 0xFF] ^ (value >> 8)
    return value ^ np.uint32(0xFFFFFFFF)
