"""`system.jsonl` in a run folder: what the run used, noted by our entry point. The run may write there too, so that
whatever is read is checked."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from math import isfinite
from pathlib import Path
from typing import Any

from lab.domain.system import Sample, Usage
from lab.errors import LabError
from lab.stores.runfolder import EventTail, number, plain_file

_TAIL = 4096  # bytes in which the last line must be
_MOST = 1 << 62


class SystemTail:
    """Follows the file as it grows."""

    def __init__(self, path: Path) -> None:
        self._tail = EventTail(path)

    def poll(self) -> list[Sample]:
        """What is new."""
        found = []
        while lines := self._tail.poll():
            found += [sample for sample in map(_sample, lines) if sample is not None]
        return found


def last(path: Path) -> Sample | None:
    """The latest look, from the end of the file; None if there is none."""
    try:
        with plain_file(path) as file:
            if file is None:
                return None
            size = os.fstat(file).st_size
            data = os.pread(file, _TAIL, max(0, size - _TAIL))
    except LabError:
        return None
    return next((found for found in map(_parsed, reversed(data.split(b"\n"))) if found is not None), None)


def usage(told: Mapping[str, Any]) -> Usage | None:
    """What `exit.json` says of it; None where that is not what our entry point writes."""
    peak, cpu = _whole(told.get("peak_memory")), number(told.get("cpu_time"))
    if peak is None or cpu is None or not 0 <= cpu < _MOST:
        return None
    rest = (_whole(told.get(name)) or 0 for name in ("read_bytes", "written_bytes", "peak_gpu_memory"))
    return Usage(peak, cpu, *rest)


def _parsed(line: bytes) -> Sample | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return _sample(value) if isinstance(value, dict) else None


def _sample(line: Mapping[str, Any]) -> Sample | None:
    measured = list(_measured(line, ("t", "cpu", "read", "write", "cpu_time")))
    memory, peak = _whole(line.get("memory")), _whole(line.get("peak"))
    if len(measured) < 5 or memory is None or peak is None:
        return None
    at, cpu, read, write, cpu_time = measured
    gpu = list(_measured(line, ("gpu",)))
    gpu_memory, gpu_limit, limit, log = (
        _whole(line.get(name)) or 0 for name in ("gpu_memory", "gpu_limit", "limit", "log")
    )
    return Sample(
        at, cpu, memory, peak, read, write, cpu_time, limit, log, gpu[0] if gpu else None, gpu_memory, gpu_limit
    )


def _measured(line: Mapping[str, Any], names: tuple[str, ...]) -> Iterator[float]:
    for name in names:
        value = number(line.get(name))
        if value is not None and isfinite(value) and 0 <= value < _MOST:
            yield value


def _whole(value: Any) -> int | None:
    size = number(value)
    return int(size) if size is not None and 0 <= size < _MOST else None
