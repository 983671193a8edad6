"""What a user waits for in the shell: a listing, a logged point; and a frame of a chart."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from homes import many_runs

from lab.catalog.connection import Catalog
from lab.ui.render import chart
from lab.ui.render.series import Series

Figure = tuple[str, float, str, float]
ROOT = Path(__file__).resolve().parents[2]
_ROUNDS = 7


def figures() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        home = many_runs(Path(folder, "home"))
        Catalog(home).close()  # the index of a lab that is in use
        env = {
            **os.environ,
            "LAB_HOME": str(home.root),
            "PYTHONPATH": str(ROOT),
            "TERM": "xterm-256color",
            "LAB_ENGINE": "process",
        }
        return [
            ("lab runs ls, whole process, 10,000 runs", 1000 * _listing(env), "ms", 250),
            ("python -c pass, whole process", 1000 * _process([sys.executable, "-c", "pass"], env), "ms", 0),
            ("track.log, one value a call", _track(Path(folder)), "µs", 5),
            ("a chart frame, 10 series of 10,000 points", 1000 * _chart(), "ms", 5),
        ]


def _listing(env: dict[str, str]) -> float:
    return _process([sys.executable, "-m", "lab", "runs", "ls"], env)


def _process(command: list[str], env: dict[str, str]) -> float:
    times = []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        subprocess.run(command, env=env, check=True, capture_output=True)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def _chart() -> float:
    x = np.arange(10_000, dtype=np.float64)
    noise = np.random.default_rng(0)
    series = [Series(f"run-{index}", x, noise.normal(index, 1, x.size), index) for index in range(10)]
    times = []
    for _ in range(20):
        began = time.perf_counter()
        chart.render(series, 120, 36)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def _track(folder: Path) -> float:
    """µs of one `track.log` with one value, unbuffered and buffered alike, over 100,000 calls."""
    script = (
        "import time\nfrom lab import track\ntrack.log(loss=0.1, step=0)\n"
        "began = time.perf_counter()\n"
        "for step in range(100_000): track.log(loss=0.123456789, step=step)\n"
        "print((time.perf_counter() - began) * 10)\n"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT), "LAB_RUN_DIR": str(folder)}
    done = subprocess.run([sys.executable, "-c", script], env=env, check=True, capture_output=True, text=True)
    return float(done.stdout)


if __name__ == "__main__":
    for figure in figures():
        print(figure)
