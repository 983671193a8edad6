"""What a user waits for: the first paint, an answer to a key, a listing, a logged point."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
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
        paints, data, keys = [], [], []
        for _ in range(_ROUNDS):
            paint, rows, presses = _watch_app(env)
            paints.append(paint)
            data.append(rows)
            keys += presses
        return [
            ("first paint of lab with 10,000 runs", 1000 * statistics.median(paints), "ms", 450),
            ("the same, until the first run is shown", 1000 * statistics.median(data), "ms", 0),
            ("key to paint in the run table", 1000 * statistics.median(keys), "ms", 20),
            ("lab runs ls, whole process, 10,000 runs", 1000 * _listing(env), "ms", 250),
            ("python -c pass, whole process", 1000 * _process([sys.executable, "-c", "pass"], env), "ms", 0),
            ("track.log, one value a call", _track(Path(folder)), "µs", 5),
            ("a chart frame, 10 series of 10,000 points", 1000 * _chart(), "ms", 5),
        ]


def _watch_app(env: dict[str, str]) -> tuple[float, float, list[float]]:
    """Seconds to the first painted header and to the first run, and from keys to the first byte painted after."""
    began = time.perf_counter()
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, "-m", "lab"], env)
    os.set_blocking(fd, False)
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    try:
        paint = _until(fd, b"Deployments") - began
        rows = _until(fd, b"run-9") - began
        os.write(fd, b"3")
        _until(fd, b"run-9")
        _quiet(fd)
        presses = []
        for _ in range(10):
            start = time.perf_counter()
            os.write(fd, b"j")
            presses.append(_until(fd, b"\x1b[") - start)
            _quiet(fd)
        os.write(fd, b"qq")
        return paint, rows, presses
    finally:
        os.close(fd)
        os.kill(pid, 9)
        os.waitpid(pid, 0)


def _until(fd: int, wanted: bytes, seconds: float = 30.0) -> float:
    """When `wanted` has come out of the terminal."""
    seen, deadline = b"", time.perf_counter() + seconds
    while wanted not in seen:
        if not select.select([fd], [], [], max(0.0, deadline - time.perf_counter()))[0]:
            raise TimeoutError(f"{wanted!r} was not painted within {seconds} s")
        seen = seen[-4096:] + os.read(fd, 1 << 16)
    return time.perf_counter()


def _quiet(fd: int, seconds: float = 0.3) -> None:
    while select.select([fd], [], [], seconds)[0]:
        os.read(fd, 1 << 16)


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
