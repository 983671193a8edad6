"""What a run or deployment may use of the machine."""

from __future__ import annotations

import re

from lab.dataclass import dataclass
from lab.errors import UsageError

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?", re.IGNORECASE)
_LARGEST = 1 << 60
_FACTORS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}


def parse_size(text: str | int) -> int:
    """Bytes in `512m`, `2 GB`, `1.5GiB` or a plain number; units are powers of 1024.

    Raises UsageError for anything else, and for less than one byte.
    """
    if isinstance(text, int) and not isinstance(text, bool):
        size = text
    else:
        match = _SIZE.fullmatch(str(text).strip())
        if match is None:
            raise UsageError(f"{text!r} is not a size", "write a number with k, m, g or t, such as 512m or 2g")
        number = float(match[1]) * _FACTORS[match[2].lower()]
        if number > _LARGEST:
            raise UsageError(f"{text!r} is not a size", f"the largest is {_LARGEST} bytes")
        size = int(number)
    if size < 1:
        raise UsageError(f"{text!r} is not a size", "a size is at least one byte")
    return size


def format_size(size: float) -> str:
    """`size` bytes for people, in powers of 1024: `512 MB`, `1.5 GB`."""
    value = float(size)
    for unit in ("B", "KB", "MB", "GB"):
        if abs(value) < 1024:
            return (
                f"{value:.0f} {unit}" if unit == "B" or value >= 100 or value == int(value) else f"{value:.1f} {unit}"
            )
        value /= 1024
    return f"{value:.1f} TB"


@dataclass(frozen=True)
class Resources:
    """Limits. `cpus` in cores, `memory` and `shm` in bytes, `gpus` a count (-1 for all), `pids` a count."""

    cpus: float = 0.0  # 0: no limit
    memory: int = 2 * 1024**3
    gpus: int = 0
    shm: int = 256 * 1024**2
    pids: int = 512
