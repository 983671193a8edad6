"""Looking at runs while they go on: what the looks cost, and logs of a million lines."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from lab.runtime.sampler import Group, Sampler, Session

Figure = tuple[str, float, str, float]
_LOOKS = 300


def figures() -> list[Figure]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return [
            ("sampler, CPU a look, of a control group", _cost(folder, Group()), "µs", 0),
            ("sampler, CPU a look, of a session", _cost(folder, Session(os.getsid(0))), "µs", 0),
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
