"""The line chart as rows of styled text. With `raster`, the only part of the screen that imports numpy.

Each curve becomes, per pixel column, the span between its lowest and highest value there, joined to its neighbours
where it crosses the column's edges. So nothing that would be seen is lost however many points there are (a spike of one
sample stays), and the cost per frame depends on the size of the screen more than on that of the data.

Import this module only where a chart is first drawn: numpy must not load before the first paint.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lab.ui.render.axes import Scale, column_of, foot_rows, gutter_span, heading, layout, row_of
from lab.ui.render.cells import fit, tidy, width_of
from lab.ui.render.glyphs import Row
from lab.ui.render.legend import Entry, end_label, legend_rows, pad_row, place_labels, series_glyph
from lab.ui.render.number import NOTHING, format_number
from lab.ui.render.raster import HUGE, Curve, Floats, curve_of, last_known, paint
from lab.ui.render.series import ChartOptions, Frame, PlotArea, Series

#: Cells of an event's name, and the styles of events by how they are meant.
_EVENT_NAME = 16
_TONES = {"": "muted", "good": "ok", "bad": "fail", "warn": "warn"}

_MOST_EXPONENT = 308.2547

#: Points per history at which `smoothed` uses its weight as it is.
_REFERENCE = 240


def smoothed(series: Series, weight: float) -> Series:
    """`series` with its trend: an exponential moving average, debiased as in TensorBoard (`weight` in [0, 1)).

    Histories of more than 240 points use `weight ** (240 / n)`, so that one weight looks equally smooth whatever the
    number of points. Gaps stay gaps and do not enter the average. No trend for a weight of 0.
    """
    if weight <= 0:
        return replace(series, trend=None)
    y = np.asarray(series.y, dtype=np.float64)
    finite = np.isfinite(y)
    trend = np.full(y.shape, np.nan)
    values = np.clip(y[finite], -HUGE, HUGE)
    if values.size:
        weight = min(weight, 0.9999)
        trend[finite] = _average(values, weight ** min(1.0, _REFERENCE / values.size))
    return replace(series, trend=trend)


def _average(values: Floats, weight: float) -> Floats:
    """Debiased exponential moving average, a block at a time: within a block it is a scaled cumulative sum.

    s[t] = w s[t-1] + (1-w) v[t], so s[t] / w^t is a running sum; blocks are short enough that w^-t keeps its digits.
    """
    count = values.size
    size = min(count, max(1, int(8 / -math.log10(weight))))
    blocks = -(-count // size)
    padded = np.zeros(blocks * size)
    padded[:count] = values * (1 - weight)
    powers = weight ** np.arange(1, size + 1, dtype=np.float64)
    sums = np.cumsum(padded.reshape(blocks, size) / powers, axis=1) * powers
    carry = 0.0
    carries = np.empty(blocks)
    for index, last in enumerate(sums[:, -1].tolist()):
        carries[index] = carry
        carry = carry * float(powers[-1]) + last
    sums += carries[:, None] * powers
    result: Floats = sums.reshape(-1)[:count] / (1 - weight ** np.arange(1, count + 1, dtype=np.float64))
    return result


def render(series: Sequence[Series], width: int, height: int, options: ChartOptions | None = None) -> Frame:
    """Draw `series` into `height` rows of `width` cells. Never raises for any data or size."""
    options = options or ChartOptions()
    if width <= 0 or height <= 0:
        return Frame()
    with np.errstate(all="ignore"):
        return _render(series, width, height, options)


def _render(series: Sequence[Series], width: int, height: int, options: ChartOptions) -> Frame:
    plain = options.style == "ascii"
    curves = [curve_of(one, options.log_y, len(series) == 1) for one in series]
    x_range = _x_range(curves, options)
    entries = _entries(curves, options, plain)
    lead = heading(replace(options, crosshair=_told_at(curves, options)), plain) if series else []
    legend = legend_rows(lead, entries, width, max(1, min(4, height // 7))) if height >= 3 and (lead or entries) else []
    y_range = _y_range(curves, x_range, options)
    foot = 2 if height - len(legend) >= 6 else 0
    body = height - len(legend) - foot
    if y_range is None or body <= 0:
        return _empty(series, legend, width, height, options)
    scale, plot, marks = layout(entries, y_range, x_range, len(legend), body, width, options)
    cells, owners = paint(curves, scale, plot, options.style)
    rows = _body(cells, owners, curves, scale, plot, options)
    ends = {row: entry for entry, row in zip(entries, _ends(curves, scale, plot), strict=True) if row is not None}
    for index, row in enumerate(rows):
        row[:0] = gutter_span(index, scale, plot.left, plain)
        if marks:
            row += [(" ", ""), end_label(ends[index], marks - 1)] if index in ends else [(" " * marks, "")]
    above = [pad_row(row, width) for row in legend]
    below = foot_rows(scale, plot, width, options, plain) if foot else []
    return Frame((*above, *rows, *below), plot)


def _x_range(curves: Sequence[Curve], options: ChartOptions) -> tuple[float, float]:
    if options.x_range is not None and options.x_range[0] < options.x_range[1]:
        return options.x_range
    lows = [float(curve.x[0]) for curve in curves if curve.x.size]
    highs = [float(curve.x[-1]) for curve in curves if curve.x.size]
    return _widened(min(lows), max(highs), 0.0) if lows else (0.0, 1.0)


def _y_range(
    curves: Sequence[Curve], x_range: tuple[float, float], options: ChartOptions
) -> tuple[float, float] | None:
    """Of what is in view, with a little air; on the log axis in decades. None when there is nothing to draw."""
    if options.y_range is not None and options.y_range[0] < options.y_range[1]:
        low, high = options.y_range
        if not options.log_y:
            return low, high
        if low > 0:
            return math.log10(low), math.log10(high)
    lows, highs = [], []
    for curve in curves:
        start, stop = np.searchsorted(curve.x, x_range[0], "left"), np.searchsorted(curve.x, x_range[1], "right")
        for y in (curve.y, curve.raw, curve.high, None if options.log_y else curve.low):
            view = y[start:stop] if y is not None else curve.y[:0]
            if view.size and not np.isnan(low := float(np.fmin.reduce(view))):
                lows.append(low)
                highs.append(float(np.fmax.reduce(view)))
    return _widened(min(lows), max(highs), 0.03) if lows else None


def _widened(low: float, high: float, air: float) -> tuple[float, float]:
    span = high - low
    if span <= abs(high) * 1e-12 or span <= 0:  # constant, or differing only by rounding
        middle = low / 2 + high / 2
        half = abs(middle) * 0.05 or 0.5
        return middle - half, middle + half
    return low - span * air, high + span * air


def _nearest(curve: Curve, x: float) -> int | None:
    """The index of the sample nearest to `x`; None where the curve has not begun or has ended."""
    if not curve.x.size:
        return None
    right = int(np.searchsorted(curve.x, x))
    around = [index for index in (right - 1, right) if 0 <= index < curve.x.size]
    index = min(around, key=lambda i: abs(float(curve.x[i]) - x))
    typical = (float(curve.x[-1]) - float(curve.x[0])) / max(1, curve.x.size - 1)
    return index if abs(float(curve.x[index]) - x) <= max(typical, 1e-12) else None


def _told_at(curves: Sequence[Curve], options: ChartOptions) -> float | None:
    """The x of the sample nearest to the crosshair, whose value is told; the crosshair's where there is none."""
    x = options.crosshair
    if x is None:
        return None
    near = [float(curve.x[index]) for curve in curves if (index := _nearest(curve, x)) is not None]
    return min(near, key=lambda at: abs(at - x), default=x)


