"""Looking at runs while they go on: what the looks cost, and logs of a million lines."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from lab.domain.guard_language import parse_guard
from lab.domain.guard_watch import Watcher
from lab.domain.guards import Guard
from lab.runtime.sampler import Group, Sampler, Session
from lab.ui.render.logfile import LogFile
from lab.ui.render.logfilter import FilteredLog

Figure = tuple[str, float, str, float]
_LOOKS = 300
_LINES = 1_000_000


def figures() -> list[Figure]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return [
            ("sampler, CPU a look, of a control group", _cost(folder, Group()), "µs", 0),
            ("sampler, CPU a look, of a session", _cost(folder, Session(os.getsid(0))), "µs", 0),
            *_logs(folder),
            ("guard, CPU a value", _guard(), "µs", 0),
        ]


def _cost(folder: Path, source: Group | Session) -> float:
    """Microseconds of processor time; in a run the first looks are a second apart, later up to 15."""
    sampler = Sampler(str(folder), source)
    sampler.start()
    sampler.look()
    begin = time.process_time()
    for _ in range(_LOOKS):
        sampler.look()
    spent = time.process_time() - begin
    sampler.stop()
    return spent / _LOOKS * 1e6


def _logs(folder: Path) -> list[Figure]:
    path = folder / "stdout.log"
    with path.open("w") as file:
        file.writelines(f"epoch {line // 1000} step {line} loss {line / 7:.6f}\n" for line in range(_LINES))
    begin = time.perf_counter()
    log = LogFile(path)
    [log.line(number) for number in range(log.end - 50, log.end)]
    opened = time.perf_counter() - begin
    rare = _time(lambda: _filter(log, "step 777777 "))
    every = _time(lambda: _filter(log, "loss"))
    searched = _time(lambda: log.search("step 3 ", log.end - 1, -1, 1 << 40))
    log.close()
    return [
        ("log of 1M lines: opened, last page read", opened * 1000, "ms", 0),
        ("log of 1M lines: filtered, one line fits", rare * 1000, "ms", 0),
        ("log of 1M lines: filtered, all fit", every * 1000, "ms", 0),
        ("log of 1M lines: searched to the first line", searched * 1000, "ms", 0),
    ]


def _filter(log: LogFile, text: str) -> None:
    filtered = FilteredLog(log, text)
    while not filtered.complete:
        filtered.extend_back(1 << 20)


def _guard() -> float:
    """Microseconds a value for `isnan(loss) or loss > 10 for 3 or plateau(loss, 20)`."""
    when = "isnan(loss) or loss > 10 for 3 or plateau(loss, 1000000000)"
    watcher = Watcher("r", Guard("g", when), parse_guard(when), lambda *_: None, 0.0)
    begin = time.process_time()
    for step in range(100_000):
        watcher.metrics(float(step), float(step), {"loss": 1.0})
    return (time.process_time() - begin) * 10


def _time(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin
