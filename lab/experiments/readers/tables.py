"""Tables of metrics, one row a step: what CSV and TSV files of several tools have in common."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab.dataclass import dataclass
from lab.domain.imports import Unread
from lab.experiments.readers.base import METRICS_MAX, Metrics, Unreadable
from lab.experiments.readers.files import TABLE_MAX, load, opened

STEPS = ("step", "global_step", "_step", "steps", "iteration", "iterations", "iter", "epoch")
TIMES = ("timestamp", "_timestamp", "wall_time", "time", "created_at")
_HEAD = 64 << 10
_EARLIEST, _LATEST = 1e8, 1e11  # seconds since the epoch: a smaller "time" is a duration, a larger one milliseconds


@dataclass(frozen=True)
class Table:
    """A file of rows with a header. `bad` rows have more cells than it."""

    header: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    bad: int


def header(path: Path) -> tuple[str, ...]:
    """Names of the columns by the first line; none for what is no table. Raises nothing."""
    try:
        with opened(path) as file:
            head = file.read(_HEAD)
    except Unreadable:
        return ()
    line, found, _ = head.partition(b"\n")
    if not found or b"\0" in line:
        return ()
    try:
        return _names(next(csv.reader([line.decode("utf-8-sig", "replace")], delimiter=_delimiter(path, line))))
    except (csv.Error, StopIteration):
        return ()


def read(path: Path) -> Table:
    """All finished rows of a table; a last line without its end is left for later. Raises Unreadable."""
    data = load(path, TABLE_MAX)
    return _table(path, data[: data.rfind(b"\n") + 1])


def grown(path: Path, at: dict[str, Any]) -> tuple[Table, bool]:
    """The finished rows that came since `at`, which is moved on, and whether the table was begun anew: it has another
    header, or is shorter. Raises Unreadable."""
    with opened(path) as file:
        first = file.readline(_HEAD)
        size = os.fstat(file.fileno()).st_size
        begin = int(at.get("read", 0))
        anew = at.get("header") != first.hex() or size < begin
        begin = len(first) if anew else begin
        if not first.endswith(b"\n") or size - begin > TABLE_MAX:
            raise Unreadable("no header yet" if size < _HEAD else f"larger than {TABLE_MAX >> 20} MB")
        file.seek(begin)
        data = file.read(size - begin)
    data = data[: data.rfind(b"\n") + 1]
    table = _table(path, first + data)
    at.update(header=first.hex(), read=begin + len(data))
    return table, anew


def _table(path: Path, data: bytes) -> Table:
    first = data.partition(b"\n")[0]
    if not first.strip():
        raise Unreadable("empty")
    if b"\0" in data:
        raise Unreadable("not a table of text")
    lines = io.StringIO(data.decode("utf-8-sig", "replace"), newline="")
    try:
        rows = list(csv.reader(lines, delimiter=_delimiter(path, first)))
    except csv.Error as error:
        raise Unreadable(f"not a table: {error}") from error
    names = _names(rows[0])
    if len(names) > METRICS_MAX:
        raise Unreadable(f"more than {METRICS_MAX:,} columns")
    good = [row for row in rows[1:] if len(row) <= len(names)]
    return Table(names, good, len(rows) - 1 - len(good))


def take(table: Table, metrics: Metrics, step: str = "", leave: Sequence[str] = ()) -> None:
    """Add every number in the table by the name of its column; `step` names the column of steps (by default the first
    that is known as one). Columns of steps and times are no metrics, and neither are those in `leave`."""
    names = table.header
    step = step or next((name for name in STEPS if name in names), "")
    time = next((name for name in TIMES if name in names and _is_clock(table, names.index(name))), "")
    at_step = names.index(step) if step in names else -1
    at_time = names.index(time) if time else -1
    wanted = [
        (at, name) for at, name in enumerate(names) if name and name not in leave and at not in (at_step, at_time)
    ]
    for row in table.rows:
        at = _number(row[at_step]) if -1 < at_step < len(row) else math.nan
        seconds = _number(row[at_time]) if -1 < at_time < len(row) else math.nan
        for place, name in wanted:
            if place < len(row) and row[place]:
                value = parsed(row[place])
                if value is not None:
                    metrics.add(name, value, at, seconds / 1000 if seconds >= _LATEST else seconds)


def problems(path: Path, table: Table) -> tuple[Unread, ...]:
    return (Unread(str(path), f"{table.bad} rows have more cells than the header"),) if table.bad else ()


def parsed(cell: str) -> float | None:
    """The number in a cell; None for anything else."""
    try:
        return float(cell)
    except ValueError:
        return {"True": 1.0, "true": 1.0, "False": 0.0, "false": 0.0}.get(cell.strip())


def _number(cell: str) -> float:
    value = parsed(cell)
    return math.nan if value is None else value


def _is_clock(table: Table, at: int) -> bool:
    """Whether a column holds times of day rather than durations."""
    first = next((parsed(row[at]) for row in table.rows if at < len(row) and row[at]), None)
    return first is not None and first >= _EARLIEST


def _delimiter(path: Path, first: bytes) -> str:
    if path.suffix == ".tsv":
        return "\t"
    return max(",;\t", key=lambda char: first.count(char.encode()))


def _names(cells: Sequence[str]) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in cells)
