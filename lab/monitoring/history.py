"""Health as it was: three rings of fixed size per deployment, each coarser and longer than the one before.

A ring is a file of records, one for each interval of time, at the place that follows from the interval; so writing is
one small `pwrite`, what is old is written over, and several processes that look at once mend each other's means. A
disk's worth of it is lost with the file and nothing else is.
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from lab.dataclass import dataclass
from lab.domain.deployments import Health, HealthPoint

#: Seconds of one record, and how many there are: an hour, a day, thirty days.
RINGS = ((1, 3600), (10, 8640), (60, 43_200))

#: Start of the interval (seconds since the epoch), number of looks, then what HealthPoint tells.
_RECORD = struct.Struct("<qi9d")
_MEANS = ("rate", "p50", "p95", "errors_4xx", "errors_5xx", "in_flight", "cpu")
_WORST = ("p99", "rss")


@dataclass(frozen=True)
class HealthLog:
    """`folder_of` a deployment's id gives the folder that its rings are in."""

    folder_of: Callable[[str], Path]

    def add(self, look: Health) -> None:
        """Take one look in. What cannot be written is not kept: health is looked at all the same."""
        folder = self.folder_of(look.deployment)
        with suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for seconds, count in RINGS:
                _put(folder / f"{seconds}s", seconds, count, look)

    def points(self, deployment: str, since: float, now: float) -> list[HealthPoint]:
        """What is known from `since` on (seconds since the epoch), oldest first, from the finest ring that reaches so
        far back."""
        seconds, count = next((ring for ring in RINGS if now - since <= ring[0] * ring[1]), RINGS[-1])
        try:
            data = (self.folder_of(deployment) / f"{seconds}s").read_bytes()
        except FileNotFoundError:
            return []
        whole = len(data) - len(data) % _RECORD.size
        found = [_point(record) for record in _RECORD.iter_unpack(data[:whole]) if record[1] > 0]
        oldest = max(since, now - seconds * count)
        return sorted((point for point in found if oldest <= point.at <= now), key=lambda point: point.at)


def _put(path: Path, seconds: int, count: int, look: Health) -> None:
    start = int(look.at) // seconds * seconds
    place = start // seconds % count * _RECORD.size
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        data = os.pread(fd, _RECORD.size, place)
        before = _RECORD.unpack(data) if len(data) == _RECORD.size else (0, 0)
        looks = before[1] if before[0] == start else 0
        old = dict(zip((*_MEANS, *_WORST), before[2:], strict=False)) if looks else {}
        means = [_mean(old.get(name), looks, _value(look, name)) for name in _MEANS]
        worst = [_worse(old.get(name), _value(look, name)) for name in _WORST]
        os.pwrite(fd, _RECORD.pack(start, looks + 1, *means, *worst), place)
    finally:
        os.close(fd)


def _value(look: Health, name: str) -> float:
    """NaN for what is not known."""
    value = getattr(look, name)
    return math.nan if value is None else float(value)


def _mean(old: float | None, looks: int, fresh: float) -> float:
    if old is None or math.isnan(old):
        return fresh
    return old if math.isnan(fresh) else old + (fresh - old) / (looks + 1)


def _worse(old: float | None, fresh: float) -> float:
    if old is None or math.isnan(old):
        return fresh
    return old if math.isnan(fresh) else max(old, fresh)


def _point(record: tuple[float, ...]) -> HealthPoint:
    start, looks, *values = record
    known = {name: None if math.isnan(value) else value for name, value in zip((*_MEANS, *_WORST), values, strict=True)}
    return HealthPoint(at=float(start), looks=int(looks), **known)
