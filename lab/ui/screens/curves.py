"""From a metric's history to a curve of a chart. numpy comes with the chart, so it is imported with it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from lab.domain.figures import COLOURS, Line
from lab.domain.runs import History, Run
from lab.domain.seeds import SeedGroup
from lab.ui.render.series import ChartOptions, Series

if TYPE_CHECKING:
    from lab.workspace import Workspace

Axis = Literal["step", "time", "number", "epoch"]

#: Kinds of x: the step as logged, seconds since the run began, the how-manieth value, the epoch that the run logs.
AXES: tuple[Axis, ...] = ("step", "time", "number", "epoch")
#: A run without this metric has no epochs.
_EPOCH = "epoch"


#: From this many values on, noise hides the curve unless it is smoothed.
_MANY = 100
_SMOOTH = 0.6


def usual_smoothing(series: Sequence[Series]) -> float:
    """How much to smooth curves while nobody has chosen that."""
    return _SMOOTH if max((len(one.x) for one in series), default=0) > _MANY else 0.0


def next_axis(axis: Axis, runs: Sequence[Run]) -> Axis:
    """The kind of x after this one; epochs only where runs log them."""
    known = [one for one in AXES if one != "epoch" or any(_EPOCH in run.metrics for run in runs)]
    return known[(known.index(axis) + 1) % len(known)] if axis in known else known[0]


def plot_command(ids: Sequence[str], metric: str, options: ChartOptions, axis: Axis, apart: bool = False) -> str:
    """The command that draws the same into a file."""
    words = ["lab runs plot", *ids, "--metric", shlex.quote(metric)]
    words += ["--axis", axis] if axis != "step" else []
    words += ["--smooth", f"{options.smoothing:g}"] if options.smoothing else []
    return " ".join([*words, *(["--log"] if options.log_y else []), *(["--apart"] if apart else [])])


def of_run(ws: Workspace, run: Run, metric: str, axis: Axis, colour: int, name: str = "") -> Series:
    """One metric of one run."""
    return _curve_of(ws, run, ws.runs.history(run.id, metric), axis, colour, name or run.name, name or run.id)


def of_runs(ws: Workspace, runs: Sequence[Run], metric: str, axis: Axis) -> list[Series]:
    """One metric of several runs."""
    histories = ws.runs.overlay(runs, metric, times=axis == "time")
    return [
        _curve_of(ws, run, history, axis, at % COLOURS, run.name, run.id)
        for at, (run, history) in enumerate(zip(runs, histories, strict=True))
    ]


def _curve_of(ws: Workspace, run: Run, history: History, axis: Axis, colour: int, name: str, key: str) -> Series:
    if axis == "epoch":
        history = replace(history, steps=ws.drawings.places(run, history, axis))
    return curve(name, history, axis, run.started or run.created, colour, key)


def of_group(ws: Workspace, group: SeedGroup, metric: str, axis: Axis, colour: int) -> Series:
    """The mean of runs that differ in their seed alone, in a band of one standard deviation."""
    return _series(ws.drawings.band(group, metric, axis), colour, group.runs[0].id)


def _series(line: Line, colour: int, key: str) -> Series:
    np: Any = import_module("numpy")
    x, y, low, high = (np.asarray(one, dtype=np.float64) for one in (line.x, line.y, line.low, line.high))
    banded = len(line.low) > 0
    return Series(line.name, x, y, colour, key=key, low=low if banded else None, high=high if banded else None)


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
    if not np.all(x[1:] >= x[:-1]):
        order = np.argsort(x, kind="stable")
        x, y = x[order], y[order]
    return Series(name, x, y, colour, key=key or name)
