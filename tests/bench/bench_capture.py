"""What collecting costs: patterns per printed line."""

from __future__ import annotations

import time

from lab.runtime.printed import Patterns

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


def figures() -> list[Figure]:
    return [(f"metrics in a printed line: {name}", _microseconds(line), "µs", 0.0) for name, line in _LINES.items()]
