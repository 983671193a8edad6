"""Searching: 10,000 runs by name and parameter, logs and code by the megabyte."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from homes import many_runs

from lab.domain.search import Place, SearchRequest, Step, parse_needle
from lab.paths import LabHome
from lab.workspace import Workspace

Figure = tuple[str, float, str, float]

_LINE = b"2026-11-02 10:15:00 step %d loss 0.%06d accuracy 0.9 lr 0.001 epoch 3 of 10\n"


def figures() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        home = many_runs(Path(folder, "home"))
        with Workspace(home.root, Path(folder), engine="process") as ws:
            runs = [run.id for run in ws.runs.list().items]
            _logs(home, runs, 4 << 20)
            index = Place.NAMES, Place.PARAMS
            named = statistics.median(_seconds(ws, "run-77", *index) for _ in range(9))
            pattern = statistics.median(_seconds(ws, "/p3=0[.]12/", *index) for _ in range(9))
            plain = _last(ws, "no such line", Place.LOGS)
            regex = _last(ws, "/no such (line|text) [0-9]+/", Place.LOGS)
            first = _first(ws, "loss 0.000007", Place.LOGS)
        return [
            ("search names and parameters of 10,000 runs", named * 1000, "ms", 50),
            ("the same by a regular expression", pattern * 1000, "ms", 50),
            ("logs searched for a text", plain.bytes / plain.seconds / 1e6, "MB/s", 0),
            ("logs searched by a regular expression", regex.bytes / regex.seconds / 1e6, "MB/s", 0),
            ("first hit in the logs of 10,000 runs", first * 1000, "ms", 0),
        ]


def _logs(home: LabHome, runs: list[str], size: int) -> None:
    text = b"".join(_LINE % (step, step) for step in range(size // len(_LINE)))
    for run in runs:
        home.run(run).root.mkdir(parents=True, exist_ok=True)
        home.run(run).stdout.write_bytes(text)


def _request(text: str, places: tuple[Place, ...]) -> SearchRequest:
    return SearchRequest(parse_needle(text), places, 50, 600.0)


def _seconds(ws: Workspace, text: str, *places: Place) -> float:
    began = time.perf_counter()
    for _ in ws.search.look(_request(text, places)):
        pass
    return time.perf_counter() - began


def _last(ws: Workspace, text: str, *places: Place) -> Step:
    return list(ws.search.look(_request(text, places)))[-1]


def _first(ws: Workspace, text: str, *places: Place) -> float:
    began = time.perf_counter()
    next(step for step in ws.search.look(_request(text, places)) if step.hits)
    return time.perf_counter() - began


if __name__ == "__main__":
    for figure in figures():
        print(figure)
