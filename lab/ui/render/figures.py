"""What a chart on the screen shows, as a figure for a file."""

from __future__ import annotations

from collections.abc import Sequence

from lab.domain.describe import Described
from lab.domain.figures import Bars, Curves, Dot, Figure, Line, Matrix, Points
from lab.domain.predictions import Confusion
from lab.domain.relations import CATEGORY, LOG, Axis
from lab.domain.runs import Run
from lab.ui.render.series import ChartOptions, Series


def of_series(series: Sequence[Series], options: ChartOptions) -> Curves:
    """Curves as they are shown, with the part of x that is in view."""
    lines = tuple(_line(one) for one in series)
    note = f"smooth {options.smoothing:g}" if options.smoothing else ""
    title = options.title or (series[0].name if len(series) == 1 else "")
    return Curves(title, options.x_label, lines, options.log_y, options.x_kind, options.x_range, options.events, note)


def _line(one: Series) -> Line:
    x, y = one.x.tolist(), one.y.tolist()
    low, high = (() if edge is None else tuple(edge.tolist()) for edge in (one.low, one.high))
    if one.trend is None:
        return Line(one.name, x, y, one.colour, (), low, high)
    return Line(one.name, x, one.trend.tolist(), one.colour, y, low, high)


def of_runs(runs: Sequence[Run], x: Axis, y: Axis, shade: Axis | None) -> Figure:
    """Runs as points of a parameter against a metric."""
    dots = tuple(
        Dot(float(across), float(up), run.name, shade.share(at) if shade is not None else None)
        for at, run in enumerate(runs)
        if (across := x.places[at]) is not None and (up := y.places[at]) is not None
    )
    names = tuple(x.labels) if x.kind == CATEGORY else ()
    return Points(f"{y.title} by {x.title}", x.title, y.title, dots, names, x.kind == LOG, y.kind == LOG)


def of_column(one: Described, title: str) -> Figure:
    """A column of the run table: its commonest values, or a histogram of its numbers."""
    if one.values and one.counted:
        return Bars(title, tuple(float(count) for _, count in one.values), tuple(text for text, _ in one.values))
    if one.numbers is None:
        return Bars(title, ())
    edges = (*one.numbers.edges, one.numbers.high)
    return Bars(title, tuple(map(float, one.numbers.bins)), edges=edges, x_label=title)


def of_confusion(found: Confusion, new: str, old: str) -> Figure:
    """How the counts of labels and predictions have changed."""
    values = tuple(
        tuple(float(found.delta(label, guess)) for guess in range(len(found.labels)))
        for label in range(len(found.labels))
    )
    title = f"Confusion of {new} against {old}"
    return Matrix(title, found.labels, found.labels, values, "label", "prediction", signed=True)
