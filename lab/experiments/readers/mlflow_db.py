"""MLflow's SQLite store. Which columns are there is asked, not told from a version: its schema has changed often."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import numpy.typing as npt

from lab.experiments.readers.base import Folder, ForeignRun, Found, Metrics, Source, Unreadable
from lab.experiments.readers.files import tree
from lab.experiments.readers.mlflow_files import STATUS, tags_of
from lab.experiments.readers.sqlite import columns, goes_on, last_row, named, parts, snapshot, tables
from lab.experiments.readers.values import milliseconds, number, word

_NAMES = (".db", ".sqlite", ".sqlite3")
_RUN_COLUMNS = frozenset({"run_uuid", "status", "start_time", "end_time", "lifecycle_stage", "experiment_id"})
_METRIC_COLUMNS = frozenset({"key", "value", "timestamp", "step", "is_nan", "run_uuid"})
#: What the store writes for an infinity (mlflow/store/tracking/sqlalchemy_store.py, `sanitize_metric_value`).
_INFINITY = 1.7976931348623157e308

_PORTION = 65_536  # rows that are taken from the database at a time

_RUNS = """
    SELECT r.*, e.name AS experiment FROM runs AS r LEFT JOIN experiments AS e USING (experiment_id)
    WHERE r.lifecycle_stage IS NOT 'deleted' ORDER BY r.start_time, r.run_uuid
"""
_POINTS = """
    SELECT key, CASE WHEN is_nan THEN NULL ELSE value END, step, timestamp FROM metrics {indexed}
    WHERE run_uuid = ? AND rowid > ? ORDER BY rowid
"""
_PARAMS = "SELECT key, value FROM params WHERE run_uuid = ?"
_TAGS = "SELECT key, value FROM tags WHERE run_uuid = ?"


class MlflowDatabase:
    tool = "mlflow"

    def find(self, folder: Folder) -> Found:
        paths = [folder.path / name for name in sorted(folder.files) if name.endswith(_NAMES)]
        mine = [path for path in paths if tables(path) >= {"runs", "metrics", "params", "experiments"}]
        return Found(tuple(Source(self.tool, path, parts(path), folder.label) for path in mine))

    def read(self, source: Source) -> Iterator[ForeignRun]:
        with snapshot(source.path) as con:
            yield from _runs(con, source.path.parent, 0)

    def follow(self, source: Source, at: dict[str, Any], *, last: bool) -> Iterator[tuple[ForeignRun, bool]]:
        with snapshot(source.path) as con:
            seen = at.get("last", [0, ""])
            anew = not goes_on(con, "metrics", seen)
            for run in _runs(con, source.path.parent, 0 if anew else seen[0]):
                yield run, anew
            at["last"] = last_row(con, "metrics")


def _runs(con: sqlite3.Connection, folder: Path, behind: int) -> Iterator[ForeignRun]:
    """All runs, each with what it logged in rows of a number above `behind`."""
    if not columns(con, "runs") >= _RUN_COLUMNS or not columns(con, "metrics") >= _METRIC_COLUMNS:
        raise Unreadable("its tables are not those of an MLflow that Lab knows")
    rows = named(con, _RUNS)
    # The way through the index is longer where nearly all rows are wanted.
    points = _POINTS.replace("{indexed}", "NOT INDEXED" if len(rows) == 1 else "")
    for row in rows:
        logged = con.execute(points, [row["run_uuid"], behind])
        yield _run(con, row, _metrics(logged), folder)


def _run(con: sqlite3.Connection, row: dict[str, Any], metrics: Metrics, folder: Path) -> ForeignRun:
    uid = str(row["run_uuid"])
    tags = {str(key): str(value or "") for key, value in con.execute(_TAGS, [uid])}
    return ForeignRun(
        name=str(row.get("name") or tags.get("mlflow.runName") or ""),
        uid=uid,
        group=str(row["experiment"] or ""),
        status=STATUS.get(str(row["status"])),
        params={str(key): word(str(value)) for key, value in con.execute(_PARAMS, [uid])},
        tags=tags_of(tags),
        metrics=metrics.series(),
        artifacts=_artifacts(row, folder),
        notes=tags.get("mlflow.note.content", ""),
        started=milliseconds(row["start_time"]),
        ended=milliseconds(row["end_time"]),
    )


def _metrics(rows: Iterable[tuple[Any, ...]]) -> Metrics:
    """In the order of logging. Whatever is no number is NaN: SQLite keeps anything in any column."""
    metrics = Metrics()
    rows = iter(rows)
    while portion := _by_key(islice(rows, _PORTION)):
        for key, series in portion.items():
            values, steps, times = map(_floats, series)
            np.copyto(values, np.copysign(math.inf, values), where=np.abs(values) == _INFINITY)
            metrics.extend(str(key), values, steps, times / 1000)
    return metrics


def _by_key(rows: Iterable[tuple[Any, ...]]) -> dict[Any, tuple[list[Any], list[Any], list[Any]]]:
    """Columns of values, steps and times by key. Plain lists are what takes a row out of SQLite fastest."""
    found: dict[Any, tuple[list[Any], list[Any], list[Any]]] = {}
    for key, value, step, time in rows:
        try:
            values, steps, times = found[key]
        except KeyError:
            values, steps, times = found[key] = ([], [], [])
        values.append(value)
        steps.append(step)
        times.append(time)
    return found


def _floats(column: Sequence[object]) -> npt.NDArray[np.float64]:
    """A column as numbers; NaN for NULL and for what is none."""
    try:
        return np.array(column, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        return np.array([_number(item) for item in column], dtype=np.float64)


def _number(value: object) -> float:
    known = number(value)
    return math.nan if known is None else known


def _artifacts(row: dict[str, Any], folder: Path) -> tuple[Path, ...]:
    """The run's files, where the database says or where they are by default; only beside the database: a path in it
    may name any file of this machine."""
    place = Path(str(row["experiment_id"]), str(row["run_uuid"]), "artifacts")
    told = Path(unquote(urlsplit(str(row.get("artifact_uri") or "")).path))
    tries = [told, folder / "mlruns" / place, folder.parent / "mlruns" / place, folder / "mlartifacts" / place]
    home = folder.resolve()
    for path in tries:
        real = path.resolve()
        if (home in real.parents or home.parent / "mlruns" in real.parents) and real.is_dir():
            return tree(real, 10_000)
    return ()
