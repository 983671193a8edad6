"""Copies of live requests: only for who keeps coming for them, and bounded."""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np
import pytest

from lab.runtime.serving import mirror
from lab.runtime.serving.compute import Output
from lab.runtime.serving.mirror import MAX_ROWS, Mirror


def _kept(copies: Mirror, rows: list[list[Any]], predictions: Any = None) -> dict[str, Any]:
    copies.keep(rows, Output(np.arange(len(rows)) if predictions is None else predictions))
    told: dict[str, Any] = json.loads(copies.take())
    return told


def test_copies_are_taken_once_and_only_while_they_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    copies = Mirror()
    assert not copies.wanted
    assert json.loads(copies.take()) == {"dropped": 0, "copies": []}
    assert copies.wanted
    assert _kept(copies, [[1.5, "a", None]])["copies"] == [{"data": [[1.5, "a", None]], "predictions": [0]}]
    assert json.loads(copies.take()) == {"dropped": 0, "copies": []}
    copies.keep([[1]], Output(np.arange(1)))
    later = time.monotonic() + 60
    monkeypatch.setattr(mirror.time, "monotonic", lambda: later)
    assert not copies.wanted
    assert json.loads(copies.take())["copies"] == [], "what nobody came for is forgotten"


def test_what_does_not_fit_is_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    copies = Mirror()
    copies.take()
    assert _kept(copies, [[1]] * (MAX_ROWS + 1))["dropped"] == 1
    assert _kept(copies, [[1]], np.array([object()]))["dropped"] == 1, "an answer that JSON has no words for"
    monkeypatch.setattr(mirror, "_BYTES", 100)
    for _ in range(5):
        copies.keep([["x" * 20]], Output(np.arange(1)))
    told = json.loads(copies.take())
    assert (len(told["copies"]), told["dropped"]) == (1, 4)
