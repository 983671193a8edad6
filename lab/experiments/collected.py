"""What was collected of a run: `collected.jsonl`, and a note of how far it came with each source."""

from __future__ import annotations

import json
import math
import os
import time
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.domain.numbers import encode_float
from lab.domain.runs import Param
from lab.domain.text import clean

if TYPE_CHECKING:  # the readers wait until there is something to read
    from lab.experiments.readers.base import ForeignRun, Series, Source

_VERSION = 2
_KEY_MAX, _KEYS_MAX, _PARAMS_MAX = 300, 10_000, 5_000
_LINE_MAX = 1 << 16  # bytes

#: Folders of event files that hold one part of a training each, with equal names of metrics.
_SPLITS = frozenset({"train", "training", "val", "valid", "validation", "eval", "evaluation", "test"})


class Collected:
    """What is known of the sources of one run, and how much of each metric was written."""

    def __init__(self, collected: Path) -> None:
        self._collected = collected
        self.written = 0
        self.sources: dict[str, dict[str, Any]] = {}
        self.params: dict[str, Param] = {}
        self._counts: dict[str, int] = {}
        self._ends: dict[str, list[Any]] = {}  # of sources read whole: how many values, and the last
        self._owners: dict[str, str] = {}

    @classmethod
    def load(cls, path: Path, collected: Path) -> Collected:
        """What was noted; what was written after that, by a process that was killed, is taken back."""
        state = cls(collected)
        try:
            data = json.loads(path.read_bytes())
            if data["v"] == _VERSION:
                state.written, state.sources, state.params = data["written"], data["sources"], data["params"]
                state._counts, state._owners, state._ends = data["counts"], data["owners"], data["ends"]
        except (OSError, ValueError, KeyError, TypeError):
            state = cls(collected)
        state._cut()
        return state

    def _cut(self) -> None:
        fd = self._open()
        try:
            if os.fstat(fd).st_size != self.written:
                if os.fstat(fd).st_size < self.written:  # somebody took it away: all is written anew
                    self.written, self.sources, self._counts, self._ends = 0, {}, {}, {}
                os.ftruncate(fd, self.written)
        finally:
            os.close(fd)

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        return os.open(self._collected, flags, 0o644)

    def save(self, path: Path) -> None:
        data = {
            "v": _VERSION,
            "written": self.written,
            "sources": self.sources,
            "params": self.params,
            "counts": self._counts,
            "owners": self._owners,
            "ends": self._ends,
        }
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{os.getpid()}")  # no flush to disk: without it all is only read again
        fresh.write_text(json.dumps(data), encoding="utf-8")
        fresh.replace(path)

    def take(self, run: ForeignRun, source: Source, *, whole: bool, ignore: frozenset[str]) -> None:
        """Write what is new of a run. With `whole` its metrics are all that there are, else those that came."""
        owner = f"{source.path}#{run.uid or run.name}"
        for name, value in run.params.items():
            if len(self.params) < _PARAMS_MAX and name:
                self.params.setdefault(clean(name, _KEY_MAX), value)
        written = _Written(self._collected, self.written)
        with os.fdopen(self._open(), "w", encoding="utf-8", errors="replace") as file:
            for key, series in run.metrics.items():
                name = self._name(key, owner, source, run)
                if name and not key.startswith("system/") and key not in ignore and name not in ignore:
                    begin = self._counts.get(name, 0)
                    skip = self._taken(name, series, written) if whole else 0
                    self._ends.pop(name, None)
                    if whole and series.values:
                        self._ends[name] = [len(series.values), _point(series, -1)]
                    self._counts[name] = begin + _write(file, _lines(name, series, begin, skip))
            file.flush()
            self.written = os.fstat(file.fileno()).st_size

    def _taken(self, name: str, series: Series, written: _Written) -> int:
        """How many of all values that a source has now were written before. Where it was begun anew, as many as were
        written in the same order."""
        count, end = self._ends.get(name, (0, ""))
        if 0 < count <= len(series.values) and _point(series, count - 1) == end:
            return int(count)
        return written.overlap(name, series) if self._counts.get(name) else 0

    def _name(self, key: str, owner: str, source: Source, run: ForeignRun) -> str:
        """The metric's name, with its run's before it where another run has it already; "" for too many."""
        name = clean(key, _KEY_MAX) or "unnamed"
        place = source.path.name
        apart = source.tool == "tensorboard" and place in _SPLITS
        tries = [f"{place}/{name}"] if apart else [name, f"{clean(run.name, 60) or place}/{name}"]
        for tried in (*tries, f"{clean(run.uid, 60) or source.label}/{name}"):
            if self._owners.get(tried, owner) == owner:
                if tried not in self._owners and len(self._owners) >= _KEYS_MAX:
                    return ""
                self._owners[tried] = owner
                return tried
        return ""


class _Written:
    """What was written before, read only if it is asked for."""

    def __init__(self, collected: Path, size: int) -> None:
        self._collected = collected
        self._size = size
        self._points: dict[str, tuple[array[float], array[float]]] | None = None

    def overlap(self, name: str, series: Series) -> int:
        """How many of the first values of `series` were written, perhaps with others between them."""
        if self._points is None:
            self._points = self._read()
        count = 0
        for step, value in zip(*self._points.get(name, ((), ())), strict=True):
            if count < len(series.values) and _same(series, count, step, value):
                count += 1
        return count

    def _read(self) -> dict[str, tuple[array[float], array[float]]]:
        found: dict[str, tuple[array[float], array[float]]] = {}
        fd = os.open(self._collected, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(fd, "rb") as file:
            while file.tell() < self._size and (line := file.readline(_LINE_MAX)):
                try:
                    told = json.loads(line)
                    ((name, text),) = told["m"].items()
                    step, value = float(told["s"]), float(text)
                except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                    continue  # the job wrote it: no line of ours
                steps, values = found.setdefault(name, (array("d"), array("d")))
                steps.append(step)
                values.append(value)
        return found


def _point(series: Series, index: int) -> str:
    return f"{float(series.steps[index])!r} {float(series.values[index])!r}"


def _same(series: Series, index: int, step: float, value: float) -> bool:
    """Whether a value is that which was written; one without a step was given any."""
    mine, known = series.steps[index], series.values[index]
    return (mine == step or not math.isfinite(mine)) and (known == value or (math.isnan(known) and math.isnan(value)))


def _write(file: Any, lines: Iterator[str]) -> int:
    count = 0
    for line in lines:
        file.write(line)
        count += 1
    return count


def _lines(name: str, series: Series, begin: int, skip: int) -> Iterator[str]:
    """Values as lines of `events.jsonl`. The first is the `begin`th of its name; a value without a step has that for
    one, and one without a time that of now."""
    key, now = json.dumps(name), time.time()
    columns = (series.steps[skip:], series.times[skip:], series.values[skip:])
    for place, (step, moment, value) in enumerate(zip(*columns, strict=True), begin):
        number = repr(float(value)) if math.isfinite(value) else f'"{encode_float(value)}"'
        at = float(step) if math.isfinite(step) else float(place)
        when = float(moment) if math.isfinite(moment) else now
        yield f'{{"t":{when!r},"s":{at!r},"m":{{{key}:{number}}}}}\n'
