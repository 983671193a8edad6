"""Events that are laid out as nearly all are (time, step, one scalar with a short tag), many at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lab.dataclass import dataclass
from lab.experiments.readers.base import Metrics
from lab.experiments.readers.crc32c import Places
from lab.experiments.readers.tfrecords import Records

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Point = tuple[int, str, float, float, float]  # record, tag, value, step, time

_SHORT = 0x80  # a length below it is one byte
_VARINT = 10  # bytes of a number at most


@dataclass(frozen=True)
class Scalars:
    """Tags, values, steps and times, and the index of the record that each is from, in rising order."""

    records: Places
    tags: list[str]
    values: Floats
    steps: Floats
    times: Floats

    def into(self, metrics: Metrics, others: list[Point]) -> None:
        """Add all to `metrics`, and `others` between them, in the order of their records. Raises Unreadable."""
        tags, records = self.tags, self.records
        columns: Sequence[Floats] = (self.values, self.steps, self.times)
        if others:
            places, more, *rest = zip(*others, strict=True)
            tags, records = [*tags, *more], np.concatenate([records, places])
            columns = [np.concatenate(pair) for pair in zip(columns, rest, strict=True)]
        if not tags:
            return
        names: dict[str, int] = {}
        codes = np.array([names.setdefault(tag, len(names)) for tag in tags])
        order = np.lexsort((records, codes))
        ends = np.cumsum(np.bincount(codes))[:-1]
        for tag, *parts in zip(names, *(np.split(column[order], ends) for column in columns), strict=True):
            metrics.extend(tag, *parts)


def laid_out(found: Records) -> Scalars:
    """The scalars of the events in which 0x09 time, 0x10 step and 0x2a summary follow each other and are all there is,
    with one 0x0a value in the summary, and 0x0a tag and 0x15 `simple_value` in that."""
    data = np.frombuffer(found.data, dtype=np.uint8)
    steps, behind = _numbers(data, found.starts + 10)
    last = len(data) - 1

    def byte(places: Places) -> Bytes:
        return data[np.minimum(places, last)]  # what lies outside of its message is no match below

    sizes = byte(behind + 5)
    values = behind + 6 + sizes
    fits = (
        (byte(found.starts) == 0x09) & (byte(found.starts + 9) == 0x10)
        & (byte(behind) == 0x2A) & (byte(behind + 1) == found.ends - behind - 2)
        & (byte(behind + 2) == 0x0A) & (byte(behind + 3) == found.ends - behind - 4)
        & (byte(behind + 4) == 0x0A) & (sizes < _SHORT)
        & (byte(values) == 0x15) & (values + 5 == found.ends)
    )  # fmt: skip
    chosen = np.flatnonzero(fits)
    starts, begins, ends = found.starts[chosen], behind[chosen] + 6, values[chosen]
    tags = [found.data[begin:end] for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)]
    texts = {tag: tag.decode("utf-8", "replace") for tag in set(tags)}
    return Scalars(
        chosen,
        [texts[tag] for tag in tags],
        _fixed(data, ends + 1, "<f4"),
        steps[chosen].astype(np.float64),
        _fixed(data, starts + 1, "<f8"),
    )


def _numbers(data: Bytes, places: Places) -> tuple[Places, Places]:
    """The varint at each place, and the place behind it. One that does not end is any number."""
    value = np.zeros(len(places), dtype=np.uint64)
    behind = places.copy()
    going = np.ones(len(places), dtype=bool)
    for index in range(_VARINT):
        byte = data[np.minimum(places + index, len(data) - 1)]
        value |= np.where(going, byte & 0x7F, 0).astype(np.uint64) << np.uint64(7 * index)
        behind += going
        going &= byte >= 0x80
        if not going.any():
            break
    return value.view(np.int64), behind


def _fixed(data: Bytes, places: Places, kind: str) -> Floats:
    width = np.dtype(kind).itemsize
    around: Bytes = data[places[:, np.newaxis] + np.arange(width)]
    return around.view(kind).ravel().astype(np.float64)
