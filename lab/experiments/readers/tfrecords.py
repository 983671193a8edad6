"""The TFRecord format: a length, its CRC, a message, its CRC (tensorflow/core/lib/io/record_writer.h)."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from lab.dataclass import dataclass
from lab.experiments.readers.crc32c import Places, masked_crcs_in

_CHECKED = 64 << 10  # bytes: larger records hold images, graphs or histograms, never scalars
_PORTION = 4 << 20  # bytes that are read at a time
_LENGTH = struct.Struct("<Q")
_BEFORE, _AROUND = 12, 16  # bytes before a message, and around it


@dataclass(frozen=True)
class Records:
    """Some records in a row: the message of each that may hold scalars and has the right CRC is `data[start:end]`.
    `damaged` are sentences about what is wrong."""

    data: bytes
    starts: Places
    ends: Places
    damaged: tuple[str, ...] = ()


def records(file: BinaryIO, place: list[int]) -> Iterator[Records]:
    """All records of `file` from byte `place[0]` on, which is moved on behind what was read. An unfinished record at
    the end is no fault: its writer is still at it, or was killed. Nothing is read behind a damaged length."""
    size = os.fstat(file.fileno()).st_size
    while True:
        at = place[0]
        file.seek(at)
        data = file.read(_PORTION)
        heads, lengths = _walk(data)
        if not lengths:
            return
        right = masked_crcs_in(data, heads, heads + 8) == _words(data, heads + 8)
        whole = len(lengths) if right.all() else int(np.argmin(right))
        broken = whole < len(lengths)
        if not broken and _end(heads, lengths, -1) > (size - at if lengths[-1] > _CHECKED else len(data)):
            whole -= 1
        if whole:
            place[0] = at + _end(heads, lengths, whole - 1)
            yield _checked(data, heads[:whole], lengths[:whole], at)
        if broken:
            reason = f"damaged at byte {at + int(heads[whole])}: what follows was not read"
            yield Records(b"", heads[:0], heads[:0], (reason,))
        if broken or not whole:
            return


def _walk(data: bytes) -> tuple[Places, list[int]]:
    """Where the records in `data` begin, and how long their messages are; the last may end outside."""
    heads, lengths, at = [], [], 0
    while at + _BEFORE <= len(data):
        (length,) = _LENGTH.unpack_from(data, at)
        heads.append(at)
        lengths.append(length)
        at += length + _AROUND
    return np.array(heads, dtype=np.int64), lengths


def _end(heads: Places, lengths: list[int], index: int) -> int:
    return int(heads[index]) + lengths[index] + _AROUND


def _words(data: bytes, places: Places) -> npt.NDArray[np.uint32]:
    """The four bytes at each place as a number."""
    around: npt.NDArray[np.uint8] = np.frombuffer(data, dtype=np.uint8)[places[:, np.newaxis] + np.arange(4)]
    return around.view("<u4").ravel().astype(np.uint32)


def _checked(data: bytes, heads: Places, lengths: list[int], at: int) -> Records:
    """Whole records, those left out that are too large for scalars, or damaged, which is told."""
    sizes = np.array(lengths, dtype=np.uint64)
    small = sizes <= _CHECKED
    starts = heads[small] + _BEFORE
    ends = starts + sizes[small].astype(np.int64)
    right = masked_crcs_in(data, starts, ends) == _words(data, ends)
    wrong = (starts[~right] - _BEFORE + at).tolist()
    damaged = tuple(f"record at byte {place} is damaged: its checksum is wrong" for place in wrong)
    return Records(data, starts[right], ends[right], damaged)
