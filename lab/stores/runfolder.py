"""Run folders: what a run was asked, what it wrote, how it ended.

The run itself may write here, so whatever is read back is hostile: never a link or a pipe, never more than its share.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field
from math import inf, isfinite, nan
from pathlib import Path
from typing import Any

from lab.dataclass import dataclass
from lab.domain.collecting import Collecting
from lab.domain.runs import MetricSummary, Param, RunSpec
from lab.domain.text import clean
from lab.errors import ConflictError, IntegrityError, LabError, NotFoundError, UsageError
from lab.paths import RunFolder
from lab.stores.durable import sync_folder, write_json

_DOCUMENT_MAX = 8 << 20  # bytes of spec.json, params.json, exit.json
_PORTION = 1 << 20  # bytes of events.jsonl read at a time; a longer line is no line of ours
_TAIL_MAX = 4 << 20  # bytes of stdout.log looked at for its last lines
_BLOCK = 64 << 10
_METRICS_MAX = 10_000  # names in a summary

_NUMBERS = {"NaN": nan, "Infinity": inf, "-Infinity": -inf}
_decode = json.JSONDecoder().raw_decode


@dataclass(frozen=True)
class ExitRecord:
    """`exit.json`: the entry point's word on how the run ended.

    `signal` is 0 unless one killed the command, `received` 0 unless one asked the run to end; `oom` tells of any
    out-of-memory kill in the run; times are seconds since the epoch, `duration` seconds by a clock that does not
    jump; `packages` maps distributions to versions; `error` is the exception that ended a run of a process of its own.
    """

    exit_code: int
    signal: int = 0
    received: int = 0
    oom: bool = False
    started: float | None = None
    ended: float | None = None
    duration: float | None = None
    python: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)
    usage: Mapping[str, Any] = field(default_factory=dict)  # as `systemlog.usage` reads it
    error: str = ""


def create(folder: RunFolder, *, durable: bool = True) -> None:
    """Make the run's folder; without `durable` the caller makes the disk keep it.

    Raises ConflictError if it exists already: a run's id is its own.
    """
    folder.root.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        folder.root.mkdir(mode=0o755)
    except FileExistsError as error:
        raise ConflictError(f"there is a run folder {folder.root.name} already", "start the run again") from error
    if durable:
        sync_folder(folder.root.parent)


def write_spec(folder: RunFolder, spec: RunSpec, *, durable: bool = True) -> None:
    """Write `params.json`, then `spec.json`, each whole; without `durable` the caller makes the disk keep them, before
    anybody else is told of the run.

    Raises UsageError if a parameter is NaN or infinite: JSON has neither.
    """
    try:
        write = write_json if durable else _write_plain
        write(folder.params, dict(spec.params))
        write(folder.spec, spec.to_json())
    except ValueError as error:
        raise UsageError("a parameter is not a finite number", "give it as text, or choose a finite value") from error


def _write_plain(path: Path, value: Mapping[str, Any]) -> None:
    path.write_bytes(json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace"))


def read_spec(folder: RunFolder) -> RunSpec:
    """Raises NotFoundError if there is no `spec.json`, IntegrityError if it is not one."""
    data, reason = document(folder.spec)
    if data is None and not reason:
        raise NotFoundError(f"run {clean(folder.root.name, 40)} has no spec.json")
    try:
        if data is None:
            raise ValueError(reason)
        return RunSpec.from_json(data)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise IntegrityError(f"{clean(str(folder.spec))} is damaged: {clean(str(error), 120)}") from error


def files(folder: RunFolder) -> tuple[Path, Path, Path]:
    """The files of metrics: what the script logged itself, what other tools wrote, what was found in its output."""
    return folder.events, folder.collected, folder.printed


def collecting_of(folder: RunFolder) -> tuple[Collecting, Mapping[str, Param]]:
    """What is to be collected of a run, and its parameters; nothing where its spec is gone."""
    try:
        spec = read_spec(folder)
    except (NotFoundError, IntegrityError):
        return Collecting(stdout=False, tools=False), {}
    return spec.collecting, spec.params


def read_params(folder: RunFolder) -> dict[str, Param]:
    """The parameters; values that are no parameters are left out. Raises IntegrityError if the file is damaged."""
    data, reason = document(folder.params)
    if reason:
        raise IntegrityError(f"{clean(str(folder.params))} is damaged: {reason}")
    return {name: value for name, value in (data or {}).items() if isinstance(value, (str, int, float, type(None)))}


def read_exit(folder: RunFolder) -> tuple[ExitRecord | None, str]:
    """What `exit.json` says, or None and why: "" when there is none yet, else what is wrong with it."""
    data, reason = document(folder.exit)
    if data is None:
        return None, reason
    code, signal = data.get("exit_code"), data.get("signal", 0)
    if type(code) is not int or not 0 <= code <= 255:
        return None, "exit_code is not a number from 0 to 255"
    if type(signal) is not int or not 0 <= signal <= 127:
        return None, "signal is not the number of a signal"
    packages, received, usage = data.get("packages"), data.get("received"), data.get("usage")
    return ExitRecord(
        exit_code=code,
        signal=signal,
        received=received if type(received) is int else 0,
        oom=data.get("oom") is True,
        started=_time(data.get("started")),
        ended=_time(data.get("ended")),
        duration=_time(data.get("duration")),
        python=str(data.get("python", ""))[:40],
        packages=_strings(packages) if isinstance(packages, dict) else {},
        usage=usage if isinstance(usage, dict) else {},
        error=clean(str(data.get("error", "")), 300),
    ), ""


def tail(path: Path, count: int) -> list[str]:
    """The last `count` lines of a growing text file, [] if there is none; as a terminal would leave them.

    Reads from the end, at most 4 MB however large the file is. Bytes that are not UTF-8 become U+FFFD, and of a line
    that was overwritten by carriage returns (progress bars) the last state is kept. Raises LabError for what is no
    regular file.
    """
    if count <= 0:
        return []
    with plain_file(path) as fd:
        if fd is None:
            return []
        end = os.fstat(fd).st_size
        start, breaks = end, 0
        blocks: list[bytes] = []
        while start > 0 and breaks <= count and end - start < _TAIL_MAX:
            size = min(_BLOCK, start)
            start -= size
            blocks.append(os.pread(fd, size, start))
            breaks += blocks[-1].count(b"\n")
    lines = b"".join(reversed(blocks)).removesuffix(b"\n").split(b"\n")
    if start > 0 and len(lines) > 1:
        del lines[0]  # begins somewhere inside
    return [_last_state(line) for line in lines[-count:]] if blocks else []


def portion(path: Path, offset: int) -> bytes:
    """Up to a megabyte of a growing file from `offset`; empty at its end, or if there is none."""
    with plain_file(path) as fd:
        return b"" if fd is None else os.pread(fd, _PORTION, offset)


def whole_lines(path: Path, least: int) -> tuple[int, int]:
    """The byte after the last whole line of a file, and how many lines that are not empty stand before it; (0, 0) for
    a file of fewer than `least` bytes."""
    offset = whole = lines = 0
    before = b"\n"
    try:
        with plain_file(path) as fd:
            if fd is None or os.fstat(fd).st_size < least:
                return 0, 0
            while data := os.pread(fd, _PORTION, offset):
                joined = before + data
                lines += data.count(b"\n") - joined.count(b"\n\n")
                end = data.rfind(b"\n") + 1
                whole = offset + end if end else whole
                offset, before = offset + len(data), data[-1:]
    except LabError:
        return 0, 0
    return whole, lines


class EventTail:
    """Follows `events.jsonl` as it grows; each `poll` returns what is new.

    Only whole lines count: a torn one waits for its rest. Lines that are no JSON objects are counted in `bad`. A file
    that shrank or was replaced is read from its start. `problem` says why a file that is there cannot be read.
    """

    def __init__(self, path: Path, offset: int = 0) -> None:
        self.offset = offset
        self.bad = 0
        self.problem = ""
        self._path = path
        self._inode = 0
        self._skipping = False

    def poll(self) -> list[dict[str, Any]]:
        """The next events in order, at most those of one megabyte; [] when there is nothing new."""
        try:
            with plain_file(self._path) as fd:
                return [] if fd is None else self._read(fd)
        except LabError as error:
            self.problem = error.message
            return []

    def _read(self, fd: int) -> list[dict[str, Any]]:
        info = os.fstat(fd)
        if info.st_size < self.offset or self._inode not in (0, info.st_ino):
            self.offset, self._skipping = 0, False
        self._inode, self.problem = info.st_ino, ""
        while portion := os.pread(fd, _PORTION, self.offset):
            end = portion.rfind(b"\n") + 1
            if end == 0 and len(portion) < _PORTION:
                break
            self.offset += end or len(portion)
            events = list(self._events(portion[:end])) if end else []
            self._skipping = end == 0
            if events:
                return events
        return []

    def _events(self, data: bytes) -> Iterator[dict[str, Any]]:
        lines = data.decode("utf-8", "replace").split("\n")
        del lines[-1]  # after the last newline
        if self._skipping:
            del lines[0]  # the end of an endless line
            self.bad += 1
        for line in lines:
            event = _parse(line)
            if event is not None:
                yield event
            elif line.strip():
                self.bad += 1


class _Summary:
    """Accumulates one metric."""

    __slots__ = ("count", "finite", "high", "last", "low", "step", "total")

    def __init__(self) -> None:
        self.count = self.finite = 0
        self.last = self.step = self.total = 0.0
        self.low, self.high = inf, -inf

    def add(self, value: float, step: float) -> None:
        self.count += 1
        self.last, self.step = value, step
        if value - value == 0.0:
            self.finite += 1
            self.total += value
            if value < self.low:
                self.low = value
            if value > self.high:
                self.high = value

    def result(self) -> MetricSummary:
        if not self.finite:
            return MetricSummary(self.last, nan, nan, nan, self.count, self.step)
        # A mean lies between the extremes, also where the sum has overflowed or lost digits.
        mean = min(max(self.total / self.finite, self.low), self.high)
        return MetricSummary(self.last, self.low, self.high, mean, self.count, self.step)


def summarise(events: Path) -> dict[str, MetricSummary]:
    """Every metric of a run from its `events.jsonl`, in constant memory; {} if there is no such file.

    `last` and `step` are by order of lines; minimum, maximum and mean are over finite values; `count` is of all.
    """
    found: dict[str, _Summary] = {}
    follower = EventTail(events)
    while batch := follower.poll():
        for event in batch:
            metrics = event.get("m")
            if isinstance(metrics, dict):
                _add(found, metrics, number(event.get("s")) or 0.0)
    return {name: summary.result() for name, summary in found.items()}


def _add(found: dict[str, _Summary], metrics: Mapping[str, Any], step: float) -> None:
    for name, raw in metrics.items():
        value = raw if type(raw) is float else number(raw)
        if value is None:
            continue
        summary = found.get(name)
        if summary is None:
            if len(found) >= _METRICS_MAX:
                continue
            summary = found[name] = _Summary()
        summary.add(value, step)


def number(value: Any) -> float | None:
    """A metric's value as it stands in an event (`0.3`, `2`, `"NaN"`), None for anything that is no number."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            return inf if value > 0 else -inf
    return _NUMBERS.get(value) if isinstance(value, str) else None


