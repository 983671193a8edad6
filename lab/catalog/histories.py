"""Metric histories: every value that a run logged, beside the index, never in it.

A live run has its `events.jsonl`; when it ends, that becomes one zstd Parquet, sorted by key and then by order of
logging, so that one metric of one run is one short read however large the lab has grown. Every function here takes
either file. Statistics are always over all values, and so are the curves of charts: what draws them cuts them to its
width.
"""

from __future__ import annotations

import math
import os
import tempfile
import threading
from array import array
from collections.abc import Callable, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any, TypeVar

from lab.catalog.driver import duckdb
from lab.dataclass import dataclass
from lab.domain.runs import MetricSummary
from lab.errors import IntegrityError, LabError
from lab.paths import RunFolder

_T = TypeVar("_T")
#: What makes something of a query's result.
_Taker = Callable[[duckdb.DuckDBPyConnection], _T]
#: Steps, times (seconds since the epoch) and values, by order of logging.
Columns = tuple["array[float]", "array[float]", "array[float]"]

_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "threads": 2,
    "memory_limit": "1GB",
    "temp_directory": os.path.join(tempfile.gettempdir(), "lab-spill"),
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}

#: A longer line is no line of metrics; it is left out. DuckDB takes twice this size as a buffer for every thread.
_LONGEST = 16 * 1024 * 1024

# `file` is the place of a file among all that are asked: tables come first, and there are `$before` of them.
# A line that is torn or not about metrics gives nulls. A missing step is the value's place in its series.
_LINES = """
    SELECT $before + file_index AS file, key,
        coalesce(s, row_number() OVER (PARTITION BY file_index, key ORDER BY seq) - 1) AS step,
        coalesce(t, 0) AS t, value, seq
    FROM (
        SELECT file_index, s, t, seq, unnest(map_keys(m)) AS key, unnest(map_values(m)) AS value FROM (
            SELECT file_index, s, t, m, row_number() OVER () AS seq
            FROM read_json($lines, format='newline_delimited', ignore_errors=true,
                maximum_object_size=16777216, columns={t: 'DOUBLE', s: 'DOUBLE', m: 'MAP(VARCHAR,DOUBLE)'})
        )
        WHERE m IS NOT NULL
    )
    WHERE value IS NOT NULL
"""
# The order of the rows is that of logging: to count them is quicker than to read `seq`.
_TABLES = """
    SELECT file_index AS file, key, step, t, value, file_row_number AS seq
    FROM read_parquet($tables, file_row_number=true)
"""

_WRITE = """
    COPY (SELECT key, step, t, value, seq FROM ($points) ORDER BY key, seq) TO $target
    (FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd, ROW_GROUP_SIZE 20000)
"""
# Runs that give every step log few names over and over: read as columns, they need neither a sort nor a map for each
# line, and take a third of the time.
_SHAPES = """
    SELECT DISTINCT json_keys(m) AS keys, s IS NULL AS stepless
    FROM read_json($lines, format='newline_delimited', ignore_errors=true, maximum_object_size=16777216,
        columns={t: 'DOUBLE', s: 'DOUBLE', m: 'JSON'})
    WHERE m IS NOT NULL
"""
_WIDE = """
    CREATE TEMP TABLE wide AS SELECT s AS step, coalesce(t, 0) AS t, row_number() OVER () AS seq, $fields
    FROM read_json($lines, format='newline_delimited', ignore_errors=true, maximum_object_size=16777216,
        columns=$columns)
"""
_FIELD = "struct_extract_at(m, {place}) AS m{place}"
_SERIES = """
    SELECT $names[{place}] AS key, step, t, m{place} AS value, seq FROM wide WHERE m{place} IS NOT NULL
"""
_WRITE_WIDE = """
    COPY ($series) TO $target (FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd, ROW_GROUP_SIZE 20000)
"""
#: With more names, most lines have only some of them.
_WIDE_MAX = 100

_READ = "SELECT list(step), list(t), list(value) FROM (SELECT * FROM ($points) WHERE key = $key ORDER BY seq)"
_KEYS = "SELECT DISTINCT key FROM ($points) ORDER BY key"
_SUMMARIES = """
    SELECT key, arg_max(value, seq), min(value) FILTER (isfinite(value)), max(value) FILTER (isfinite(value)),
        avg(value) FILTER (isfinite(value)), count(*), arg_max(step, seq)
    FROM ($points) GROUP BY key ORDER BY key
"""
# Of each stretch of lines what it takes to sum up and to draw every metric; a missing step is nought.
_STRETCHES = """
    SELECT key, count(*), count(*) FILTER (isfinite(value)), sum(value) FILTER (isfinite(value)),
        arg_min([seq::DOUBLE, step, t, value], value) FILTER (NOT isnan(value)),
        arg_max([seq::DOUBLE, step, t, value], value) FILTER (NOT isnan(value)),
        arg_max([seq::DOUBLE, step, t, value], seq),
        min(value) FILTER (isfinite(value)), max(value) FILTER (isfinite(value))
    FROM (
        SELECT seq, coalesce(s, 0) AS step, coalesce(t, 0) AS t, unnest(map_keys(m)) AS key,
            unnest(map_values(m)) AS value
        FROM (
            SELECT s, t, m, row_number() OVER () AS seq
            FROM read_json($lines, format='newline_delimited', ignore_errors=true, maximum_object_size=16777216,
                columns={t: 'DOUBLE', s: 'DOUBLE', m: 'MAP(VARCHAR,DOUBLE)'})
        )
        WHERE m IS NOT NULL AND seq <= $first
    )
    WHERE value IS NOT NULL GROUP BY key, seq // $width ORDER BY key, seq // $width
"""
# Tables are read in the order of their rows, and a file at a time (`preserve_insertion_order`, DuckDB's default);
# lines have been through a window, which promises none.
_OVERLAY = "SELECT file, $columns FROM ($points) WHERE key = $key"
_IN_ORDER = " ORDER BY file, seq"


