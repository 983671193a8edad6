"""Reading what other tools recorded, and taking it in."""

from __future__ import annotations

import sqlite3
import statistics
import struct
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from lab.domain.imports import ImportRequest
from lab.experiments.readers.base import Source
from lab.experiments.readers.crc32c import masked_crcs
from lab.experiments.readers.find import sources
from lab.experiments.readers.mlflow_db import MlflowDatabase
from lab.experiments.readers.sqlite import parts
from lab.workspace import Workspace

Figure = tuple[str, float, str, float]

_SCALARS, _POINTS, _RUNS = 4_000, 50_000, 200


def figures() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        _events(root / "events")
        _mlflow_files(root / "mlruns", 1, _POINTS)
        _mlflow_database(root / "database")
        _mlflow_files(root / "many", _RUNS, 10)
        first, again = _imports(root)
        return [
            ("read 4,000 scalars of TensorBoard", _read(root / "events", _SCALARS), "ms", 25),
            ("read 50,000 points of MLflow's files", _read(root / "mlruns", _POINTS), "ms", 60),
            ("read 50,000 points of MLflow's database", _read(root / "database", _POINTS), "ms", 60),
            ("read what came to it since: 10 points", _followed(root / "database"), "ms", 0),
            (f"import {_RUNS} runs of MLflow", first, "s", 0),
            ("import them again", again, "s", 0),
        ]


def _read(root: Path, points: int) -> float:
    """Milliseconds to find and read all that is below `root`."""

    def work() -> None:
        found = [run for reader, source in sources(root, []) for run in reader.read(source)]
        assert sum(len(series.values) for run in found for series in run.metrics.values()) == points

    return _median(work, 9) * 1000


def _followed(folder: Path) -> float:
    """Milliseconds to look again at a database, each time after a few points have come."""
    reader, at = MlflowDatabase(), dict[str, Any]()
    path = folder / "mlflow.db"
    source = Source(reader.tool, path, parts(path), "x")
    list(reader.follow(source, at, last=False))
    taken = []
    with closing(sqlite3.connect(path)) as con:
        for look in range(9):
            rows = [("m0", 0.5, look, "a", _POINTS + look * 10 + index, 0) for index in range(10)]
            con.executemany("INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?)", rows)
            con.commit()
            began = time.perf_counter()
            ((run, _),) = reader.follow(source, at, last=False)
            taken.append(time.perf_counter() - began)
            assert len(run.metrics["m0"].values) == 10
    return statistics.median(taken) * 1000


def _imports(root: Path) -> tuple[float, float]:
    """Seconds to import many runs, and to find that nothing is new."""
    with Workspace(root / "home", root, engine="process") as ws:
        taken = []
        for _ in range(2):
            began = time.perf_counter()
            ws.runs.imports.look(ImportRequest(root / "many"), lambda line: None)
            taken.append(time.perf_counter() - began)
    return taken[0], taken[1]


def _events(folder: Path) -> None:
    folder.mkdir()
    with open(folder / "events.out.tfevents.1", "wb") as file:
        for step in range(_SCALARS):
            tag = (b"train/loss", b"train/accuracy", b"eval/loss", b"lr")[step % 4]
            inner = b"\x0a" + bytes([len(tag)]) + tag + b"\x15" + struct.pack("<f", step / 7)
            summary = b"\x0a" + bytes([len(inner)]) + inner
            number = bytes([step & 0x7F | 0x80, step >> 7])
            data = (
                b"\x09" + struct.pack("<d", 1e9 + step) + b"\x10" + number + b"\x2a" + bytes([len(summary)]) + summary
            )
            size = struct.pack("<Q", len(data))
            before, behind = masked_crcs([size, data]).tolist()
            file.write(size + struct.pack("<I", before) + data + struct.pack("<I", behind))


def _mlflow_files(root: Path, runs: int, points: int) -> None:
    for run in range(runs):
        folder = root / "1" / f"{run:032x}"
        for name in ("metrics", "params", "tags"):
            (folder / name).mkdir(parents=True)
        (folder / "meta.yaml").write_text(
            f"run_id: '{run:032x}'\nrun_name: r{run}\nstatus: 3\nend_time: 1700000000000\n"
        )
        for metric in range(5):
            lines = [f"{1_700_000_000_000 + step} {step / 7} {step}\n" for step in range(points // 5)]
            (folder / "metrics" / f"m{metric}").write_text("".join(lines))
        for param in range(5):
            (folder / "params" / f"p{param}").write_text(str(param / 10))


def _mlflow_database(folder: Path) -> None:
    folder.mkdir()
    con = sqlite3.connect(folder / "mlflow.db")
    con.executescript(
        """
        CREATE TABLE experiments (experiment_id INTEGER, name TEXT);
        CREATE TABLE runs (run_uuid TEXT, name TEXT, status TEXT, start_time INTEGER, end_time INTEGER,
            lifecycle_stage TEXT, artifact_uri TEXT, experiment_id INTEGER);
        CREATE TABLE params (key TEXT, value TEXT, run_uuid TEXT);
        CREATE TABLE tags (key TEXT, value TEXT, run_uuid TEXT);
        CREATE TABLE metrics (key TEXT, value REAL, timestamp INTEGER, run_uuid TEXT, step INTEGER, is_nan INTEGER);
        CREATE INDEX of_run ON metrics (run_uuid);
        INSERT INTO experiments VALUES (1, 'x');
        INSERT INTO runs VALUES ('a', 'r', 'FINISHED', 1, 2, 'active', '', 1);
        """
    )
    rows = [(f"m{at % 5}", at / 7, 1_700_000_000_000 + at, "a", at // 5, 0) for at in range(_POINTS)]
    con.executemany("INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?)", rows)
    con.commit()
    con.close()


def _median(work: Callable[[], object], times: int) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


if __name__ == "__main__":
    for figure in figures():
        print(figure)
