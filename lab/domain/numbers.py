"""Floats in JSON: JSON has no NaN or infinities, so Lab writes them as the strings NaN, Infinity, -Infinity."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def encode_float(value: float) -> float | str:
    """`value`, or its name when JSON cannot hold it."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def decode_float(value: object) -> float:
    """Inverse of `encode_float`. Raises ValueError or TypeError for what is not a number."""
    if isinstance(value, str) and value not in ("NaN", "Infinity", "-Infinity"):
        raise ValueError(f"{value!r} is not a number")
    return float(value)  # type: ignore[arg-type]


def jsonable(value: Any) -> Any:
    """`value` with every float inside it, however deep, in a form that JSON holds."""
    if isinstance(value, float):
        return encode_float(value)
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(item) for item in value]
    return value