def source(folder: RunFolder) -> Path:
    """The file that holds a run's history now."""
    return folder.metrics if folder.metrics.exists() else folder.events


def write(events_jsonl: Path, parquet: Path) -> int:
    """Turn a run's lines into its Parquet, which appears whole or not at all. Returns the number of values.

    Lines that are not metrics are skipped; a missing `events_jsonl` gives an empty Parquet. Raises LabError when it
    cannot be written.
    """
    fresh = parquet.with_name(f".{parquet.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        lines = events_jsonl if events_jsonl.exists() else Path(os.devnull)
        count = _write_wide(lines, fresh)
        if count is None:
            ((count,),) = _run([lines], _WRITE, {"target": str(fresh)}, _rows)
        _flush(fresh)
        fresh.rename(parquet)
        _flush(parquet.parent)
    except (OSError, duckdb.Error) as error:
        raise LabError(
            f"cannot write the metrics of run {parquet.parent.name}: {_first_line(error)}",
            "free some disk space or mend rights; its events.jsonl still holds them",
        ) from error
    finally:
        fresh.unlink(missing_ok=True)
    return int(count)


def _write_wide(lines: Path, target: Path) -> int | None:
    """What `write` does, for lines that are alike; None, and nothing written, where they are not."""
    with _cursor() as cursor:
        try:
            names = _names(cursor.execute(_SHAPES, {"lines": str(lines)}).fetchall())
            if not names:
                return None
            kind = ", ".join('"{}" DOUBLE'.format(name.replace('"', '""')) for name in names)
            places = range(1, len(names) + 1)
            wide = _WIDE.replace("$fields", ", ".join(_FIELD.format(place=place) for place in places))
            columns = {"t": "DOUBLE", "s": "DOUBLE", "m": f"STRUCT({kind})"}
            cursor.execute(wide, {"lines": str(lines), "columns": columns})
        except duckdb.InvalidInputException:  # a line that is too long; the other way leaves it out
            return None
        series = " UNION ALL ".join(_SERIES.format(place=place) for place in places)
        write = _WRITE_WIDE.replace("$series", series)
        ((count,),) = cursor.execute(write, {"names": names, "target": str(target)}).fetchall()
        return int(count)


def _names(shapes: Sequence[tuple[list[str], bool]]) -> list[str]:
    """The names in lines of these shapes, sorted; none where they cannot be columns: too many, some that differ in
    upper and lower case only, twice in a line, or a step that is not given."""
    if any(stepless or len(set(keys)) < len(keys) for keys, stepless in shapes):
        return []
    names = sorted({name for keys, _ in shapes for name in keys})
    fit = len(names) <= _WIDE_MAX and len({name.casefold() for name in names}) == len(names)
    return names if fit and all(name and "\0" not in name for name in names) else []


def read(path: Path, key: str) -> tuple[list[float], list[float], list[float]]:
    """Steps, times (seconds since the epoch) and values of one metric, by order of logging; empty for an unknown one.

    Raises IntegrityError for a file that cannot be read, as do all functions here.
    """
    if not path.exists():
        return [], [], []
    (row,) = _ask([path], _READ, key=key)
    return row[0] or [], row[1] or [], row[2] or []


@dataclass
class Thinned:
    """A metric in outline: its exact summary (as `MetricSummary`), and few of its points, lowest and highest of each
    stretch, (step, time, value)."""

    last: float
    step: float
    count: int = 0
    finite: int = 0
    total: float = 0.0
    low: float = math.inf
    high: float = -math.inf
    points: list[tuple[float, float, float]] = field(default_factory=list)


def thinned(lines: Path, first: int, stretches: int) -> dict[str, Thinned]:
    """Every metric in the `first` so many lines of an `events.jsonl`, at most two points a stretch, in one pass and in
    memory that does not depend on the number of lines."""
    found: dict[str, Thinned] = {}
    rows = _ask([lines], _STRETCHES, first=first, width=max(1, -(-first // stretches)))
    for key, count, finite, total, lowest, highest, last, low, high in rows:
        one = found.setdefault(key, Thinned(0.0, 0.0))
        one.last, one.step = last[3], last[1]
        one.count, one.finite, one.total = one.count + count, one.finite + finite, one.total + (total or 0.0)
        if low is not None:
            one.low, one.high = min(one.low, low), max(one.high, high)
        ends = [end for end in (lowest, highest) if end is not None] or [last]
        one.points += [(step, t, value) for _, step, t, value in sorted({tuple(end) for end in ends})]
    return found


def keys(path: Path) -> list[str]:
    """Names of all metrics in a history, sorted."""
    return [row[0] for row in _ask([path], _KEYS)] if path.exists() else []


def summaries(path: Path) -> dict[str, MetricSummary]:
    """Each metric's last, min, max, mean and count, over the whole history."""
    if not path.exists():
        return {}
    return {
        key: MetricSummary(last, _or_nan(low), _or_nan(high), _or_nan(mean), count, step)
        for key, last, low, high, mean, count, step in _ask([path], _SUMMARIES)
    }


def overlay(paths: Sequence[Path], key: str, times: bool = True) -> list[Columns]:
    """One metric of several runs, whole, in one query: for charts that lay them over each other. Times take a third of
    what it costs; unless they are asked for they are NaN."""
    there = sorted((path for path in dict.fromkeys(paths) if path.exists()), key=_is_lines)
    found: dict[Path, Columns] = {}
    if there:
        sql = _OVERLAY.replace("$columns", "step, t, value" if times else "step, value")
        points = _taken(_arrays, there, sql + (_IN_ORDER if _is_lines(there[-1]) else ""), {"key": key})
        ends = points["file"].searchsorted(range(len(there) + 1)).tolist()
        for path, begin, end in zip(there, ends, ends[1:], strict=False):
            step, value = (array("d", points[name][begin:end].tobytes()) for name in ("step", "value"))
            t = array("d", points["t"][begin:end].tobytes()) if times else array("d", [math.nan]) * (end - begin)
            found[path] = (step, t, value)
    return [found.get(path, (array("d"), array("d"), array("d"))) for path in paths]


def _rows(cursor: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    return cursor.fetchall()


def _arrays(cursor: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """numpy arrays by name: a row of Python objects for each of a million points would take a second."""
    return cursor.fetchnumpy()


def _ask(paths: Sequence[Path], sql: str, **parameters: object) -> list[tuple[Any, ...]]:
    """Rows of `sql` over the points of all `paths`, which are its `$points`."""
    return _taken(_rows, paths, sql, parameters)


def _taken(taken: _Taker[_T], paths: Sequence[Path], sql: str, parameters: dict[str, object]) -> _T:
    try:
        return _run(paths, sql, parameters, taken)
    except duckdb.Error as error:
        names = ", ".join(f"{path.parent.name}/{path.name}" for path in paths[:3])
        raise IntegrityError(
            f"cannot read metrics of {names}: {_first_line(error)}",
            "if the run's events.jsonl is there, delete its metrics.parquet",
        ) from error


def _run(paths: Sequence[Path], sql: str, parameters: dict[str, object], taken: _Taker[_T]) -> _T:
    try:
        return _query(paths, sql, parameters, taken)
    except duckdb.InvalidInputException as error:
        if "maximum_object_size" not in str(error):
            raise
    with tempfile.TemporaryDirectory(prefix="lab-") as folder:
        shorter = [
            _without_long_lines(path, Path(folder) / f"{place}.jsonl") if _is_lines(path) else path
            for place, path in enumerate(paths)
        ]
        return _query(shorter, sql, parameters, taken)


def _query(paths: Sequence[Path], sql: str, parameters: dict[str, object], taken: _Taker[_T]) -> _T:
    tables = [str(path) for path in paths if not _is_lines(path)]
    lines = [str(path) for path in paths if _is_lines(path)]
    parts, given = [], dict(parameters)
    if tables:
        parts.append(_TABLES)
        given["tables"] = tables
    if lines:
        parts.append(_LINES)
        given["lines"] = lines
        if "$points" in sql:
            given["before"] = len(tables)
    with _cursor() as cursor:
        return taken(cursor.execute(sql.replace("$points", " UNION ALL ".join(parts)), given))


def _is_lines(path: Path) -> bool:
    return path.suffix != ".parquet"


_guard = threading.Lock()
_connections: dict[int, duckdb.DuckDBPyConnection] = {}


def _cursor() -> duckdb.DuckDBPyConnection:
    """A connection of its own to this process's database in memory. A fork opens another database, for threads are
    not carried over, and keeps the first untouched: closing it would wait for those threads."""
    with _guard:
        pid = os.getpid()
        if pid not in _connections:
            _connections[pid] = duckdb.connect(":memory:", config=_CONFIG)
        return _connections[pid].cursor()


def _without_long_lines(path: Path, copy: Path) -> Path:
    with open(path, "rb") as lines, open(copy, "wb") as kept:
        begins = True
        while line := lines.readline(_LONGEST):
            ends = line.endswith(b"\n")
            if begins and ends:
                kept.write(line)
            begins = ends
    return copy


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0][:160]


def _flush(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
