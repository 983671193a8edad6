"""W&B's runs on disk: `wandb/(offline-)run-<time>-<id>/run-<id>.wandb`, with `files/` beside it.

The file is a LevelDB log (blocks of 32 KiB, records cut into parts, each with a CRC-32) behind a header of its own;
each record is a `Record` message of wandb/proto/wandb_internal.proto.
"""

from __future__ import annotations

import json
import math
import struct
import zlib
from collections.abc import Iterator
from dataclasses import field
from typing import Any, BinaryIO

from lab.dataclass import dataclass
from lab.domain.imports import Unread
from lab.domain.runs import Param, RunStatus
from lab.experiments.readers import protobuf
from lab.experiments.readers.base import Folder, ForeignRun, Found, Metrics, Source, Unreadable
from lab.experiments.readers.files import opened, tree
from lab.experiments.readers.values import flat, leaf, number

_BLOCK = 32 << 10
_HEADER = struct.Struct("<IHB")
_FILE_HEADER = b":W&B\xe1\xbe"
_RECORD_MAX = 64 << 20  # bytes; media are files beside the log
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_CRC_OF_TYPE = {kind: zlib.crc32(bytes([kind])) for kind in (_FULL, _FIRST, _MIDDLE, _LAST)}

_HISTORY, _SUMMARY, _CONFIG, _STATS, _RUN, _EXIT = 2, 3, 5, 7, 17, 18
_DEPTH_MAX = 10


class Wandb:
    tool = "wandb"

    def find(self, folder: Folder) -> Found:
        names = sorted(name for name in folder.files if name.endswith(".wandb"))
        if not names:
            return Found()
        log = folder.path / "files" / "output.log"
        return Found(
            tuple(Source(self.tool, folder.path / name, (folder.path / name, log), folder.label) for name in names),
            whole=not folder.top or folder.path.name.startswith(("run-", "offline-run-")),
        )

    def read(self, source: Source) -> Iterator[ForeignRun]:
        state = _State()
        problems = _read(source, state, [0])
        yield _finish(state, source, problems)

    def follow(self, source: Source, at: dict[str, Any], *, last: bool) -> Iterator[tuple[ForeignRun, bool]]:
        state = _State(**at.get("state", {}))
        place = [int(at.get("read", 0))]
        problems = _read(source, state, place)
        logged = sorted({*at.get("logged", ()), *state.metrics.series()})
        results = {} if last else dict(state.summary)  # what was never logged is known at the end
        state.summary = {key: value for key, value in state.summary.items() if last and key not in logged}
        found = _finish(state, source, problems)
        kept = {name: getattr(state, name) for name in ("config", "tags", "id", "name", "project", "group", "started")}
        at.update(read=place[0], logged=logged, state={**kept, "summary": results, "exit_code": state.exit_code})
        yield found, False


@dataclass
class _State:
    metrics: Metrics = field(default_factory=Metrics)
    config: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, float] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    id: str = ""
    name: str = ""
    project: str = ""
    group: str = ""
    notes: str = ""
    commit: str = ""
    started: float | None = None
    exit_code: int | None = None


def _read(source: Source, state: _State, place: list[int]) -> list[Unread]:
    problems: list[Unread] = []
    with opened(source.path) as file:
        for record in _records(file, place):
            if isinstance(record, str):
                problems.append(Unread(str(source.path), record))
                continue
            try:
                _take(record, state)
            except (ValueError, RecursionError) as error:
                problems.append(Unread(str(source.path), f"not a record of W&B: {error}"))
    return problems


def _finish(state: _State, source: Source, problems: list[Unread]) -> ForeignRun:
    for key, value in state.summary.items():  # what was set as a result, never logged
        if key not in state.metrics:
            state.metrics.add(key, value)
    files = source.path.parent / "files"
    params: dict[str, Param] = flat({key: value for key, value in state.config.items() if key != "_wandb"})
    if state.group:
        params.setdefault("wandb_group", state.group)
    code = state.exit_code
    first, last = state.metrics.span()
    return ForeignRun(
        name=state.name or state.id or source.path.stem,
        # A resumed run has a folder for each time that it was started.
        uid=f"{state.id}/{source.path.parent.name}" if state.id else "",
        group=state.project,
        status=RunStatus.RUNNING if code is None else RunStatus.FAILED if code else RunStatus.FINISHED,
        exit_code=code,
        params=params,
        tags=tuple(state.tags),
        metrics=state.metrics.series(),
        artifacts=tree(files, 10_000),
        notes=state.notes,
        log=files / "output.log",
        started=state.started if state.started is not None else first,
        ended=None if code is None else last,
        problems=tuple(problems),
    )


def _records(file: BinaryIO, read: list[int]) -> Iterator[bytes | str]:
    """Whole records, or a sentence about a damaged place, behind which the next block is tried. What is unfinished at
    the end is no fault: its writer is still at it, or was killed. Begins at `read[0]`, which is moved on behind each
    record."""
    place = read[0] - read[0] % _BLOCK
    file.seek(place)
    block = file.read(_BLOCK)
    if not read[0]:
        if len(block) < 7:
            raise Unreadable("empty: it never came to be written" if not block else "cut off in its header")
        if not block.startswith(_FILE_HEADER):
            raise Unreadable("not a log of W&B")
        read[0] = 7
    at, size = read[0] - place, 0
    parts: list[bytes] = []
    while block:
        while at + _HEADER.size <= len(block):
            crc, length, kind = _HEADER.unpack_from(block, at)
            data = block[at + _HEADER.size : at + _HEADER.size + length]
            if crc == length == kind == 0:
                break  # the rest of the block is padding
            if len(data) < length and len(block) < _BLOCK:
                return
            if kind not in _CRC_OF_TYPE or len(data) < length or zlib.crc32(data, _CRC_OF_TYPE[kind]) != crc:
                yield f"damaged at byte {place + at}: the rest of its block was not read"
                parts, size = [], 0
                break
            at += _HEADER.size + length
            if kind in (_FULL, _FIRST):
                parts, size = [], 0
            elif not parts:
                continue  # the rest of a record whose beginning is damaged
            parts.append(data)
            size += length
            if size > _RECORD_MAX:
                raise Unreadable(f"a record larger than {_RECORD_MAX >> 20} MB")
            if kind in (_FULL, _LAST):
                read[0] = place + at
                yield b"".join(parts) if len(parts) > 1 else parts[0]
                parts, size = [], 0
        place += len(block)
        block = file.read(_BLOCK)
        at = 0


