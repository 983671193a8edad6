"""What a run's own fields are, and the values that they are compared with: dates, durations, sizes, yes and no."""

from __future__ import annotations

import difflib
import math
import re
from datetime import datetime, timedelta
from enum import Enum

from lab.dataclass import dataclass
from lab.domain.query_tree import ORDERED, PATTERNS, number


class Kind(Enum):
    """How a field is compared."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    DURATION = "duration"
    SIZE = "size"
    FLAG = "flag"
    TAGS = "tags"
    DATA = "data"


#: Fields whose names nothing else can have.
OLD_FIELDS = {
    "id": Kind.TEXT,
    "name": Kind.TEXT,
    "project": Kind.TEXT,
    "entry": Kind.TEXT,
    "status": Kind.TEXT,
    "engine": Kind.TEXT,
    "sweep": Kind.TEXT,
    "seed": Kind.NUMBER,
    "created": Kind.DATE,
    "started": Kind.DATE,
    "ended": Kind.DATE,
    "duration": Kind.DURATION,
    "tag": Kind.TAGS,
    "tags": Kind.TAGS,
    "archived": Kind.FLAG,
}
#: Fields that give way to a parameter or metric of the same name; `run.memory` always means the field.
NEW_FIELDS = {
    "notes": Kind.TEXT,
    "cause": Kind.TEXT,
    "image": Kind.TEXT,
    "code": Kind.TEXT,
    "badge": Kind.TEXT,
    "reproduces": Kind.TEXT,
    "guards": Kind.TEXT,
    "exit_code": Kind.NUMBER,
    "memory": Kind.SIZE,
    "peak_memory": Kind.SIZE,
    "cpu_time": Kind.DURATION,
    "cost": Kind.DURATION,
    "starred": Kind.FLAG,
    "data": Kind.DATA,
    "dataset": Kind.DATA,
}
FIELD_KINDS = OLD_FIELDS | NEW_FIELDS | {f"run.{name}": kind for name, kind in (OLD_FIELDS | NEW_FIELDS).items()}

#: Statistics of a metric: `loss.min`. `best` is the smallest or the largest, whichever is good for that metric.
STATISTICS = ("last", "min", "max", "mean", "count", "best")

YES, NO, EITHER = ("yes", "true", "1"), ("no", "false", "0"), ("any", "all")

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}
_SPAN = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|min|s|m|h|d|w))+")
_SPAN_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|min|s|m|h|d|w)")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgtp]?)(i?)b?", re.IGNORECASE)
_DAY = re.compile(r"(\d{4})-(\d{2})(?:-(\d{2}))?")
_WORDS = ("now", "today", "yesterday")


@dataclass(frozen=True)
class Period:
    """From `start` up to but not with `end`, seconds since the epoch; an instant where they are equal."""

    start: float
    end: float


def check_value(key: str, op: str, value: str) -> tuple[str, str] | None:
    """What is wrong with comparing field `key` so, as a sentence and its way out; None where nothing is.

    A name that is no field may be a number or a size: only a known parameter of a field's name can tell.
    """
    if op in PATTERNS:
        return None if value else (f"{op} needs a regular expression", f"write {key}{op}^calm")
    kind = FIELD_KINDS.get(key)
    if kind is Kind.FLAG and key not in NEW_FIELDS:
        return _trouble(value, (*YES, *NO, *EITHER), f"{key} is yes, no or any")
    if op not in ORDERED or number(value) is not None:
        if kind is Kind.DATE and op in ("=", "!=") and number(value) is None and period(value, 0.0) is None:
            return _date_trouble(key, value)
        return None
    if kind is Kind.DATE:
        return None if period(value, 0.0) is not None else _date_trouble(key, value)
    if kind is Kind.DURATION:
        hint = f"write {key}{op}90, {key}{op}10m or {key}{op}1h30m"
        return None if seconds(value) is not None else (f"{value!r} is no duration", hint)
    if kind is Kind.SIZE:
        return None if size(value) is not None else (f"{value!r} is no size", f"write {key}{op}512MiB or {key}{op}2GB")
    return (f"{value!r} is not a number", f"write {key}{op}0.5")


def _date_trouble(key: str, value: str) -> tuple[str, str]:
    if span(value) is not None:
        return f"{value!r} is no date", f"-{value} is {value} ago"
    hint = "write 2026-11-01, 2026-11-01T09:30, -7d, today or yesterday"
    return _trouble(value, _WORDS, f"{value!r} is no date", hint) or (f"{value!r} is no date", hint)


def _trouble(value: str, words: tuple[str, ...], message: str, hint: str = "") -> tuple[str, str] | None:
    """`message` where `value` is none of `words`, with the nearest of them."""
    if value.lower() in words:
        return None
    near = difflib.get_close_matches(value.lower(), words, 1)
    return message, f"did you mean {near[0]}?" if near else hint or f"use {', '.join(words)}"


def flag(value: str) -> bool | None:
    """Yes or no; None for either. Raises ValueError for other words."""
    word = value.lower()
    if word in (*YES, *NO):
        return word in YES
    if word in EITHER:
        return None
    raise ValueError(value)


def span(value: str) -> float | None:
    """`90s`, `10m`, `1h30m`, `7d` in seconds; None for what is none."""
    if not _SPAN.fullmatch(value):
        return None
    return sum(float(amount) * _SECONDS[unit] for amount, unit in _SPAN_PART.findall(value))


def seconds(value: str) -> float | None:
    """A duration: a number of seconds, or with units."""
    plain = number(value)
    return span(value.lower()) if plain is None else plain


def size(value: str) -> float | None:
    """Bytes: a number, `512MiB` (powers of 1024) or `2GB` (powers of 1000)."""
    plain = number(value)
    if plain is not None:
        return plain
    match = _SIZE.fullmatch(value)
    if match is None:
        return None
    power = " kmgtp".index(match[2].lower() or " ")
    return float(float(match[1]) * (1024 if match[3] else 1000) ** power)


def period(value: str, now: float) -> Period | None:
    """A month, a day or an instant in local time: `2026-11`, `2026-11-01`, `2026-11-01T09:30`, `-7d` before `now`,
    `today`, `yesterday`, or seconds since the epoch. None for what is none."""
    plain = number(value)
    if plain is not None:
        return Period(plain, plain) if math.isfinite(plain) else None
    word = value.lower()
    if word == "now":
        return Period(now, now)
    if word.startswith("-"):
        ago = span(word[1:])
        return None if ago is None else Period(now - ago, now - ago)
    try:
        if word in _WORDS:
            today = datetime.fromtimestamp(now).astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
            return _days(today.replace(tzinfo=None) - timedelta(days=word == "yesterday"))
        match = _DAY.fullmatch(value)
        if match is None:
            moment = datetime.fromisoformat(value).timestamp() if len(value) > 10 else None
            return None if moment is None else Period(moment, moment)
        year, month = int(match[1]), int(match[2])
        if match[3]:
            return _days(datetime(year, month, int(match[3])))  # noqa: DTZ001
        after = datetime(year + month // 12, month % 12 + 1, 1)  # noqa: DTZ001
        return Period(datetime(year, month, 1).timestamp(), after.timestamp())  # noqa: DTZ001
    except (ValueError, OverflowError, OSError):
        return None


def _days(day: datetime) -> Period:
    """From midnight to midnight; `day` is naive, so that days with a change of clocks are whole days too."""
    return Period(day.timestamp(), (day + timedelta(days=1)).timestamp())
