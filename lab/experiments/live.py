"""Metrics of runs that are still going, read once as they are written."""

from __future__ import annotations

import math
import threading
from array import array
from dataclasses import replace
from pathlib import Path

from lab.catalog import histories
from lab.domain.collecting import Collecting, counted
from lab.domain.numbers import decode_float
from lab.domain.runs import History, MetricSummary, Run, RunStatus
from lab.errors import IntegrityError
from lab.paths import LabHome
from lab.stores.runfolder import EventTail, collecting_of, files, whole_lines

#: A file that was larger than so many bytes when first looked at is taken in by the database up to there.
_LEAP = 8 << 20
#: A series is thinned to half when it holds this many points, so its memory is constant.
CAP = 1 << 15


class Series:
    """One metric as it grows: exact summary, and a history thinned so that no peak is lost.

    Of four neighbours the lowest, the highest, and their order are kept. Ended runs are read from Parquet, whole.
    """

    def __init__(self) -> None:
        self.steps, self.times, self.values = array("d"), array("d"), array("d")
        self._count = self._finite = 0
        self._last = self._step = self._sum = 0.0
        self._low, self._high = math.inf, -math.inf

    @classmethod
    def of(cls, outline: histories.Thinned) -> Series:
        """What the database made of the values so far."""
        series = cls()
        for step, time, value in outline.points:
            series.steps.append(step)
            series.times.append(time)
            series.values.append(value)
        series._count, series._finite, series._sum = outline.count, outline.finite, outline.total
        series._last, series._step = outline.last, outline.step
        series._low, series._high = outline.low, outline.high
        return series

    def add(self, step: float, time: float, value: float) -> None:
        self.steps.append(step)
        self.times.append(time)
        self.values.append(value)
        self._count += 1
        self._last, self._step = value, step
        if value - value == 0.0:  # neither NaN nor infinite
            self._finite += 1
            self._sum += value
            if value < self._low:
                self._low = value
            if value > self._high:
                self._high = value
        if len(self.values) >= CAP:
            self._thin()

    @property
    def summary(self) -> MetricSummary | None:
        """None before the first value."""
        if not self._finite:
            nothing = MetricSummary(self._last, math.nan, math.nan, math.nan, self._count, self._step)
            return nothing if self._count else None
        mean = self._sum / self._finite
        return MetricSummary(self._last, self._low, self._high, mean, self._count, self._step)

    def _thin(self) -> None:
        keep: list[int] = []
        for start in range(0, len(self.values), 4):
            group = range(start, min(start + 4, len(self.values)))
            known = [index for index in group if not math.isnan(self.values[index])] or [start]
            keep += sorted({min(known, key=self.values.__getitem__), max(known, key=self.values.__getitem__)})
        self.steps = array("d", (self.steps[index] for index in keep))
        self.times = array("d", (self.times[index] for index in keep))
        self.values = array("d", (self.values[index] for index in keep))


class _Part:
    """One file of metrics as it grows."""

    def __init__(self, path: Path) -> None:
        self.tail = EventTail(path)
        self.series: dict[str, Series] = {}
        self._path = path
        self._begun = False

    def poll(self) -> None:
        if not self._begun:
            self._begun = True
            self._leap()
        while lines := self.tail.poll():  # a megabyte at a time
            for line in lines:
                values = line.get("m")
                if isinstance(values, dict):
                    self._take(line, values)

    def _leap(self) -> None:
        """Ten million values line by line would take a minute."""
        offset, lines = whole_lines(self._path, _LEAP)
        if not lines:
            return
        try:
            found = histories.thinned(self._path, lines, CAP // 4)
        except IntegrityError:  # a line that the database cannot take: one by one then
            return
        self.series = {name: Series.of(outline) for name, outline in found.items()}
        self.tail = EventTail(self._path, offset)

    def _take(self, line: dict[str, object], values: dict[str, object]) -> None:
        try:
            step, at = decode_float(line.get("s", 0)), decode_float(line.get("t", 0))
            numbers = {key: value if value.__class__ is float else decode_float(value) for key, value in values.items()}
        except (TypeError, ValueError):
            self.tail.bad += 1
            return
        for key, value in numbers.items():
            series = self.series.get(key)
            if series is None:
                series = self.series[key] = Series()
            series.add(step, at, value)


class _Follow:
    def __init__(self, home: LabHome, run_id: str) -> None:
        self._folder = home.run(run_id)
        self._parts = [_Part(path) for path in files(self._folder)]
        self._collecting: Collecting | None = None
        self.lock = threading.Lock()

    def poll(self) -> None:
        with self.lock:
            for part in self._parts:
                part.poll()

    @property
    def series(self) -> dict[str, Series]:
        """What counts, by name."""
        if not any(part.series for part in self._parts[1:]):
            return self._parts[0].series
        if self._collecting is None:
            self._collecting, _ = collecting_of(self._folder)
        kept = counted([part.series for part in self._parts], self._collecting)
        return {
            name: part.series[name] for part, names in zip(self._parts, kept, strict=True) for name in part.series
            if name in names
        }  # fmt: skip


def _since(series: Series) -> tuple[float, float, float, float]:
    """The first value and its time, the last one and since when it has been that."""
    last = len(series.values) - 1
    begin = last
    while begin > 0 and series.values[begin - 1] == series.values[last]:
        begin -= 1
    return series.values[0], series.times[0], series.values[last], series.times[begin]


class LiveMetrics:
    """Tails of all running runs that anybody has asked about. Safe to use from any thread."""

    def __init__(self, home: LabHome) -> None:
        self._home = home
        self._follows: dict[str, _Follow] = {}
        self._lock = threading.Lock()

    def fill(self, run: Run) -> Run:
        """`run` with its metrics as of now, if it is running."""
        if not run.status.active or run.status is RunStatus.QUEUED:
            self.forget(run.id)
            return run
        follow = self._follow(run.id)
        with follow.lock:
            metrics = {key: series.summary for key, series in follow.series.items() if series.summary is not None}
        return replace(run, metrics=metrics)

    def names(self, run_id: str) -> list[str]:
        return list(self._follow(run_id).series)

    def history(self, run_id: str, metric: str) -> History:
        """The values so far; empty if there is no such metric (yet)."""
        follow = self._follow(run_id)
        with follow.lock:
            series = follow.series.get(metric)
            if series is None:
                return History((), (), ())
            return History(series.steps[:], series.times[:], series.values[:])

    def pace(self, run_id: str, by: str = "") -> tuple[float, float, float, float] | None:
        """First step and its time, last step and its time, of the metric that was logged most; None where none was
        logged twice. With `by`, of the values of that metric, the last one since it is what it is."""
        follow = self._follow(run_id)
        with follow.lock:
            if by:
                return _since(follow.series[by]) if by in follow.series else None
            logged = [series for series in follow.series.values() if len(series.times) > 1]
            if not logged:
                return None
            most = max(logged, key=lambda series: series.summary.count if series.summary else 0)
            return most.steps[0], most.times[0], most.steps[-1], most.times[-1]

    def forget(self, run_id: str) -> None:
        with self._lock:
            self._follows.pop(run_id, None)

    def _follow(self, run_id: str) -> _Follow:
        with self._lock:
            follow = self._follows.get(run_id)
            if follow is None:
                follow = self._follows[run_id] = _Follow(self._home, run_id)
        follow.poll()
        return follow
