"""Values of other tools as Lab has them: flat parameters, exact numbers, times as seconds. Pure functions."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any

from lab.domain.runs import Param

PARAMS_MAX = 5_000
_TEXT_MAX = 10_000
_DEPTH_MAX = 20
_NUMBERS = {
    "NaN": math.nan,
    "nan": math.nan,
    "Infinity": math.inf,
    "inf": math.inf,
    "-Infinity": -math.inf,
    "-inf": -math.inf,
}


def number(value: object) -> float | None:
    """A metric's value: numbers, booleans, and NaN and infinities also by name; None for anything else."""
    if isinstance(value, int | float):
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    return _NUMBERS.get(value) if isinstance(value, str) else None


def word(text: str) -> Param:
    """A parameter that a tool keeps as text: a number or boolean only if it is written exactly as Python would."""
    if text in ("True", "False"):
        return text == "True"
    for kind in (int, float):
        try:
            value = kind(text)
        except ValueError:
            continue
        if str(value) == text and math.isfinite(value):
            return value
    return text[:_TEXT_MAX]


def flat(tree: Mapping[Any, Any]) -> dict[str, Param]:
    """Nested settings with dotted names; lists as JSON. At most PARAMS_MAX of them."""
    found: dict[str, Param] = {}
    for key, value in _leaves("", tree, 0):
        if len(found) >= PARAMS_MAX:
            break
        found[key] = value
    return found


def _leaves(prefix: str, tree: Mapping[Any, Any], depth: int) -> Iterator[tuple[str, Param]]:
    for name, value in tree.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping) and value and depth < _DEPTH_MAX:
            yield from _leaves(f"{key}.", value, depth + 1)
        else:
            yield key, leaf(value)


def leaf(value: object) -> Param:
    """One setting: as it is where Lab has its kind, otherwise as JSON text."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if value.bit_length() <= 63 else str(value)[:_TEXT_MAX] if value.bit_length() < 10_000 else "huge"
    if isinstance(value, str):
        return value[:_TEXT_MAX]
    if isinstance(value, datetime | date):
        return value.isoformat()
    return _encoded(value)


def _encoded(value: object) -> str:
    """JSON of what may be large or refer to itself: it ends where there is enough of it."""
    parts: list[str] = []
    size = 0
    try:
        for part in json.JSONEncoder(default=repr, skipkeys=True).iterencode(value):
            parts.append(part)
            size += len(part)
            if size > _TEXT_MAX:
                break
    except (ValueError, RecursionError):
        parts.append("…")
    return "".join(parts)[:_TEXT_MAX]


def when(text: object) -> float | None:
    """Seconds since the epoch of an ISO 8601 time; UTC where it names no zone."""
    if not isinstance(text, str):
        return None
    try:
        time = datetime.fromisoformat(text)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def milliseconds(value: object) -> float | None:
    """Seconds since the epoch of a time in milliseconds; None for none."""
    time = number(value)
    return time / 1000 if time is not None and math.isfinite(time) and time > 0 else None