def _take(record: bytes, state: _State) -> None:
    for kind, value in protobuf.fields(record):
        if kind == _HISTORY:
            _history(protobuf.submessage(value), state.metrics)
        elif kind == _SUMMARY:
            _summary(protobuf.submessage(value), state)
        elif kind == _STATS:
            _stats(protobuf.submessage(value), state.metrics)
        elif kind == _CONFIG:
            _config(protobuf.submessage(value), state.config)
        elif kind == _RUN:
            _run(protobuf.submessage(value), state)
        elif kind == _EXIT:
            told = protobuf.fields(protobuf.submessage(value))
            state.exit_code = next((protobuf.integer(item) for inner, item in told if inner == 1), 0)


def _history(data: bytes, metrics: Metrics) -> None:
    """One call of `log`: 1 items, 2 step{1 num}."""
    step, time = math.nan, math.nan
    values: list[tuple[str, float]] = []
    for kind, value in protobuf.fields(data):
        if kind == 1:
            path, item = _item(protobuf.submessage(value))
            key = ".".join(path)
            if key == "_timestamp":
                time = _or_nan(item)
            elif key == "_step":
                step = _or_nan(item)
            elif not key.startswith("_"):
                values += _numbers(key, item, 0)
        elif kind == 2 and math.isnan(step):
            nums = [protobuf.integer(num) for inner, num in protobuf.fields(protobuf.submessage(value)) if inner == 1]
            step = float(nums[-1]) if nums else 0.0
    for key, known in values:
        metrics.add(key, known, step, time)


def _item(data: bytes) -> tuple[list[str], Any]:
    """Name and value of an item: 1 key, 2 nested_key, 5 integer, 6 number, 16 JSON."""
    key, nested, found = "", [], None
    for kind, value in protobuf.fields(data):
        if kind == 16:
            found = json.loads(protobuf.submessage(value))
        elif kind == 2:
            nested.append(protobuf.string(value))
        elif kind == 1:
            key = protobuf.string(value)
        elif kind == 6:
            found = protobuf.double(value)
        elif kind == 5:
            found = protobuf.integer(value)
    return nested or [key], found


def _numbers(key: str, value: Any, depth: int) -> list[tuple[str, float]]:
    """The numbers in a logged value; pictures, tables and histograms, which are objects with a `_type`, have none."""
    known = number(value)
    if known is not None:
        return [(key, known)]
    if not isinstance(value, dict) or "_type" in value or depth >= _DEPTH_MAX:
        return []
    return [found for name, item in value.items() for found in _numbers(f"{key}.{name}", item, depth + 1)]


def _or_nan(value: object) -> float:
    known = number(value)
    return math.nan if known is None else known


def _summary(data: bytes, state: _State) -> None:
    for kind, value in protobuf.fields(data):
        path, item = _item(protobuf.submessage(value)) if kind == 1 else ([""], None)
        if not path[0].startswith("_"):
            state.summary.update(_numbers(".".join(path), item, 0))


def _stats(data: bytes, metrics: Metrics) -> None:
    """Use of the machine: 2 timestamp, 3 items."""
    time, values = math.nan, []
    for kind, value in protobuf.fields(data):
        if kind == 2:
            time = _timestamp(protobuf.submessage(value))
        elif kind == 3:
            path, item = _item(protobuf.submessage(value))
            values += _numbers("system/" + ".".join(path), item, 0)
    for key, known in values:
        metrics.add(key, known, math.nan, time)


def _config(data: bytes, config: dict[str, Any]) -> None:
    """1 updates, 2 removals."""
    for kind, value in protobuf.fields(data):
        if kind not in (1, 2):
            continue
        path, item = _item(protobuf.submessage(value))
        key = ".".join(path)
        if kind == 1:
            config[key] = item if isinstance(item, dict) else leaf(item)
        else:
            config.pop(key, None)


def _run(data: bytes, state: _State) -> None:
    """1 id, 3 project, 4 config, 6 group, 8 name, 9 notes, 10 tags, 17 start; a later one says more."""
    tags: list[str] = []
    for kind, value in protobuf.fields(data):
        if kind == 1:
            state.id = protobuf.string(value)
        elif kind == 3:
            state.project = protobuf.string(value)
        elif kind == 4:
            _config(protobuf.submessage(value), state.config)
        elif kind == 6:
            state.group = protobuf.string(value)
        elif kind == 8:
            state.name = protobuf.string(value)
        elif kind == 9:
            state.notes = protobuf.string(value)
        elif kind == 10:
            tags.append(protobuf.string(value))
        elif kind == 17:
            state.started = _timestamp(protobuf.submessage(value))
    if tags:
        state.tags = tags


def _timestamp(data: bytes) -> float:
    parts = {kind: protobuf.integer(value) for kind, value in protobuf.fields(data)}
    return parts.get(1, 0) + parts.get(2, 0) / 1e9
