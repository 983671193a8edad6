"""Whether a new version does worse than the old one beside it. Pure functions; each answer carries its numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

from lab.dataclass import dataclass

#: One-sided, 1 %: the standard normal distribution's 99 % quantile.
Z_LIMIT = 2.326
#: Differences below are of no matter, however sure: a share of errors, and seconds.
_LEAST_ERRORS, _LEAST_SECONDS = 0.005, 0.005
#: Requests to the new version from which on latencies are compared.
LEAST_REQUESTS = 30
#: Of a new version with so few requests, this many errors are enough without statistics.
_HOPELESS = 5


@dataclass(frozen=True)
class Traffic:
    """What one version did in a while: requests, those that failed (5xx or no answer), quantiles in seconds."""

    requests: int
    failed: int
    p95: float | None = None
    p50: float | None = None


@dataclass(frozen=True)
class Side:
    """One of two versions that serve beside each other, with `share` percent of the requests."""

    ref: str
    share: int
    servers: int
    traffic: Traffic


@dataclass(frozen=True)
class Verdict:
    """`told` says why in a sentence part."""

    ok: bool
    told: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Beside:
    """The version that serves (blue) and the one that is tried (green), over the last `seconds`. `disagreement` is the
    share of captured rows that the new one answered otherwise when they were replayed; None where none were."""

    seconds: float
    old: Side
    new: Side
    verdict: Verdict
    disagreement: float | None = None


def two_proportion_z(failed_a: int, total_a: int, failed_b: int, total_b: int) -> float:
    """How many standard errors b's share lies above a's, by the pooled share p = (fa+fb)/(na+nb):
    z = (pb - pa) / sqrt(p (1 - p) (1/na + 1/nb)). 0 where either is empty or nothing varies.

    https://www.itl.nist.gov/div898/handbook/prc/section3/prc33.htm
    """
    if not total_a or not total_b:
        return 0.0
    pooled = (failed_a + failed_b) / (total_a + total_b)
    spread = math.sqrt(pooled * (1 - pooled) * (1 / total_a + 1 / total_b))
    return (failed_b / total_b - failed_a / total_a) / spread if spread else 0.0


def compare(old: Traffic, new: Traffic, p95_ratio: float) -> Verdict:
    """Whether `new` may go on beside `old`."""
    z = two_proportion_z(old.failed, old.requests, new.failed, new.requests)
    old_share = old.failed / old.requests if old.requests else 0.0
    new_share = new.failed / new.requests if new.requests else 0.0
    ratio = new.p95 / old.p95 if new.p95 is not None and old.p95 else None
    evidence = {
        "old_requests": old.requests,
        "old_failed": old.failed,
        "new_requests": new.requests,
        "new_failed": new.failed,
        "z": round(z, 3),
        "old_p95": old.p95,
        "new_p95": new.p95,
        "p95_ratio": ratio,
    }
    if new_share - old_share > _LEAST_ERRORS and (z > Z_LIMIT or new.failed >= _HOPELESS > new.requests - new.failed):
        told = f"{new_share:.1%} of its requests failed, {old_share:.1%} of the old one's (z = {z:.1f})"
        return Verdict(False, told, evidence)
    slower = new.p95 is not None and old.p95 is not None and new.p95 - old.p95 > _LEAST_SECONDS
    if new.requests >= LEAST_REQUESTS <= old.requests and slower and ratio is not None and ratio > p95_ratio:
        return Verdict(False, f"its p95 is {ratio:.1f} times the old one's", evidence)
    if new.requests < LEAST_REQUESTS:
        return Verdict(True, f"only {new.requests} requests came, too few to compare", evidence)
    return Verdict(True, f"{new.requests} requests, {new.failed} failed; no worse than the old one", evidence)


def disagreement(old: Sequence[Any], new: Sequence[Any]) -> int:
    """How many of the answers differ. Labels differ when they are not equal; numbers when they are further apart than a
    tenth of the old answers' standard deviation (1e-6 of their size where that is 0)."""
    numbers = [float(value) for value in old if _is_number(value)]
    if len(numbers) < len(old) or all(float(value).is_integer() for value in numbers):
        return sum(a != b for a, b in zip(old, new, strict=True))
    mean = sum(numbers) / len(numbers) if numbers else 0.0
    deviation = math.sqrt(sum((value - mean) ** 2 for value in numbers) / len(numbers)) if numbers else 0.0
    near = deviation / 10 or 1e-6 * max(1.0, abs(mean))
    return sum(not _is_number(b) or not abs(float(a) - float(b)) <= near for a, b in zip(numbers, new, strict=True))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
