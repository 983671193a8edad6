"""Who has a file open for writing, where the system tells (Linux, own processes)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_PROC = "/proc"


def writers(path: Path | str) -> str:
    """` by process 12, 34`, or nothing where nobody is found."""
    try:
        wanted = os.stat(path)
        names = os.listdir(_PROC)
    except OSError:
        return ""
    found = [pid for pid in names if pid.isdigit() and any(_writes(pid, wanted))]
    return f" by process {', '.join(found)}" if found else ""


def _writes(pid: str, wanted: os.stat_result) -> Iterator[bool]:
    # Processes end and descriptors close while we look, and those of others are not ours to see.
    with suppress(OSError):
        for fd in os.listdir(f"{_PROC}/{pid}/fd"):
            with suppress(OSError):
                if os.path.samestat(os.stat(f"{_PROC}/{pid}/fd/{fd}"), wanted):
                    yield _open_for_writing(f"{_PROC}/{pid}/fdinfo/{fd}")


def _open_for_writing(info: str) -> bool:
    with open(info, encoding="ascii") as file:
        flags = next((line.split()[1] for line in file if line.startswith("flags:")), "0")
    return bool(int(flags, 8) & os.O_ACCMODE)
