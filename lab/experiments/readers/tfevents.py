"""TensorBoard's event files, as TensorFlow, PyTorch and tensorboardX write them.

A file is a row of TFRecords (length, its CRC, an `Event` message, its CRC; tensorflow/core/lib/io/record_writer.h).
Scalars are in `simple_value` or, since TensorFlow 2, in a tensor without dimensions; hyperparameters are in the data
of the hparams plugin (tensorboard/plugins/hparams/plugin_data.proto).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from lab.domain.imports import Unread
from lab.domain.runs import Param, RunStatus
from lab.experiments.readers import protobuf
from lab.experiments.readers.base import Folder, ForeignRun, Found, Metrics, Source, Unreadable
from lab.experiments.readers.crc32c import masked_crcs
from lab.experiments.readers.files import opened

_CHECKED = 64 << 10  # bytes: larger records hold images, graphs or histograms, never scalars
_BATCH = 8192  # records whose CRCs are computed together
_BATCH_BYTES = 16 << 20

_HEADER = struct.Struct("<QI")
_TIME = struct.Struct("<d")
_VALUE = struct.Struct("<f")
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
    """The run in `files`, which continue each other, or what came to it since `at`, which is moved on. A damaged record
    is left out and told of."""
    at = {} if at is None else at
    state, problems = _State(others=set(at.get("others", ()))), []
    read = at.setdefault("read", {})
    for path in files:
        place = [int(read.get(path.name, 0))]
        try:
            with opened(path) as file:
                file.seek(place[0])
                for event in _records(file, place):
                    if isinstance(event, str):
                        problems.append(Unread(str(path), event))
                    elif not _quick(event, state.metrics):
                        _event(event, state)
        except Unreadable as error:
            problems.append(Unread(str(path), str(error)))
        except ValueError as error:
            problems.append(Unread(str(path), f"not an event: {error}"))
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


def _records(file: BinaryIO, place: list[int]) -> Iterator[bytes | str]:
    """The data of every record whose CRCs are right, or a sentence about what is wrong. An unfinished record at the
    end is no fault: its writer is still at it, or was killed. The file stands at `place[0]`, which is moved on behind
    what was read."""
    at = place[0]
    while True:
        headers, places, messages, sums = _portion(file)
        if not headers:
            return
        good = masked_crcs([header[:8] for header in headers]).tolist()
        right = [good[index] == _HEADER.unpack(header)[1] for index, header in enumerate(headers)]
        whole = right.index(False) if False in right else len(right)
        found = masked_crcs(messages).tolist()
        # Of a portion that is broken off nothing is to be read once more.
        place[0] = at + _offset(headers, whole)
        for index, (one, message) in enumerate(zip(places, messages, strict=True)):
            if one >= whole:
                break
            if found[index] == sums[index]:
                yield message
            else:
                yield f"record at byte {at + _offset(headers, one)} is damaged: its checksum is wrong"
        if whole < len(headers):
            yield f"damaged at byte {at + _offset(headers, whole)}: what follows was not read"
            return
        at += _offset(headers, len(headers))


def _offset(headers: list[bytes], count: int) -> int:
    return sum(16 + _HEADER.unpack(header)[0] for header in headers[:count])


def _portion(file: BinaryIO) -> tuple[list[bytes], list[int], list[bytes], list[int]]:
    """The next records: all headers; of those that may hold scalars the place among them, the data and its CRC."""
    headers: list[bytes] = []
    places: list[int] = []
    messages: list[bytes] = []
    sums: list[int] = []
    size = 0
    while len(headers) < _BATCH and size < _BATCH_BYTES:
        header = file.read(12)
        if len(header) < 12:
            break
        length = int.from_bytes(header[:8], "little")
        if length > _CHECKED:
            if not _skip(file, length + 4):
                if masked_crcs([header[:8]])[0] != int.from_bytes(header[8:], "little"):
                    headers.append(header)  # not a record at all: to be told of
                break
            headers.append(header)
            continue
        data = file.read(length + 4)
        if len(data) < length + 4:
            if masked_crcs([header[:8]])[0] != int.from_bytes(header[8:], "little"):
                headers.append(header)
            break
        places.append(len(headers))
        headers.append(header)
        messages.append(data[:length])
        sums.append(int.from_bytes(data[length:], "little"))
        size += length
    return headers, places, messages, sums


def _skip(file: BinaryIO, count: int) -> bool:
    """Go on by `count` bytes; False if there are not so many."""
    here = file.tell()
    end = file.seek(0, 2)
    file.seek(min(here + count, end))
    return here + count <= end


def _quick(data: bytes, metrics: Metrics) -> bool:
    """Take an event that is laid out as nearly all are: time, step, and one scalar. False for any other."""
    try:
        if data[0] != 0x09 or data[9] != 0x10:
            return False
        step = data[10]
        at = 11
        if step >= 0x80:
            step, at = protobuf.varint(data, 10)
        # Summary, value, tag, each shorter than 128 bytes; then simple_value, which is the end.
        size = data[at + 5]
        ends = at + 6 + size
        if (
            data[at] != 0x2A or data[at + 2] != 0x0A or data[at + 4] != 0x0A or size >= 0x80
            or data[ends] != 0x15 or ends + 5 != len(data) or data[at + 1] != len(data) - at - 2
        ):  # fmt: skip
            return False
    except (IndexError, ValueError):
        return False
    key = data[at + 6 : ends].decode("utf-8", "replace")
    if key.startswith("_hparams_/"):
        return False
    value = _VALUE.unpack_from(data, ends + 1)[0]
    metrics.add(key, value, step if step < 1 << 63 else step - (1 << 64), _TIME.unpack_from(data, 1)[0])
    return True


def _event(data: bytes, state: _State) -> None:
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
                _value(protobuf.submessage(value), step, time, state)


def _value(data: bytes, step: int, time: float, state: _State) -> None:
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
        return
    if plugin not in ("", "scalars"):
        state.others.add(tag)
    if simple is None and tensor and tag not in state.others:
        simple = _scalar(tensor)
    if simple is not None and tag not in state.others:
        state.metrics.add(tag, simple, step, time)


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