def _value_text(curve: Curve, options: ChartOptions) -> str:
    index = last_known(curve.y) if options.crosshair is None else _nearest(curve, options.crosshair)
    if index is None and options.crosshair is None and len(curve.series.y):
        return format_number(float(curve.series.y[-1]))  # nan, inf, or not positive on a log axis
    if index is None:
        return NOTHING
    value = float(curve.y[index])
    # Rounding may have taken the logarithm of the largest doubles above what has a power.
    return format_number(10 ** min(value, _MOST_EXPONENT) if options.log_y else value)


def _entries(curves: Sequence[Curve], options: ChartOptions, plain: bool) -> list[Entry]:
    return [
        Entry(
            series_glyph(index, plain),
            tidy(curve.series.name, 200) or "(no name)",
            _value_text(curve, options),
            curve.series.token,
            curve.series.highlighted,
        )
        for index, curve in enumerate(curves)
    ]


def _merged(cells: NDArray[np.uint32], tokens: NDArray[np.int16], names: Sequence[str]) -> list[Row]:
    """Rows of spans, each span as long as its token lasts."""
    width = cells.shape[1]
    text = cells.astype("<u4", copy=False).tobytes().decode("utf-32-le")
    changes = np.empty(tokens.shape, dtype=bool)
    changes[:, 0] = True
    np.not_equal(tokens[:, 1:], tokens[:, :-1], out=changes[:, 1:])
    starts = np.flatnonzero(changes)
    kinds = tokens.reshape(-1)[starts].tolist()
    rows: list[Row] = [[] for _ in range(cells.shape[0])]
    for start, stop, kind in zip(starts.tolist(), [*starts[1:].tolist(), len(text)], kinds, strict=True):
        rows[start // width].append((text[start:stop], names[kind]))
    return rows


def _body(
    cells: NDArray[np.uint32],
    owners: NDArray[np.int16],
    curves: Sequence[Curve],
    scale: Scale,
    plot: PlotArea,
    options: ChartOptions,
) -> list[Row]:
    """The plot itself, with guides at the y ticks and the crosshair where no curve is."""
    count = len(curves)
    plain = options.style == "ascii"
    quiet = any(curve.series.highlighted for curve in curves)
    names = [
        *(one.series.token + (" bold" if one.series.highlighted else ".soft" if quiet else "") for one in curves),
        *(f"{curve.series.token}.faint" for curve in curves),
        "grid",
        "crosshair",
        "",
    ]
    names += [_TONES[event.tone] for event in options.events]
    tokens = np.where(owners >= 0, owners, np.int16(2 * count + 2)).astype(np.int16)
    free = owners < 0
    if options.guides:
        for row, _ in scale.y_ticks:
            cells[row, free[row]] = ord("." if plain else "┈")
            tokens[row, free[row]] = 2 * count
    column = None if options.crosshair is None else column_of(options.crosshair, plot)
    if column is not None:
        cells[free[:, column], column] = ord("|" if plain else "│")
        tokens[free[:, column], column] = 2 * count + 1
    _put_events(cells, tokens, free, plot, options, 2 * count + 3)
    return _merged(cells, tokens, names)


def _put_events(
    cells: NDArray[np.uint32],
    tokens: NDArray[np.int16],
    free: NDArray[np.bool_],
    plot: PlotArea,
    options: ChartOptions,
    first: int,
) -> None:
    """A broken line at each event where no curve is, and in the first row its name where there is room for it."""
    plain = options.style == "ascii"
    columns = [column_of(event.x, plot) for event in options.events]
    places = sorted((column, at) for at, column in enumerate(columns) if column is not None)
    until = -1
    for index, (column, at) in enumerate(places):
        cells[free[:, column], column] = ord(":" if plain else "╎")
        tokens[free[:, column], column] = first + at
        name = tidy(options.events[at].name, _EVENT_NAME)
        following = places[index + 1][0] if index + 1 < len(places) else plot.width
        start = column + 1 if column + 1 + width_of(name) <= plot.width else column - width_of(name)
        if start > until and start >= 0 and name.isascii() and (start < column or start + len(name) <= following):
            cells[0, start : start + len(name)] = [ord(char) for char in name]
            tokens[0, start : start + len(name)] = first + at
            until = max(column, start + len(name))


def _ends(curves: Sequence[Curve], scale: Scale, plot: PlotArea) -> list[int | None]:
    """The row of each curve's name: beside its last value in view, moved where two would meet."""
    wanted, drawn = [], []
    for index, curve in enumerate(curves):
        stop = int(np.searchsorted(curve.x, plot.x_high, "right"))
        last = last_known(curve.y[:stop])
        if last is not None:
            drawn.append(index)
            wanted.append((row_of(float(curve.y[last]), scale, plot.height), curve.series.highlighted))
    rows: list[int | None] = [None] * len(curves)
    for index, row in zip(drawn, place_labels(wanted, plot.height), strict=True):
        rows[index] = row
    return rows


def _empty(series: Sequence[Series], legend: Sequence[Row], width: int, height: int, options: ChartOptions) -> Frame:
    message = tidy(options.empty)
    if options.log_y and any(np.isfinite(np.asarray(one.y, dtype=np.float64)).any() for one in series):
        message = "no positive values to show on a log axis"
    rows = [*legend, *([] for _ in range(height - len(legend)))][:height]
    rows[(len(legend) + height) // 2 if height > len(legend) else height - 1] = [
        (fit(message, width, "center"), "muted")
    ]
    return Frame(tuple(pad_row(row, width) for row in rows))
