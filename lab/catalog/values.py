"""JSON columns as Python values: what an event's body holds is up to whoever wrote the journal."""

from __future__ import annotations

import json
import math
from typing import Any

from lab.domain.numbers import decode_float
from lab.domain.runs import MetricSummary


def json_object(text: str | None) -> dict[str, Any]:
    """The object in `text`; empty for anything else."""
    value = json.loads(text) if text else {}
    return value if isinstance(value, dict) else {}


def json_list(text: str | None) -> list[Any]:
    """The list in `text`; empty for anything else."""
    value = json.loads(text) if text else []
    return value if isinstance(value, list) else []


def number(value: object) -> float:
    """`value` as a float, NaN where it is none."""
    if type(value) is float:  # nearly always, and a page holds thousands
        return value
    try:
        return decode_float(value)
    except (TypeError, ValueError):
        return math.nan


def summary(value: object) -> MetricSummary:
    """A metric's statistics; NaN and 0 where they are missing."""
    get = value.get if isinstance(value, dict) else {}.get
    count = get("count")
    return MetricSummary(
        number(get("last")),
        number(get("min")),
        number(get("max")),
        number(get("mean")),
        count if type(count) is int else 0,
        number(get("step", 0.0)),
    )
