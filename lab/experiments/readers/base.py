"""What a reader of another tool's records is, and what it gives.

Everything that is read is hostile: sizes are bounded, links are never followed, nothing is unpickled. A reader raises
`Unreadable` and nothing else for what it cannot make sense of.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from lab.dataclass import dataclass
from lab.domain.imports import Unread
from lab.domain.runs import Param, RunStatus

Column = Sequence[float] | npt.NDArray[np.float64]

#: More names of metrics, or more values in all, is no run that Lab takes in.
METRICS_MAX = 10_000
POINTS_MAX = 20_000_000


class Unreadable(Exception):
    """A source, or a part of it, is not what its tool writes; the text says why."""


@dataclass(frozen=True)
class Folder:
    """One folder on the walk: its own regular files and folders by name, links left out. `label` is its path from
    the root of the walk, or the root's name. `alone` tells that the root is a single file of it, the only one named."""

    path: Path
    label: str
    files: frozenset[str]
    folders: frozenset[str]
    top: bool = False
    alone: bool = False


@dataclass(frozen=True)
class Source:
    """One place with one or more runs of one tool. `files` are all that are read: when none has changed, nothing has.
    `label` names the run when the tool does not."""

    tool: str
    path: Path
    files: tuple[Path, ...]
    label: str


@dataclass(frozen=True)
class Found:
    """Sources in one folder. With `whole`, everything below it belongs to them and is nobody else's."""

    sources: tuple[Source, ...] = ()
    whole: bool = False


@dataclass(frozen=True)
class Series:
    """One metric in the order of logging: steps, times in seconds since the epoch, values. A step or time that the tool
    did not write is NaN. Equal lengths."""

    steps: Sequence[float]
    times: Sequence[float]
    values: Sequence[float]


@dataclass(frozen=True)
class ForeignRun:
    """One run as another tool recorded it.

    `uid` tells it from all others of its tool; it is "" where only the source's place does. `status` is what the tool
    says, None where it says nothing; `running` may be long out of date. `artifacts` are paths to files; `log` is what
    the run printed; `problems` is what could not be read of it.
    """

    name: str
    uid: str = ""
    group: str = ""
    status: RunStatus | None = None
    exit_code: int | None = None
    params: Mapping[str, Param] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    metrics: Mapping[str, Series] = field(default_factory=dict)
    artifacts: tuple[Path, ...] = ()
    notes: str = ""
    log: Path | None = None
    started: float | None = None
    ended: float | None = None
    problems: tuple[Unread, ...] = ()


class Reader(Protocol):
    """Reads the records of one tool. Stateless."""

    @property
    def tool(self) -> str: ...

    def find(self, folder: Folder) -> Found:
        """The sources in one folder of a walk that goes from the top down. Raises Unreadable."""
        ...

    def read(self, source: Source) -> Iterator[ForeignRun]:
        """All runs of a source, as they are now. Raises Unreadable."""
        ...


@runtime_checkable
class Follows(Protocol):
    """Readers of what only grows: they go on where they were."""

    def follow(self, source: Source, at: dict[str, Any], *, last: bool) -> Iterator[tuple[ForeignRun, bool]]:
        """What came since `at`, which is moved on: JSON that the reader alone understands, empty at first. True beside
        a run whose metrics are all that there are, since its file was begun anew. With `last` nothing more will come.
        Raises Unreadable."""
        ...


def _column(values: Column) -> array[float]:
    if isinstance(values, np.ndarray):
        return array("d", values.tobytes())
    return array("d", values)


class Metrics:
    """Collects histories as they are read. Raises Unreadable where there are more than any run has."""

    def __init__(self) -> None:
        self._series: dict[str, tuple[array[float], array[float], array[float]]] = {}
        self._room = POINTS_MAX

    def add(self, key: str, value: float, step: float = math.nan, time: float = math.nan) -> None:
        steps, times, values = self._series.get(key) or self._begin(key)
        self._room -= 1
        if self._room < 0:
            raise Unreadable(f"more than {POINTS_MAX:,} values")
        steps.append(step)
        times.append(time)
        values.append(value)

    def extend(self, key: str, values: Column, steps: Column, times: Column) -> None:
        """Add many values. Raises TypeError, and adds nothing, where one of them is no number."""
        mine = self._series.get(key) or self._begin(key)
        self._room -= len(values)
        if self._room < 0:
            raise Unreadable(f"more than {POINTS_MAX:,} values")
        columns = [_column(column) for column in (steps, times, values)]  # all or none, where one holds no numbers
        for have, more in zip(mine, columns, strict=True):
            have.extend(more)

    def _begin(self, key: str) -> tuple[array[float], array[float], array[float]]:
        if len(self._series) >= METRICS_MAX:
            raise Unreadable(f"more than {METRICS_MAX:,} metrics")
        return self._series.setdefault(key, (array("d"), array("d"), array("d")))

    def __contains__(self, key: str) -> bool:
        return key in self._series

    def series(self) -> dict[str, Series]:
        return {key: Series(*columns) for key, columns in self._series.items()}

    def span(self) -> tuple[float | None, float | None]:
        """The first and the last time of any value; None where no value has one."""
        known = [time for _, times, _ in self._series.values() for time in times if not math.isnan(time)]
        return (min(known), max(known)) if known else (None, None)
