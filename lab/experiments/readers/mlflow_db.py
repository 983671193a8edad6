"""MLflow's SQLite store. Which columns are there is asked, not told from a version: its schema has changed often."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import numpy.typing as npt

from lab.experiments.readers.base import Folder, ForeignRun, Found, Metrics, Source, Unreadable
from lab.experiments.readers.files import tree
from lab.experiments.readers.mlflow_files import STATUS, tags_of
from lab.experiments.readers.sqlite import columns, named, parts, snapshot, tables
from lab.experiments.readers.values import milliseconds, number, word

_NAMES = (".db", ".sqlite", ".sqlite3")
_RUN_COLUMNS = frozenset({"run_uuid", "status", "start_time", "end_time", "lifecycle_stage", "experiment_id"})
_METRIC_COLUMNS = frozenset({"key", "value", "timestamp", "step", "is_nan", "run_uuid"})
#: What the store writes for an infinity (mlflow/store/tracking/sqlalchemy_store.py, `sanitize_metric_value`).
_INFINITY = 1.7976931348623157e308

_PORTION = 8192  # rows that are taken from the database at a time

_RUNS = """
    SELECT r.*, e.name AS experiment FROM runs AS r LEFT JOIN experiments AS e USING (experiment_id)
    WHERE r.lifecycle_stage IS NOT 'deleted' ORDER BY r.start_time, r.run_uuid
"""
_POINTS = """
    SELECT CAST(key AS TEXT), CASE WHEN is_nan THEN NULL ELSE value END, step, timestamp FROM metrics
    WHERE run_uuid = ? ORDER BY rowid
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
            if not columns(con, "runs") >= _RUN_COLUMNS or not columns(con, "metrics") >= _METRIC_COLUMNS:
                raise Unreadable("its tables are not those of an MLflow that Lab knows")
            for row in named(con, _RUNS):
                yield _run(con, row, source.path.parent)


def _run(con: sqlite3.Connection, row: dict[str, Any], folder: Path) -> ForeignRun:
    uid = str(row["run_uuid"])
    tags = {str(key): str(value or "") for key, value in con.execute(_TAGS, [uid])}
    return ForeignRun(
        name=str(row.get("name") or tags.get("mlflow.runName") or ""),
        uid=uid,
        group=str(row["experiment"] or ""),
        status=STATUS.get(str(row["status"])),
        params={str(key): word(str(value)) for key, value in con.execute(_PARAMS, [uid])},
        tags=tags_of(tags),
        metrics=_metrics(con, uid).series(),
        artifacts=_artifacts(row, folder),
        notes=tags.get("mlflow.note.content", ""),
        started=milliseconds(row["start_time"]),
        ended=milliseconds(row["end_time"]),
    )


def _metrics(con: sqlite3.Connection, uid: str) -> Metrics:
    """In the order of logging. Whatever is no number is NaN: SQLite keeps anything in any column."""
    metrics = Metrics()
    cursor = con.execute(_POINTS, [uid])
    while rows := cursor.fetchmany(_PORTION):
        keys, *columns = zip(*rows, strict=True)
        values, steps, times = map(_floats, columns)
        np.copyto(values, np.copysign(math.inf, values), where=np.abs(values) == _INFINITY)
        names: dict[str, int] = {}
        codes = np.array([names.setdefault(key, len(names)) for key in keys])
        order = np.argsort(codes, kind="stable")
        ends = np.cumsum(np.bincount(codes))[:-1]
        parts = (np.split(column[order], ends) for column in (values, steps, times / 1000))
        for key, *part in zip(names, *parts, strict=True):
            metrics.extend(str(key), *part)
    return metrics


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
