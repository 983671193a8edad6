"""Trackio's projects: one SQLite database each, with a JSON object per call of `log`."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterator
from typing import Any

from lab.domain.imports import Unread
from lab.domain.runs import Param
from lab.experiments.readers.base import Folder, ForeignRun, Found, Metrics, Source, Unreadable
from lab.experiments.readers.sqlite import columns, goes_on, last_row, parts, snapshot, tables
from lab.experiments.readers.values import flat, number, when

_TABLES = ("metrics", "system_metrics")
_RUNS = "SELECT {key}, run_name FROM metrics GROUP BY {key} ORDER BY min(rowid)"
_POINTS = "SELECT metrics, step, timestamp FROM metrics WHERE {key} = ? AND rowid > ? ORDER BY rowid"
_SYSTEM = "SELECT metrics, NULL, timestamp FROM system_metrics WHERE {key} = ? AND rowid > ? ORDER BY rowid"


class Trackio:
    tool = "trackio"

    def find(self, folder: Folder) -> Found:
        paths = [folder.path / name for name in sorted(folder.files) if name.endswith(".db")]
        mine = [path for path in paths if tables(path) >= {"metrics", "configs", "system_metrics"}]
        return Found(tuple(Source(self.tool, path, parts(path), folder.label) for path in mine))

    def read(self, source: Source) -> Iterator[ForeignRun]:
        with snapshot(source.path) as con:
            yield from _runs(con, source, 0, 0)

    def follow(self, source: Source, at: dict[str, Any], *, last: bool) -> Iterator[tuple[ForeignRun, bool]]:
        with snapshot(source.path) as con:
            seen = [at.get(table, [0, ""]) for table in _TABLES]
            anew = not all(goes_on(con, table, known) for table, known in zip(_TABLES, seen, strict=True))
            for run in _runs(con, source, *(0 if anew else known[0] for known in seen)):
                yield run, anew
            at.update({table: last_row(con, table) for table in _TABLES})


def _runs(con: sqlite3.Connection, source: Source, behind: int, system: int) -> Iterator[ForeignRun]:
    """All runs, each with what it logged in rows of numbers above these, of its metrics and of its machine's."""
    names = columns(con, "metrics")
    if not names >= {"id", "run_name", "step", "timestamp", "metrics"}:
        raise Unreadable("its tables are not those of a Trackio that Lab knows")
    key = "run_id" if "run_id" in names else "run_name"  # earlier versions knew runs by name alone
    for uid, name in con.execute(_RUNS.replace("{key}", key)).fetchall():
        yield _run(con, key, str(uid), str(name), source, (behind, system))


def _run(con: sqlite3.Connection, key: str, uid: str, name: str, source: Source, behind: tuple[int, int]) -> ForeignRun:
    metrics, problems = Metrics(), []
    bad = _take(con.execute(_POINTS.replace("{key}", key), [uid, behind[0]]), "", metrics)
    if key in columns(con, "system_metrics"):
        bad += _take(con.execute(_SYSTEM.replace("{key}", key), [uid, behind[1]]), "system/", metrics)
    if bad:
        problems.append(Unread(str(source.path), f"{bad} rows of run {name} are not JSON objects"))
    config = _config(con, key, uid)
    started, ended = metrics.span()
    return ForeignRun(
        name=name,
        uid=f"{source.path.stem}/{uid}" if key == "run_id" else "",
        group=source.path.stem,
        params=config,
        metrics=metrics.series(),
        started=started,
        ended=ended,
        problems=tuple(problems),
    )


def _config(con: sqlite3.Connection, key: str, uid: str) -> dict[str, Param]:
    if key not in columns(con, "configs"):
        return {}
    row = con.execute("SELECT config FROM configs WHERE {key} = ?".replace("{key}", key), [uid]).fetchone()
    known = _object(row[0]) if row else None
    return {name: value for name, value in flat(known or {}).items() if not name.startswith("_")}


def _take(rows: sqlite3.Cursor, prefix: str, metrics: Metrics) -> int:
    """Add all rows; the number of those that are no objects."""
    bad = 0
    for data, step, stamp in rows:
        values = _object(data)
        if values is None:
            bad += 1
            continue
        at, time = number(step), when(stamp)
        for name, value in values.items():
            known = number(value)
            if known is not None:
                metrics.add(prefix + name, known, math.nan if at is None else at, math.nan if time is None else time)
    return bad


def _object(data: object) -> dict[str, Any] | None:
    if not isinstance(data, str | bytes):
        return None
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
