"""The demonstration's steps, as told to whoever shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from lab.dataclass import dataclass


@dataclass(frozen=True)
class DemoStep:
    """One step done; `ids` are the objects that it made or found, such as `{"run": …}`."""

    name: str
    ok: bool
    seconds: float
    detail: str = ""
    ids: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DemoReport:
    """The whole demonstration; `accuracy` is on held-out rows, answered by the deployed model over HTTP."""

    engine: str
    steps: tuple[DemoStep, ...]
    accuracy: float
    deployment: str
    metric: str = "accuracy"
