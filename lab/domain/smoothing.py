"""Smoothing of a metric's values without numpy; `lab.ui.render.chart.smoothed` does the same for screens."""

from __future__ import annotations

import math
from collections.abc import Sequence

#: Values per history at which the weight is used as it is.
REFERENCE = 240


def smoothed(values: Sequence[float], weight: float) -> list[float]:
    """An exponential moving average, debiased as in TensorBoard (`weight` in [0, 1)), of the finite values; gaps stay.

    Histories of more than 240 values use `weight ** (240 / n)`, so that one weight looks equally smooth whatever the
    number of values.
    """
    known = sum(math.isfinite(value) for value in values)
    if not known or weight <= 0:
        return list(values)
    weight = min(weight, 0.9999) ** min(1.0, REFERENCE / known)
    found, total, remains = [], 0.0, 1.0
    for value in values:
        if not math.isfinite(value):
            found.append(math.nan)
            continue
        total = total * weight + value * (1 - weight)
        remains *= weight
        found.append(total / (1 - remains))
    return found