def _parse(line: str) -> dict[str, Any] | None:
    try:
        event, end = _decode(line)
        if end != len(line) and line[end:].strip():
            return None
    except (ValueError, RecursionError):
        stripped = line.strip()
        return _parse(stripped) if stripped != line else None
    return event if isinstance(event, dict) else None


def _last_state(line: bytes) -> str:
    return line.rstrip(b"\r").rpartition(b"\r")[2].decode("utf-8", "replace")


def _time(value: Any) -> float | None:
    seconds = number(value)
    return seconds if seconds is not None and isfinite(seconds) and seconds >= 0 else None


def _strings(values: Mapping[str, Any]) -> dict[str, str]:
    return {str(name)[:200]: str(value)[:200] for name, value in values.items()}


@contextmanager
def plain_file(path: Path) -> Iterator[int | None]:
    """A descriptor for reading the regular file `path`, None if there is none; LabError for a link, pipe, folder."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        yield None
        return
    except OSError as error:
        raise LabError(f"cannot read {clean(str(path))}: {error.strerror}") from error
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise LabError(f"cannot read {clean(str(path))}: not a regular file")
        yield fd
    finally:
        os.close(fd)


def document(path: Path) -> tuple[dict[str, Any] | None, str]:
    """The JSON object in a file of a run's folder, or None and what is wrong ("" if there is no file)."""
    try:
        with plain_file(path) as fd:
            if fd is None:
                return None, ""
            size = os.fstat(fd).st_size
            if size > _DOCUMENT_MAX:
                return None, f"it has {size} bytes"
            value = json.loads(os.pread(fd, _DOCUMENT_MAX, 0))
    except LabError as error:
        return None, error.message
    except (ValueError, RecursionError) as error:
        return None, f"it is not JSON: {clean(str(error), 80)}"
    return (value, "") if isinstance(value, dict) else (None, "it is not a JSON object")
