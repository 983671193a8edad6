"""Values as people read them in a terminal: numbers, times, durations, log lines. Pure functions."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

from lab.domain.text import clean

NOTHING = "–"

_ESCAPE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(\x07|\x1b\\)|\x1b.")
_STEPS = ((60, "s"), (3600, "m"), (86400, "h"), (86400 * 365, "d"))


def format_value(value: object) -> str:
    """A parameter or metric: six significant digits, `true`, cleaned text, a dash for None."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, int) and value.bit_length() > 200:
        return "a huge number"
    return clean(str(value))


def format_delta(value: object, base: object) -> str:
    """`+0.012` from `base` to `value`; nothing where one is no finite number or they are equal."""
    if not isinstance(value, int | float) or not isinstance(base, int | float):
        return ""
    if not (math.isfinite(value) and math.isfinite(base)) or value == base:
        return ""
    return f"{value - base:+.3g}"


def format_duration(seconds: float | None) -> str:
    """`850ms`, `3.2s`, `3m12s`, `1h02m`, `2d03h`."""
    if seconds is None:
        return NOTHING
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    if seconds < 10:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02d}h"


def format_age(then: float, now: float) -> str:
    """How long ago: `4s`, `12m`, `3h`, `5d`."""
    seconds = max(0.0, now - then)
    unit = 1
    for limit, name in _STEPS:
        if seconds < limit:
            return f"{int(seconds // unit)}{name}"
        unit = limit
    return f"{int(seconds // unit)}y"


def format_local(then: float | None) -> str:
    """Local date and time to the second."""
    if then is None:
        return NOTHING
    return datetime.fromtimestamp(then, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def format_utc(then: float | None) -> str | None:
    """RFC 3339 in UTC with microseconds, as every JSON document has it."""
    if then is None:
        return None
    return datetime.fromtimestamp(then, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def log_line(line: str) -> str:
    """A line of a log as a terminal may see it: colours gone, of a progress bar its last state, nothing obeyed."""
    return clean(_ESCAPE.sub("", line).rstrip("\r\n").rpartition("\r")[2])
