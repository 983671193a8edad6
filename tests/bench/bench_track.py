"""Metrics: logged by a script, kept when the run ends, drawn over each other."""

from __future__ import annotations

import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from lab.catalog import histories
from lab.domain.runs import History
from lab.ui.render import chart
from lab.ui.screens.curves import curve

Figure = tuple[str, float, str, float]
ROOT = Path(__file__).resolve().parents[2]
_METRICS, _STEPS = 10, 10_000  # of one run


def figures() -> list[Figure]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        logged = folder / "logged"
        logged.mkdir()
        points = _log(logged)
        compact = folder / "logged.parquet"
        histories.write(logged / "events.jsonl", compact)
        size = compact.stat().st_size
        million = folder / "million.jsonl"
        _events(million, 10 * _STEPS)
        seconds = _median(lambda: histories.write(million, folder / "million.parquet"), 3)
        first = folder / "run.parquet"
        _events(folder / "run.jsonl", _STEPS)
        histories.write(folder / "run.jsonl", first)
        found: list[Figure] = [
            ("track.log, bytes a point after compaction", size / points, "B", 12),
            ("import of lab.track, over python -c pass", _import() * 1000, "ms", 15),
            ("points taken in when a run ends", 10 * _METRICS * _STEPS / seconds / 1e6, "M/s", 0),
        ]
        for count in (100, 1000):
            chosen = _lab(folder / "lab", first, count)[:: count // 10]
            took = _median(partial(_overlay, chosen), 15)
            total = count * _METRICS * _STEPS // 1_000_000
            found.append((f"overlay of 10 × 10,000 points, {total}M in the lab", took * 1000, "ms", 15))
        return found


def _log(folder: Path) -> int:
    """What a training script logs through `track`: a loss and a noisy accuracy at each step, full float64."""
    script = (
        "import math, random\nfrom lab import track\n"
        f"for step in range({_STEPS}):\n"
        "    track.log(step=step, loss=math.exp(-step / 3000) + random.gauss(0, 0.01))\n"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT), "LAB_RUN_DIR": str(folder)}
    subprocess.run([sys.executable, "-c", script], env=env, check=True, capture_output=True)
    return _STEPS


def _events(path: Path, steps: int) -> None:
    noise = random.Random(3)
    with open(path, "w", encoding="utf-8") as file:
        for step in range(steps):
            metrics = {f"m{key}": noise.random() for key in range(_METRICS)}
            file.write(json.dumps({"t": 1e9 + step / 7, "s": step, "m": metrics}) + "\n")


def _lab(folder: Path, history: Path, runs: int) -> list[Path]:
    """Run folders, each with a history of its own."""
    paths = []
    for number in range(runs):
        path = folder / f"r{number:07d}" / "metrics.parquet"
        if not path.exists():
            path.parent.mkdir(parents=True)
            shutil.copyfile(history, path)
        paths.append(path)
    return paths


def _overlay(paths: list[Path]) -> None:
    """From files to a frame of 200 columns, all points of all runs, as the screen of runs side by side does it."""
    found = histories.overlay(paths, "m3", times=False)
    series = [
        curve(path.parent.name, History(*columns), "step", 0.0, index)
        for index, (path, columns) in enumerate(zip(paths, found, strict=True))
    ]
    assert sum(len(one.x) for one in series) == 10 * _STEPS
    chart.render(series, 100, 30)


def _import() -> float:
    def run(code: str) -> float:
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        return _median(lambda: subprocess.run([sys.executable, "-c", code], env=env, check=True), 15)

    return run("from lab import track") - run("pass")


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
