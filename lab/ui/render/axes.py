"""The frame around a chart's curves: tick positions, heading, axis lines and their labels. No numpy."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lab.dataclass import dataclass
from lab.domain import ticks
from lab.ui.render.cells import tidy, width_of
from lab.ui.render.glyphs import Row
from lab.ui.render.legend import Entry, pad_row
from lab.ui.render.number import format_number
from lab.ui.render.series import ChartOptions, PlotArea, Style

#: Dots of a cell, (rows, columns), by what curves are made of.
DOTS: dict[Style, tuple[int, int]] = {"braille": (4, 2), "block": (2, 2), "ascii": (1, 1)}
#: Fewer cells than this for the curves, and the axis labels give way.
_MIN_PLOT = 8
_LABEL_MAX = 20


@dataclass(frozen=True)
class Scale:
    """Ticks as (cell, label), and the range of y as drawn: in decades on a log axis. `dots` are those above each other
    in a cell."""

    y_low: float
    y_high: float
    dots: int
    y_ticks: tuple[tuple[int, str], ...]
    x_ticks: tuple[tuple[int, str], ...]


def layout(
    entries: Sequence[Entry],
    y_range: tuple[float, float],
    x_range: tuple[float, float],
    top: int,
    body: int,
    width: int,
    options: ChartOptions,
) -> tuple[Scale, PlotArea, int]:
    """Ticks, where the plot lies (`body` rows from row `top`), and how many cells the end labels get (0: none)."""
    y_low, y_high = y_range
    values, labels = _y_ticks(y_range, max(2, min(8, body // 3)), options.log_y)
    gutter = max((len(label) for label in labels), default=0) + 1
    if width - gutter < _MIN_PLOT:
        gutter = 0
    marks = 0
    if width >= 60 and body >= 4 and len(entries) > 1:  # a single curve is named above
        marks = min(_LABEL_MAX, max((width_of(entry.name) for entry in entries), default=0) + 4, width // 5)
    plot_width = width - gutter - marks
    dots, _ = DOTS[options.style]
    rows = [_row((y_high - value) / (y_high - y_low), body, dots) for value in values]
    kept = [(row, label) for row, label in zip(rows, labels, strict=True) if 0 <= row < body] if gutter else []
    scale = Scale(y_low, y_high, dots, tuple(kept), _x_ticks(*x_range, plot_width, options))
    edges = (_power(y_low), _power(y_high)) if options.log_y else y_range
    return scale, PlotArea(gutter, top, plot_width, body, *x_range, *edges), marks


def _power(exponent: float) -> float:
    return float(10 ** max(-300.0, min(300.0, exponent)))


def _row(fraction: float, rows: int, dots: int) -> int:
    """The row in which curves have the dot at that part of the height; -1 where there is none."""
    return round(fraction * (rows * dots - 1)) // dots if math.isfinite(fraction) else -1


def row_of(y: float, scale: Scale, height: int) -> int:
    """The plot row of a drawn y (decades on a log axis), clipped to the plot; 0 for NaN."""
    return max(0, min(height - 1, _row((scale.y_high - y) / (scale.y_high - scale.y_low), height, scale.dots)))


def column_of(x: float, plot: PlotArea) -> int | None:
    """The plot column of `x`, None outside the plot."""
    fraction = (x - plot.x_low) / (plot.x_high - plot.x_low)
    column = math.floor(fraction * plot.width) if math.isfinite(fraction) else -1
    column = plot.width - 1 if column == plot.width and x <= plot.x_high else column
    return column if 0 <= column < plot.width else None


def _y_ticks(span: tuple[float, float], count: int, log_y: bool) -> tuple[list[float], list[str]]:
    if not log_y:
        values = ticks.linear_ticks(*span, count)
        return values, ticks.tick_labels(values)
    values = ticks.log_ticks(_power(span[0]), _power(span[1]), count)
    labels = ticks.tick_labels(values) if span[1] - span[0] < 1 else ticks.log_labels(values)
    return [math.log10(value) for value in values], labels


def _x_ticks(low: float, high: float, width: int, options: ChartOptions) -> tuple[tuple[int, str], ...]:
    count = max(2, min(10, width // 12))
    if options.x_kind == "seconds":
        values = ticks.time_ticks(low, high, count)
        labels = ticks.time_labels(values)
    else:
        values = ticks.linear_ticks(low, high, count)
        labels = ticks.tick_labels(values)
    area = PlotArea(width=width, x_low=low, x_high=high)
    columns = [column_of(min(high, max(low, value)), area) for value in values]
    return tuple((column, label) for column, label in zip(columns, labels, strict=True) if column is not None)


def heading(options: ChartOptions, plain: bool) -> Row:
    """Title, what was done to the values, and where the crosshair stands."""
    row: Row = [(tidy(options.title, 60), "title")] if options.title else []
    notes = [*(["log y"] if options.log_y else []), *([f"smooth {options.smoothing:g}"] if options.smoothing else [])]
    if notes:
        row.append(((" " if row else "") + (", " if plain else " · ").join(notes), "muted"))
    if options.crosshair is not None:
        if options.x_kind == "seconds":
            text = ticks.time_labels([float(round(options.crosshair))])[0]
        else:
            text = format_number(
                round(options.crosshair) if 100 <= abs(options.crosshair) < 1e15 else options.crosshair
            )
        row.append((("  " if row else "") + f"{tidy(options.x_label, 20)} {text}", "accent"))
    return row


def gutter_span(row: int, scale: Scale, width: int, plain: bool) -> Row:
    """The y axis beside one row of the plot: label and axis line."""
    if not width:
        return []
    label = next((label for at, label in scale.y_ticks if at == row), None)
    line = ("+" if label else "|") if plain else ("┤" if label else "│")
    return [((label or "").rjust(width - 1), "axis"), (line, "frame")]


def foot_rows(scale: Scale, plot: PlotArea, width: int, options: ChartOptions, plain: bool) -> list[Row]:
    """The x axis: its line, and below it the tick labels with the name of x at the right end."""
    corner, line, tick = ("+", "-", "+") if plain else ("└", "─", "┬")
    marks = {column for column, _ in scale.x_ticks}
    axis = "".join(tick if column in marks else line for column in range(plot.width))
    first: Row = [(" " * (plot.left - 1) + corner, "frame")] if plot.left else []
    name = tidy(options.x_label, 20)
    room = width - (width_of(name) + 1 if width >= 30 else 0)
    text = ""
    for column, label in scale.x_ticks:
        start = max(0, min(plot.left + column - len(label) // 2, room - len(label)))
        if start > len(text) or (start == 0 and not text):
            text += " " * (start - len(text)) + label
    if width < 30:
        return [pad_row([*first, (axis, "frame")], width), pad_row([(text, "axis")], width)]
    labels: Row = [(text.ljust(room), "axis"), (f" {name}", "axis bold")]
    return [pad_row([*first, (axis, "frame")], width), pad_row(labels, width)]
