"""What collecting costs: patterns per printed line, and a file of TensorBoard that grows while it is read."""

from __future__ import annotations

import struct
import tempfile
import time
from pathlib import Path

from lab.domain.resources import Resources
from lab.domain.runs import CodeSnapshot, RunSpec
from lab.experiments.collector import Collector
from lab.experiments.readers.crc32c import masked_crcs
from lab.paths import LabHome
from lab.runtime.printed import Patterns
from lab.stores import runfolder

Figure = tuple[str, float, str, float]

_LINES = {
    "no number": "nothing to be seen here at all, move on",
    "timestamps": "2024-05-01 12:00:00,123 - INFO - reading the file number 12 of many in /data/x",
    "one pair": "loss: 0.25",
    "Keras": "938/938 - 2s - loss: 0.3012 - accuracy: 0.9123 - val_loss: 0.28",
    "tqdm": " 10%|█         | 10/100 [00:01<00:09,  9.90it/s, loss=0.512]",
    "dict": "{'loss': 0.6931, 'grad_norm': 1.25, 'learning_rate': 4.5e-05, 'epoch': 0.1}",
    "JSON": '{"step": 1, "loss": 0.5, "acc": 0.9}',
}
_REPEAT = 2000


def _microseconds(line: str) -> float:
    """The best of five rounds; two states of a line in turn, so that none is passed over as repeated."""
    best = float("inf")
    for _ in range(5):
        patterns = Patterns()
        began = time.perf_counter()
        for index in range(_REPEAT):
            patterns.find(line + " " * (index % 2))
        best = min(best, time.perf_counter() - began)
    return best / _REPEAT * 1e6


_POINTS, _LOOKS = 100_000, 20


def figures() -> list[Figure]:
    whole, one = _collect()
    return [
        *((f"metrics in a printed line: {name}", _microseconds(line), "µs", 0.0) for name, line in _LINES.items()),
        ("collect 100,000 points of a growing event file", whole, "s", 0.0),
        ("one look at it where nothing is new", one, "ms", 0.0),
    ]


def _collect() -> tuple[float, float]:
    """Seconds for all points in twenty looks, each by one that has not looked before; milliseconds for one more."""
    with tempfile.TemporaryDirectory() as folder:
        home = LabHome(Path(folder)).create()
        run = home.run("r")
        runfolder.create(run)
        code = CodeSnapshot("", 0, 0)
        spec = RunSpec("r", "r", "p", "t", ("x",), {}, 0, {}, code, "process", "", "", Resources(), False, time.time())
        runfolder.write_spec(run, spec)
        run.records.mkdir()
        taken = 0.0
        with open(run.records / "events.out.tfevents.1", "wb") as file:
            for look in range(_LOOKS):
                share = _POINTS // _LOOKS
                file.write(b"".join(_records(range(look * share, (look + 1) * share))))
                file.flush()
                began = time.perf_counter()
                Collector(home, "r").look(last=False)
                taken += time.perf_counter() - began
        began = time.perf_counter()
        Collector(home, "r").look()
        idle = time.perf_counter() - began
        assert run.collected.read_bytes().count(b"\n") == _POINTS
    return taken, idle * 1000


def _records(steps: range) -> list[bytes]:
    messages = []
    for step in steps:
        inner = b"\x0a\x04loss\x15" + struct.pack("<f", step / 7)
        summary = b"\x0a" + bytes([len(inner)]) + inner
        number = bytes([step & 0x7F | 0x80, step >> 7 & 0x7F | 0x80, step >> 14])
        clock = b"\x09" + struct.pack("<d", 1e9 + step)
        messages.append(clock + b"\x10" + number + b"\x2a" + bytes([len(summary)]) + summary)
    sizes = [struct.pack("<Q", len(message)) for message in messages]
    sums = zip(masked_crcs(sizes).tolist(), masked_crcs(messages).tolist(), strict=True)
    return [
        size + struct.pack("<I", before) + message + struct.pack("<I", behind)
        for size, message, (before, behind) in zip(sizes, messages, sums, strict=True)
    ]
