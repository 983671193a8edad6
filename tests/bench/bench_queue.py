"""What the queue costs: adding a thousand runs, deciding among them, and how busy it keeps two cores."""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path

from lab.domain.axes import parse_space
from lab.domain.launch import LaunchRequest
from lab.domain.queue import Machine
from lab.domain.sweeps import make_plan
from lab.errors import EngineUnavailableError
from lab.events import RUN_CLAIMED
from lab.experiments import machine
from lab.journal import decode, read_lines, segments
from lab.workspace import Workspace

Figure = tuple[str, float, str, float]

_TOML = (
    '[project]\nname = "bench"\n[entries.train]\ncommand = "python3 train.py"\n[resources]\nmemory = "64m"\ncpus = 1\n'
)
_CORES = 2
_RUNS = 100
#: A short run: seconds that its script takes.
_SHORT = 0.5


def figures() -> list[Figure]:
    real = machine.look
    machine.look = lambda _home: Machine(_CORES, 16 << 30, 0, 1 << 40, 1 << 30)
    try:
        return [*_adding(), *_busy("process", 0.0), *_busy("process", _SHORT), *_busy("docker", _SHORT)]
    finally:
        machine.look = real


def _open(folder: str, engine: str, seconds: float) -> Workspace:
    project = Path(folder, "bench")
    project.mkdir()
    (project / "lab.toml").write_text(_TOML)
    (project / "train.py").write_text(f"import time\ntime.sleep({seconds})\n" if seconds else "pass\n")
    return Workspace(Path(folder, "home"), project, engine=engine)


def _adding() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder, _open(folder, "process", 0.0) as ws:
        ws.sweeps.create(LaunchRequest("train"), make_plan(parse_space(["n=1,2"])[1]))  # the environment is made
        plan = make_plan(parse_space(["n=1..1000"])[1])
        began = time.perf_counter()
        ws.sweeps.create(LaunchRequest("train"), plan)
        added = time.perf_counter() - began
        began = time.perf_counter()
        claimed = ws.queue.claim()
        decided = time.perf_counter() - began
        assert len(claimed) == _CORES
        began = time.perf_counter()
        ws.queue.list()
        listed = time.perf_counter() - began
        return [
            ("queue: add 1,000 runs of a sweep", added * 1000, "ms", 0),
            ("queue: decide which of 1,000 start", decided * 1000, "ms", 0),
            ("queue: list 1,000 with their reasons", listed * 1000, "ms", 0),
        ]


def _busy(engine: str, seconds: float) -> list[Figure]:
    """The share of two slots' time, from the first start to the last end, in which a run was with the engine (from the
    moment when it was promised to it until its command had ended), and in which its command itself ran."""
    with tempfile.TemporaryDirectory() as folder, _open(folder, engine, seconds) as ws:
        try:
            ws.engine().available()
        except EngineUnavailableError as error:
            print(f"no {engine} engine, how busy the queue keeps it is not measured: {error.message}")
            return []
        sweep = ws.sweeps.create(LaunchRequest("train"), make_plan(parse_space([f"n=1..{_RUNS}"])[1]))
        driver = ws.driver(until_empty=True)
        driver.run(threading.Event())
        while ws.sweeps.get(sweep.name).state.active:
            ws.settle()
            ws.refresh()
        runs = ws.sweeps.runs(ws.sweeps.get(sweep.name))
        promised = _promised(ws)
        spans = [(promised[run.id], run.started or 0.0, run.ended or 0.0) for run in runs]
        whole = (max(end for *_, end in spans) - min(first for first, *_ in spans)) * _CORES
        what = f"queue: {_RUNS} runs of {seconds:g} s on {_CORES} cores, {engine}"
        return [
            (f"{what}: busy", 100 * sum(end - first for first, _, end in spans) / whole, "%", 0),
            (f"{what}: in their command", 100 * sum(end - begun for _, begun, end in spans) / whole, "%", 0),
            (f"{what}: a run every", whole / _CORES / _RUNS * 1000, "ms", 0),
        ]


def _promised(ws: Workspace) -> dict[str, float]:
    """Run → when it was claimed."""
    found: dict[str, float] = {}
    for segment in segments(ws.home):
        for line in read_lines(ws.home, segment.name, 0)[0]:
            event = decode(line)
            if event.type == RUN_CLAIMED and event.body.get("by"):
                found[event.subject] = event.ts
    return found


if __name__ == "__main__":
    for figure in figures():
        print(figure)
