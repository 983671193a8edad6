"""From a metric's history to a curve of a chart. numpy comes with the chart, so it is imported with it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any, Literal

from lab.domain.runs import History
from lab.ui.render.series import Series

Axis = Literal["step", "time", "number"]

#: Kinds of x: the step as logged, seconds since the run began, the how-manieth value.
AXES: tuple[Axis, ...] = ("step", "time", "number")


#: From this many values on, noise hides the curve unless it is smoothed.
_MANY = 100
_SMOOTH = 0.6


def first_smoothing(series: Sequence[Series]) -> float:
    """How much to smooth curves that are shown for the first time."""
    return _SMOOTH if max((len(one.x) for one in series), default=0) > _MANY else 0.0


def curve(name: str, history: History, axis: Axis, start: float, colour: int, key: str = "") -> Series:
    """`start` is when the run began, seconds since the epoch. x is sorted, as charts want it."""
    np: Any = import_module("numpy")
    y = np.asarray(history.values, dtype=np.float64)
    if axis == "number":
        x = np.arange(1, len(y) + 1, dtype=np.float64)
    elif axis == "time":
        x = np.asarray(history.times, dtype=np.float64) - start
    else:
        x = np.asarray(history.steps, dtype=np.float64)
    order = np.argsort(x, kind="stable")
    return Series(name, x[order], y[order], colour, key=key or name)
