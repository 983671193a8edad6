"""TensorBoard's event files, as TensorFlow, PyTorch and tensorboardX write them.

A file is a row of TFRecords with an `Event` message each.
Scalars are in `simple_value` or, since TensorFlow 2, in a tensor without dimensions; hyperparameters are in the data
of the hparams plugin (tensorboard/plugins/hparams/plugin_data.proto).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import field
from pathlib import Path
from typing import Any

import numpy as np

from lab.dataclass import dataclass
from lab.domain.imports import Unread
from lab.domain.runs import Param, RunStatus
from lab.experiments.readers import protobuf
from lab.experiments.readers.base import Folder, ForeignRun, Found, Metrics, Source, Unreadable
from lab.experiments.readers.files import opened
from lab.experiments.readers.tfrecords import Records, records
from lab.experiments.readers.tfscalars import Point, laid_out

#: Of tensorflow/core/framework/types.proto: number of a type to its format in `tensor_content`.
_DTYPES = {
    1: "<f",
    2: "<d",
    3: "<i",
    4: "<B",
    5: "<h",
    6: "<b",
    9: "<q",
    10: "<?",
    17: "<H",
    19: "<e",
    22: "<I",
    23: "<Q",
}
_STATUS = {1: RunStatus.FINISHED, 2: RunStatus.FAILED, 3: RunStatus.RUNNING}


class TensorBoard:
    """Every folder with event files is one run, as in TensorBoard itself."""

    tool = "tensorboard"

    def find(self, folder: Folder) -> Found:
        names = [name for name in folder.files if "tfevents" in name]
        if not names:
            return Found()
        if folder.alone:  # its siblings continue it, or it continues them
            names = [path.name for path in folder.path.iterdir() if "tfevents" in path.name]
        files = tuple(folder.path / name for name in sorted(names))
        return Found((Source(self.tool, folder.path, files, folder.label),))

    def read(self, source: Source) -> Iterator[ForeignRun]:
        yield read_events(source.files, source.label)

    def follow(self, source: Source, at: dict[str, Any], *, last: bool) -> Iterator[tuple[ForeignRun, bool]]:
        yield read_events(source.files, source.label, at), False


@dataclass
class _State:
    metrics: Metrics = field(default_factory=Metrics)
    params: dict[str, Param] = field(default_factory=dict)
    status: RunStatus | None = None
    others: set[str] = field(default_factory=set)  # tags of other plug-ins, whose tensors are no scalars


def read_events(files: tuple[Path, ...], name: str, at: dict[str, Any] | None = None) -> ForeignRun:
    """The run in `files`, which continue each other, or what came to it since `at`, which is moved on. What is damaged
    is left out and told of."""
    at = {} if at is None else at
    state, problems = _State(others=set(at.get("others", ()))), []
    read = at.setdefault("read", {})
    for path in files:
        place = [int(read.get(path.name, 0))]
        try:
            with opened(path) as file:
                for found in records(file, place):
                    problems += [Unread(str(path), reason) for reason in (*found.damaged, *_take(found, state))]
        except Unreadable as error:
            problems.append(Unread(str(path), str(error)))
        read[path.name] = place[0]
    at["others"] = sorted(state.others)
    started, ended = state.metrics.span()
    return ForeignRun(
        name=name,
        status=state.status,
        params=state.params,
        metrics=state.metrics.series(),
        started=started,
        ended=ended,
        problems=tuple(problems),
    )


def _take(found: Records, state: _State) -> list[str]:
    """Take all events; sentences about those that are none, each once."""
    scalars = laid_out(found)
    others: list[Point] = []
    problems = []
    for index in np.setdiff1d(np.arange(len(found.starts)), scalars.records, assume_unique=True).tolist():
        try:
            event = found.data[found.starts[index] : found.ends[index]]
            others.extend((index, *point) for point in _event(event, state))
        except ValueError as error:
            problems.append(f"not an event: {error}")
    scalars.into(state.metrics, others)
    return list(dict.fromkeys(problems))


def _event(data: bytes, state: _State) -> Iterator[tuple[str, float, float, float]]:
    """Tag, value, step and time of every scalar in one event. Raises ValueError."""
    time, step, summaries = math.nan, 0, []
    for number, value in protobuf.fields(data):
        if number == 1:
            time = protobuf.double(value)
        elif number == 2:
            step = protobuf.integer(value)
        elif number == 5:
            summaries.append(protobuf.submessage(value))
    for summary in summaries:
        for number, value in protobuf.fields(summary):
            if number == 1:
                tag, scalar = _value(protobuf.submessage(value), state)
                if scalar is not None:
                    yield tag, scalar, step, time


def _value(data: bytes, state: _State) -> tuple[str, float | None]:
    """One `Summary.Value`: 1 tag, 2 simple_value, 8 tensor, 9 metadata; others are images, sounds, histograms."""
    tag, simple, tensor, plugin, content = "", None, b"", "", b""
    for number, value in protobuf.fields(data):
        if number == 1:
            tag = protobuf.string(value)
        elif number == 2:
            simple = protobuf.single(value)
        elif number == 8:
            tensor = protobuf.submessage(value)
        elif number == 9:
            plugin, content = _plugin(protobuf.submessage(value))
    if plugin == "hparams" or tag.startswith("_hparams_/"):
        _hparams(content, state)
        return tag, None
    if plugin not in ("", "scalars"):
        state.others.add(tag)
    if simple is None and tensor and tag not in state.others:
        simple = _scalar(tensor)
    return tag, None if tag in state.others else simple


def _plugin(metadata: bytes) -> tuple[str, bytes]:
    name, content = "", b""
    for number, value in protobuf.fields(metadata):
        if number == 1:
            for inner, item in protobuf.fields(protobuf.submessage(value)):
                if inner == 1:
                    name = protobuf.string(item)
                elif inner == 2:
                    content = protobuf.submessage(item)
    return name, content


def _scalar(tensor: bytes) -> float | None:
    """The number in a `TensorProto` without dimensions: 1 dtype, 2 shape, 4 content, else one field per type."""
    dtype, content, listed = 0, b"", None
    for number, value in protobuf.fields(tensor):
        if number == 1:
            dtype = protobuf.integer(value)
        elif number == 2 and any(inner == 2 for inner, _ in protobuf.fields(protobuf.submessage(value))):
            return None
        elif number == 4:
            content = protobuf.submessage(value)
        elif number in (5, 6, 7, 10, 11, 13):
            listed = _first(number, value)
    if content and dtype in _DTYPES and len(content) == struct.calcsize(_DTYPES[dtype]):
        return float(struct.unpack(_DTYPES[dtype], content)[0])
    if listed is None or dtype not in _DTYPES:
        return None
    return _half(int(listed)) if dtype == 19 else listed


def _first(number: int, value: int | bytes) -> float | None:
    """The first number of a repeated field, packed or not: 5 floats, 6 doubles, others whole."""
    if isinstance(value, int):
        return float(protobuf.integer(value))
    if number == 5:
        return protobuf.single(value[:4])
    if number == 6:
        return protobuf.double(value[:8])
    return float(protobuf.integer(protobuf.varint(value, 0)[0])) if value else None


def _half(bits: int) -> float:
    return float(struct.unpack("<e", (bits & 0xFFFF).to_bytes(2, "little"))[0])


def _hparams(content: bytes, state: _State) -> None:
    """`HParamsPluginData`: 3 session_start_info{1 hparams}, 4 session_end_info{1 status}."""
    for number, value in protobuf.fields(content):
        if number not in (3, 4):
            continue
        for inner, item in protobuf.fields(protobuf.submessage(value)):
            if inner == 1 and number == 3:
                key, param = _entry(protobuf.submessage(item))
                state.params[key] = param
            elif inner == 1:
                state.status = _STATUS.get(protobuf.integer(item))


def _entry(data: bytes) -> tuple[str, Param]:
    """An entry of a map to `google.protobuf.Value`: 2 number, 3 string, 4 bool."""
    key, param = "", None
    for number, value in protobuf.fields(data):
        if number == 1:
            key = protobuf.string(value)
        elif number == 2:
            for inner, item in protobuf.fields(protobuf.submessage(value)):
                if inner == 2:
                    param = _plain(protobuf.double(item))
                elif inner == 3:
                    param = protobuf.string(item)
                elif inner == 4:
                    param = bool(protobuf.integer(item))
    return key, param


def _plain(value: float) -> Param:
    """The format knows only doubles; a whole one was an int to all but a pedant."""
    return int(value) if value.is_integer() and abs(value) < 1 << 53 else value
