"""Numbers, durations, ages and times as people read them. All functions are pure; `None` shows as a dash."""

from __future__ import annotations

import math
from datetime import datetime

from lab.domain.resources import format_size

NOTHING = "–"

__all__ = ["NOTHING", "format_age", "format_delta", "format_duration", "format_number", "format_size", "format_time"]


def format_number(value: float | int | bool | str | None, digits: int = 4) -> str:
    """`value` with about `digits` significant digits: `0.9312`, `12,345`, `1.5e-5`, `nan`, `inf`.

    Text passes through, so that a table of parameters needs no distinction.
    """
    if value is None:
        return NOTHING
    if isinstance(value, (bool, str)):
        return str(value).lower() if isinstance(value, bool) else value
    if isinstance(value, int):
        return f"{value:,}" if abs(value) < 10**15 else _scientific(float(value), digits) if _fits(value) else "huge"
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if value == 0:
        return "0"
    if value == int(value) and abs(value) < 1e6:
        return f"{int(value):,}"
    if not 1e-4 <= abs(value) < 1e6:
        return _scientific(value, digits)
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(decimals, digits + 3)}f}"


def _fits(value: int) -> bool:
    return value.bit_length() < 1024


def _scientific(value: float, digits: int) -> str:
    mantissa, exponent = f"{value:.{max(0, digits - 1)}e}".split("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}e{int(exponent)}"


def format_delta(value: float | None, base: float | None, digits: int = 3) -> str:
    """`value - base` with its sign and, where it means something, in percent of `base`: `+0.012 (+1.3%)`."""
    if value is None or base is None or not (math.isfinite(value) and math.isfinite(base)):
        return NOTHING
    delta = value - base
    if delta == 0:
        return "="
    text = format_number(delta, digits)
    sign = "+" if delta > 0 else ""
    percent = delta / abs(base) * 100 if base else math.inf
    if not math.isfinite(percent) or abs(percent) >= 1000:
        return f"{sign}{text}"
    return f"{sign}{text} ({percent:+.1f}%)"


def format_duration(seconds: float | None) -> str:
    """`seconds` in its two largest units: `850ms`, `12.3s`, `3m 12s`, `1h 02m`, `2d 3h`."""
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    if seconds < 0:
        return f"-{format_duration(-seconds)}"
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms" if seconds >= 0.001 or seconds == 0 else f"{seconds * 1e6:.0f}µs"
    if round(seconds, 1) < 60:
        return f"{seconds:.1f}s" if round(seconds, 1) < 10 else f"{min(seconds, 59.4):.0f}s"
    whole = round(seconds)
    minutes, second = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}m {second:02d}s"
    hours, minute = divmod(minutes, 60)
    if hours < 24:
        return f"{hours}h {minute:02d}m"
    days, hour = divmod(hours, 24)
    return f"{days}d {hour}h"


def format_age(then: float | None, now: float) -> str:
    """How long before `now` (both seconds since the epoch) `then` was: `just now`, `5m ago`, `2h ago`, `3d ago`."""
    if then is None:
        return NOTHING
    seconds = now - then
    if seconds < -5:
        return f"in {_coarse(-seconds)}"
    if seconds < 5:
        return "just now"
    return f"{_coarse(seconds)} ago"


def _coarse(seconds: float) -> str:
    for size, unit in ((86400 * 365, "y"), (86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds)}s"


def format_time(then: float | None, now: float | None = None) -> str:
    """`then` (seconds since the epoch) in local time: `2026-11-03 14:02`, or `14:02:11` when on the day of `now`."""
    if then is None:
        return NOTHING
    try:
        moment = datetime.fromtimestamp(then).astimezone()
    except (OverflowError, OSError, ValueError):
        return NOTHING
    if now is not None and datetime.fromtimestamp(now).astimezone().date() == moment.date():
        return moment.strftime("%H:%M:%S")
    return moment.strftime("%Y-%m-%d %H:%M")
