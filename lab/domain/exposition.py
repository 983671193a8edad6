"""What servers tell of themselves: pages in the Prometheus text format, and what follows from their histograms."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from lab.dataclass import dataclass

_SAMPLE = re.compile(r"(?P<name>[A-Za-z_:][\w:]*)(?:\{(?P<labels>.*)\})?\s+(?P<value>\S+)(?:\s+\d+)?")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


#: Paths of a server of Lab's that do not ask its model.
OWN_ROUTES = frozenset(
    {
        *("/", "/livez", "/readyz", "/metrics", "/openapi.json", "/docs", "/feedback", "/ping", "/health", "/mirror"),
        *("/v2", "/v2/health/live", "/v2/health/ready", "/v2/models", "/v2/models/ready", "other", ""),
    }
)


@dataclass(frozen=True)
class Sample:
    """One line of a Prometheus page."""

    name: str
    labels: Mapping[str, str]
    value: float


def parse(page: str) -> list[Sample]:
    """The samples of a page in the Prometheus text format 0.0.4; lines that are none are passed over."""
    samples = []
    for line in page.splitlines():
        match = None if line.startswith("#") else _SAMPLE.fullmatch(line.strip())
        if match is None:
            continue
        try:
            value = float(match["value"])
        except ValueError:
            continue
        samples.append(Sample(match["name"], dict(_LABEL.findall(match["labels"] or "")), value))
    return samples


def quantile(bounds: Sequence[tuple[float, float]], q: float) -> float | None:
    """The `q` quantile of a histogram given as (upper bound, cumulative count), by linear interpolation.

    As Prometheus' `histogram_quantile`: within a bucket values are taken as evenly spread, and above the last finite
    bound that bound is the answer. None without observations.
    """
    ordered = sorted(bounds)
    total = ordered[-1][1] if ordered else 0
    if total <= 0:
        return None
    rank = q * total
    low, below = 0.0, 0.0
    for bound, count in ordered:
        if count >= rank:
            if math.isinf(bound):
                return low
            inside = count - below
            return low + (bound - low) * ((rank - below) / inside if inside else 1.0)
        low, below = bound, count
    return low
