"""Pictures: format and dimensions from the first bytes of a file, and whether its end is there.

PNG, JPEG, GIF, BMP, WebP and TIFF are known; nothing is decoded. Contents are hostile: whatever they hold, the
answer is a Picture or None.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from lab.dataclass import dataclass
from lab.datasets.columns import sorted_quantiles
from lab.datasets.formats import kind
from lab.domain.profiles import FileGroup, ImagesProfile

SUFFIXES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".gif": "GIF", ".bmp": "BMP", ".webp": "WebP",
            ".tif": "TIFF", ".tiff": "TIFF"}  # fmt: skip

#: Pictures of one folder that are opened; of more, as many at even distances.
OPENED_MAX = 20_000
_NAMED = 20  # broken files and dimensions that are listed
_SEGMENTS_MAX = 1_000  # of a JPEG, before its dimensions
_TAIL = 1 << 16
_TAGS_MAX = 1_000  # of a TIFF


@dataclass(frozen=True)
class Picture:
    """`width` and `height` in pixels."""

    format: str
    width: int
    height: int


class _BrokenError(Exception):
    """The bytes are not what the format says."""


def is_image(name: str) -> bool:
    """Whether a file is a picture by its name."""
    return kind(name) in SUFFIXES


def look(path: Path) -> Picture | None:
    """Format and dimensions of a picture; None for a file that is none, is cut off, or cannot be read."""
    try:
        with path.open("rb") as file:
            start = file.read(32)
            for magic, read in _READERS:
                if start.startswith(magic):
                    found = read(file, start)
                    return found if found.width > 0 and found.height > 0 else None
    except (_BrokenError, OSError, struct.error, OverflowError):
        return None
    return None


def images_profile(files: Sequence[tuple[str, Path]], sizes: Sequence[int]) -> ImagesProfile:
    """Counts, sizes, formats and dimensions of pictures given as (name, where the content is), sizes in bytes."""
    step = -(-len(files) // OPENED_MAX) if files else 1
    pictures: list[Picture] = []
    broken: list[str] = []
    formats: Counter[str] = Counter()
    held: Counter[str] = Counter()
    for (name, path), size in zip(files[::step], sizes[::step], strict=True):
        found = look(path)
        if found is None:
            broken.append(name)
            continue
        pictures.append(found)
        formats[found.format] += 1
        held[found.format] += size
    dimensions = Counter((picture.width, picture.height) for picture in pictures)
    return ImagesProfile(
        count=len(files),
        formats=tuple(FileGroup(name, count, held[name]) for name, count in formats.most_common()),
        sizes=_quantiles(sizes),
        widths=_quantiles([picture.width for picture in pictures]),
        heights=_quantiles([picture.height for picture in pictures]),
        dimensions=tuple((*size, count) for size, count in dimensions.most_common(_NAMED)),
        broken_count=len(broken),
        broken=tuple(broken[:_NAMED]),
    )


def _quantiles(values: Sequence[int]) -> tuple[float, ...]:
    return sorted_quantiles(np.sort(np.array(values, float)))


def _ends_with(file: BinaryIO, mark: bytes, after: int = 0) -> None:
    """Check that `mark` stands after `after`, among the last 64 kB: cameras leave padding, or more, behind it."""
    file.seek(max(after, file.seek(0, 2) - _TAIL))
    if mark not in file.read():
        raise _BrokenError("cut off")


def _png(file: BinaryIO, start: bytes) -> Picture:
    if start[12:16] != b"IHDR":
        raise _BrokenError("no header")
    _ends_with(file, b"IEND\xaeB`\x82")
    return Picture("PNG", *struct.unpack(">II", start[16:24]))


def _gif(file: BinaryIO, start: bytes) -> Picture:
    file.seek(max(0, file.seek(0, 2) - _TAIL))
    if not file.read().rstrip(b"\0").endswith(b";"):
        raise _BrokenError("cut off")
    return Picture("GIF", *struct.unpack("<HH", start[6:10]))


def _bmp(file: BinaryIO, start: bytes) -> Picture:
    (length,) = struct.unpack("<I", start[2:6])
    offset, header = struct.unpack("<II", start[10:18])
    if header < 12 or file.seek(0, 2) < max(length, offset):
        raise _BrokenError("cut off")
    width, height = struct.unpack("<HH", start[18:22]) if header == 12 else struct.unpack("<ii", start[18:26])
    return Picture("BMP", width, abs(height))


def _webp(file: BinaryIO, start: bytes) -> Picture:
    (length,) = struct.unpack("<I", start[4:8])
    if start[8:12] != b"WEBP" or file.seek(0, 2) < length + 8:
        raise _BrokenError("cut off")
    chunk = start[12:16]
    if chunk == b"VP8X":
        return Picture("WebP", int.from_bytes(start[24:27], "little") + 1, int.from_bytes(start[27:30], "little") + 1)
    if chunk == b"VP8L":
        bits = int.from_bytes(start[21:25], "little")
        return Picture("WebP", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if chunk == b"VP8 " and start[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", start[26:30])
        return Picture("WebP", width & 0x3FFF, height & 0x3FFF)
    raise _BrokenError("no header")


def _jpeg(file: BinaryIO, _start: bytes) -> Picture:
    file.seek(2)
    for _ in range(_SEGMENTS_MAX):
        marker = _jpeg_marker(file)
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", file.read(7)[3:])
            _ends_with(file, b"\xff\xd9", file.tell())
            return Picture("JPEG", width, height)
        (length,) = struct.unpack(">H", file.read(2))
        if length < 2 or marker == 0xDA:
            break
        file.seek(length - 2, 1)
    raise _BrokenError("no dimensions")


def _jpeg_marker(file: BinaryIO) -> int:
    """The next marker that has a segment; 0xFF may fill the space before it."""
    if file.read(1) != b"\xff":
        raise _BrokenError("no marker")
    for _ in range(_SEGMENTS_MAX):
        (marker,) = file.read(1) or b"\0"
        if marker != 0xFF:
            return marker
    raise _BrokenError("no marker")


def _tiff(file: BinaryIO, start: bytes) -> Picture:
    order = "<" if start[:2] == b"II" else ">"
    file.seek(*struct.unpack(order + "I", start[4:8]))
    (count,) = struct.unpack(order + "H", file.read(2))
    found: dict[int, int] = {}
    for _ in range(min(count, _TAGS_MAX)):
        entry = file.read(12)
        tag, form = struct.unpack(order + "HH", entry[:4])
        if tag in (256, 257):
            (found[tag],) = struct.unpack(order + ("H2x" if form == 3 else "I"), entry[8:12])
    return Picture("TIFF", found.get(256, 0), found.get(257, 0))


_READERS: tuple[tuple[bytes, Callable[[BinaryIO, bytes], Picture]], ...] = (
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"\xff\xd8\xff", _jpeg),
    (b"GIF87a", _gif),
    (b"GIF89a", _gif),
    (b"BM", _bmp),
    (b"RIFF", _webp),
    (b"II*\0", _tiff),
    (b"MM\0*", _tiff),
)
