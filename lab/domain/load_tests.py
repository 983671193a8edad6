"""Load tests of deployments: what was asked, how fast and how well it was answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from lab.dataclass import dataclass


@dataclass(frozen=True)
class LoadTest:
    """One test. `at` is when it ended, `seconds` how long answers were counted after a while to get warm; `p50` and the
    others are seconds of answers with predictions, None where there was none; `failures` counts the others by status,
    or as `no answer`."""

    at: float
    model: str
    version: int
    replicas: int
    connections: int
    seconds: float
    requests: int
    failed: int
    per_second: float
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    slowest: float | None = None
    failures: Mapping[str, int] = field(default_factory=dict)
