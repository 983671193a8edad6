"""Where an axis gets its ticks, and what they say. Plain arithmetic, no numpy.

Ticks are round: 1, 2 or 5 times a power of ten; on a log axis the same within each decade; on a time axis round
numbers of seconds, minutes, hours or days.
"""

from __future__ import annotations

import math
from itertools import pairwise

#: Log ticks that fall outside this range of exponents cannot be told as doubles.
_MAX_EXPONENT = 307

_LEAST = 2
_TIME_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)


def nice_step(span: float, count: int) -> float:
    """The smallest of 1, 2, 5 × 10^k that divides `span` into at most `count` parts (0 when there is no span)."""
    rough = span / max(1, count)
    if not (math.isfinite(rough) and rough > 0):
        return 0.0
    exponent = math.floor(math.log10(rough))
    for factor in (1, 2, 5, 10):
        step = _power(factor, exponent)
        if step >= rough * (1 - 1e-9):
            return step if math.isfinite(step) else 0.0
    return 0.0


def _power(factor: int, exponent: int) -> float:
    """factor × 10^exponent, correctly rounded, which repeated multiplication is not."""
    return float(f"{factor}e{exponent}")


def linear_ticks(low: float, high: float, count: int) -> list[float]:
    """Round values within [low, high], about `count` of them and never more than `count` + 1.

    Where only one would be, and the next finer step fits as well, those of that: a scale cannot be read off one value.
    """
    ticks = _multiples(low, high, nice_step(high - low, count))
    if len(ticks) < _LEAST:
        finer = _multiples(low, high, nice_step(high - low, 2 * count))
        return finer if len(finer) <= count + 1 else ticks
    return ticks


def _multiples(low: float, high: float, step: float) -> list[float]:
    if step <= 0 or not (math.isfinite(low) and math.isfinite(high)):
        return []
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    if last - first > 1000:  # the step is lost in the rounding of such large values
        return []
    ticks = (index * step for index in range(first, last + 1))
    return [tick for tick in ticks if math.isfinite(tick)]  # rounding may lead out of what numbers can be


def time_ticks(low: float, high: float, count: int) -> list[float]:
    """Like `linear_ticks`, for seconds: whole minutes, quarters of an hour, hours, days."""
    rough = (high - low) / max(1, count)
    if not math.isfinite(rough) or rough < 1:
        return linear_ticks(low, high, count)
    for step in _TIME_STEPS:
        if step >= rough:
            return _multiples(low, high, step)
    return [value * 86400 for value in linear_ticks(low / 86400, high / 86400, count)]


def log_ticks(low: float, high: float, count: int) -> list[float]:
    """Round values within [low, high], both > 0: 1-2-5 per decade where they fit, else decades, else every n-th.

    Within a fraction of a decade, where no two of them fit, linear ticks.
    """
    if not (0 < low <= high and math.isfinite(high)):
        return []
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    exponents = range(max(-_MAX_EXPONENT, first), min(_MAX_EXPONENT, last) + 1)
    decades = math.log10(high) - math.log10(low)
    for factors, per_decade in (((1, 2, 5), 3), ((1,), 1)):
        if decades * per_decade <= count:
            ticks = [_power(factor, exponent) for exponent in exponents for factor in factors]
            ticks = [tick for tick in ticks if low * (1 - 1e-9) <= tick <= high * (1 + 1e-9)]
            return ticks if len(ticks) >= 2 else linear_ticks(low, high, count)
    stride = max(1, math.ceil(decades / max(1, count)))
    ticks = [_power(1, exponent) for exponent in exponents if exponent % stride == 0]
    return [tick for tick in ticks if low * (1 - 1e-9) <= tick <= high * (1 + 1e-9)]


def tick_labels(ticks: list[float]) -> list[str]:
    """One label each, all with the decimals that tell neighbours apart: `0.05 0.10`, `10k 20k`, `1e-5 2e-5`."""
    if not ticks:
        return []
    largest = max(abs(tick) for tick in ticks)
    gaps = [abs(right - left) for left, right in pairwise(ticks) if right != left]
    step = min(gaps) if gaps else largest
    if largest == 0 or step == 0:
        return [f"{tick:g}" for tick in ticks]
    if largest >= 1e15 or (step < 1e-4 and largest < 1e-2):
        return [_exponent(tick) for tick in ticks]
    if step >= 100 and largest >= 10_000:
        for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
            if step >= size / 10 and largest >= size:
                decimals = 0 if all(abs(tick / size - round(tick / size)) < 1e-6 for tick in ticks) else 1
                return [f"{tick / size:.{decimals}f}{unit}" if tick else "0" for tick in ticks]
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    if decimals > 12:
        return [f"{tick:.6g}" for tick in ticks]
    return [f"{tick:.{decimals}f}" for tick in ticks]


def log_labels(ticks: list[float]) -> list[str]:
    """Each in its own shortest form, since a log axis spans magnitudes: `0.001`, `0.5`, `20`, `10k`, `1e-7`."""
    return [_exponent(tick) if not 1e-3 <= abs(tick) < 1e4 else f"{tick:g}" for tick in ticks]


def time_labels(ticks: list[float]) -> list[str]:
    """Seconds as `30s`, `1m30`, `2h15`, `3d`."""
    if any(tick != round(tick) for tick in ticks):
        return [f"{label}s" for label in tick_labels(ticks)]
    return [_time_label(round(tick)) for tick in ticks]


def _time_label(seconds: int) -> str:
    if seconds < 0:
        return f"-{_time_label(-seconds)}"
    if seconds < 60:
        return f"{seconds}s"
    if seconds < 3600:
        return f"{seconds // 60}m{seconds % 60:02d}" if seconds % 60 else f"{seconds // 60}m"
    if seconds < 86400:
        hours, minutes = seconds // 3600, seconds % 3600 // 60
        return f"{hours}h{minutes:02d}" if minutes else f"{hours}h"
    return f"{seconds // 86400}d{seconds % 86400 // 3600}h" if seconds % 86400 else f"{seconds // 86400}d"


def _exponent(value: float) -> str:
    if value == 0:
        return "0"
    head, _, tail = f"{value:.5e}".partition("e")
    return f"{head.rstrip('0').rstrip('.')}e{int(tail)}"
