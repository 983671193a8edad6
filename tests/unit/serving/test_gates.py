"""Replays without servers: how answers are compared with those that were captured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lab.domain.rollouts import Budget
from lab.serving.gates import Trial, replay


def _captured(folder: Path, predictions: list[float]) -> None:
    (folder / "capture").mkdir(parents=True)
    lines = [
        {"id": str(at), "at": at, "version": "v1", "data": [[value]], "predictions": [value]}
        for at, value in enumerate(predictions)
    ]
    (folder / "capture" / "1.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def _off_by(difference: float) -> Trial:
    def ask(method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        rows: list[list[Any]] = json.loads(body or b"")["data"]
        return 200, json.dumps({"predictions": [row[0] + difference for row in rows]}).encode()

    return Trial(ask)


def test_numbers_asked_one_by_one_are_compared_with_how_all_of_them_vary(tmp_path: Path) -> None:
    _captured(tmp_path, [float(value) + 0.5 for value in range(100)])  # deviation 28.9
    near, far = (replay(_off_by(by), [tmp_path], 1, Budget()) for by in (2.0, 4.0))
    assert (near.ok, near.evidence["differing"], near.evidence["rows"]) == (True, 0, 100)
    assert (far.ok, far.evidence["disagreement"]) == (False, 1.0)
