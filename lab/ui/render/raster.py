"""Curves to dots in the cells of a character grid; the numpy half of the chart (see `chart`, its only user)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lab.dataclass import dataclass
from lab.ui.render.axes import DOTS, Scale, column_of, row_of
from lab.ui.render.legend import series_glyph
from lab.ui.render.series import PlotArea, Series
from lab.ui.render.series import Style as ChartStyle

Floats = NDArray[np.float64]

#: Values beyond this are drawn at it, so that differences stay finite.
HUGE = 1e300

# The character for each combination of dots (bit = row * columns + column).
_QUADRANTS = " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"
_BRAILLE_BITS = (0x01, 0x08, 0x02, 0x10, 0x04, 0x20, 0x40, 0x80)
_BRAILLE = [chr(0x2800 + sum(b for i, b in enumerate(_BRAILLE_BITS) if code >> i & 1)) for code in range(256)]


def _codes(characters: Sequence[str]) -> NDArray[np.uint32]:
    return np.array([ord(character) for character in characters], dtype="<u4")


_BLANK = ord(" ")
_CHARACTERS = {"braille": _codes([" ", *_BRAILLE[1:]]), "block": _codes(_QUADRANTS), "ascii": _codes(" *")}


@dataclass(frozen=True, eq=False)
class Curve:
    """A series ready to draw: x sorted and finite, y with NaN wherever nothing can be drawn (log axis: log10); the
    edges of its band alike."""

    series: Series
    x: Floats
    y: Floats
    raw: Floats | None
    low: Floats | None = None
    high: Floats | None = None


def curve_of(series: Series, log_y: bool, alone: bool = False) -> Curve:
    """`alone`: no other curve is drawn, so that there is room for its raw values."""
    x = np.asarray(series.x, dtype=np.float64)
    raw = series.y if series.trend is not None and (series.highlighted or alone) else None
    found = [
        None if one is None else np.asarray(one, dtype=np.float64)
        for one in (series.y if series.trend is None else series.trend, raw, series.low, series.high)
    ]
    size = min(x.size, *(one.size for one in found if one is not None))
    kept: NDArray[np.intp] | slice = slice(size)
    known = np.isfinite(x[:size])
    if not known.all():
        kept = np.flatnonzero(known)
    x = x[kept]
    found = [None if one is None else one[kept] for one in found]
    if x.size and bool(np.any(x[1:] < x[:-1])):
        order = np.argsort(x, kind="stable")
        x, found = x[order], [None if one is None else one[order] for one in found]
    if x.size and max(-x[0], x[-1]) > HUGE:
        x = np.clip(x, -HUGE, HUGE)
    y, *others = (None if one is None else _drawable(one, log_y) for one in found)
    assert y is not None
    return Curve(series, x, y, *others)


def _drawable(y: Floats, log_y: bool) -> Floats:
    if log_y:
        return np.where(np.isfinite(y) & (y > 0), np.log10(y), np.nan)
    if y.size and np.abs(y).max() <= HUGE:  # false for NaN
        return y
    return np.where(np.isfinite(y), np.clip(y, -HUGE, HUGE), np.nan)


def last_known(y: Floats) -> int | None:
    """The index of the last value that is not NaN."""
    if y.size and not np.isnan(y[-1]):
        return y.size - 1
    known = np.flatnonzero(~np.isnan(y))
    return int(known[-1]) if known.size else None


def _mask(curve: Curve, y: Floats, scale: Scale, plot: PlotArea, dots: tuple[int, int]) -> NDArray[np.bool_]:
    """Which pixels of the plot a curve covers, (height, width) in pixels."""
    height, width = plot.height * dots[0], plot.width * dots[1]
    if not y.size or width <= 0:
        return np.zeros((height, width), dtype=bool)
    x = curve.x
    rows = (scale.y_high - y) * ((height - 1) / (scale.y_high - scale.y_low))
    edges = plot.x_low + np.arange(width + 1) * ((plot.x_high - plot.x_low) / width)
    edges[-1] = np.nextafter(plot.x_high, np.inf)
    starts = np.searchsorted(x, edges, "left")
    # Where the curve crosses each edge between two pixel columns; NaN beside a gap and beyond the curve's ends.
    right = np.minimum(starts, x.size - 1)
    left = np.maximum(right - 1, 0)
    part = (edges - x[left]) / (x[right] - x[left])
    crossing = np.where((starts > 0) & (starts < x.size), rows[left] + (rows[right] - rows[left]) * part, np.nan)
    # Lowest and highest sample within each column; `reduceat` answers for empty ones too, hence `filled`.
    padded = np.append(rows[: starts[-1]], np.nan)
    filled = starts[:-1] < starts[1:]
    upper = np.where(filled, np.fmin.reduceat(padded, starts[:-1]), np.nan)
    lower = np.where(filled, np.fmax.reduceat(padded, starts[:-1]), np.nan)
    upper = np.rint(np.fmin(np.fmin(upper, crossing[:-1]), crossing[1:]))
    lower = np.rint(np.fmax(np.fmax(lower, crossing[:-1]), crossing[1:]))
    visible = (upper < height) & (lower >= 0)
    first = np.where(visible, np.maximum(upper, 0), 0)
    length = np.where(visible, np.minimum(lower, height - 1) - first + 1, 0)
    # Unsigned, so that one comparison does for both ends: above the span the difference wraps around to a large number.
    small = np.uint8 if height < 256 else np.uint16
    below = np.arange(height, dtype=small)[:, None] - first.astype(small)
    covered: NDArray[np.bool_] = below < length.astype(small)
    return covered


def _pack(mask: NDArray[np.bool_], dots: tuple[int, int]) -> NDArray[np.uint8]:
    """Pixels to one code per cell, bit = row * columns + column within the cell."""
    rows, columns = dots
    pixels = mask.view(np.uint8)
    code = pixels[0::rows, 0::columns].copy()
    for bit in range(1, rows * columns):
        row, column = divmod(bit, columns)
        code |= pixels[row::rows, column::columns] << bit
    return code


def paint(
    curves: Sequence[Curve], scale: Scale, plot: PlotArea, style: ChartStyle
) -> tuple[NDArray[np.uint32], NDArray[np.int16]]:
    """Characters and, per cell, which curve it belongs to: -1 none, n the n-th, count + n the faint n-th.

    Dots of all curves in a cell are OR-ed and it takes the colour of the one with most; the cells of a highlighted
    curve are its own alone, so that it stays a clean line on top of the others.
    """
    dots = DOTS[style]
    count = len(curves)
    shape = (plot.height, plot.width)
    code = np.zeros(shape, dtype=np.uint8)
    most = np.zeros(shape, dtype=np.uint8)
    owners = np.full(shape, -1, dtype=np.int16)
    for index, curve in sorted(enumerate(curves), key=lambda item: item[1].series.highlighted):
        own = _pack(_mask(curve, curve.y, scale, plot, dots), dots)
        dots_in = np.bitwise_count(own)
        if curve.series.highlighted or curve.raw is not None:
            _shade(code, owners, curve, count + index, scale, plot, dots)
            hit = own > 0
            code[hit] = own[hit]
        else:
            hit = dots_in > most
            code |= own
        owners[hit] = index
        np.maximum(most, dots_in, out=most)
    _fill_bands(code, owners, curves, scale, plot, dots)
    cells = _CHARACTERS[style][code]
    if style == "ascii":
        cells = _letters(cells, owners, count)
    for index, curve in enumerate(curves):
        _dot(cells, owners, curve, index, scale, plot, style)
    return cells, owners


def _fill_bands(
    code: NDArray[np.uint8],
    owners: NDArray[np.int16],
    curves: Sequence[Curve],
    scale: Scale,
    plot: PlotArea,
    dots: tuple[int, int],
) -> None:
    """Every second dot between the edges of bands, only in cells that nothing else uses."""
    for index, curve in enumerate(curves):
        if curve.low is None or curve.high is None:
            continue
        above = np.logical_or.accumulate(_mask(curve, curve.high, scale, plot, dots), axis=0)
        low = _mask(curve, curve.low, scale, plot, dots)
        below = np.logical_or.accumulate(low[::-1], axis=0)[::-1]
        outside = ~low.any(axis=0)  # its lower edge is below the plot, or not there on a log axis
        below[:, outside] = True
        inside = above & below
        inside &= (np.arange(inside.shape[0])[:, None] + np.arange(inside.shape[1])) % 2 == 0
        filled = _pack(inside, dots)
        free = (code == 0) & (filled > 0)
        code[free] = filled[free]
        owners[free] = len(curves) + index


def _shade(
    code: NDArray[np.uint8],
    owners: NDArray[np.int16],
    curve: Curve,
    owner: int,
    scale: Scale,
    plot: PlotArea,
    dots: tuple[int, int],
) -> None:
    """The raw values behind a smoothed curve, only in cells that nothing else uses."""
    if curve.raw is not None:
        raw = _pack(_mask(curve, curve.raw, scale, plot, dots), dots)
        free = (code == 0) & (raw > 0)
        code[free] = raw[free]
        owners[free] = owner


def _letters(cells: NDArray[np.uint32], owners: NDArray[np.int16], count: int) -> NDArray[np.uint32]:
    """The ASCII style tells curves apart by character as well as by colour."""
    signs = _codes([*(series_glyph(index, True) for index in range(count)), *("'" for _ in range(count)), " "])
    return np.where(owners >= 0, signs[owners], cells)


def _dot(
    cells: NDArray[np.uint32],
    owners: NDArray[np.int16],
    curve: Curve,
    index: int,
    scale: Scale,
    plot: PlotArea,
    style: ChartStyle,
) -> None:
    """A curve of a single point would be one dot: show its sign instead."""
    only = last_known(curve.y)
    if only is None or np.count_nonzero(curve.y == curve.y) != 1:
        return
    x, y = float(curve.x[only]), float(curve.y[only])
    row, column = row_of(y, scale, plot.height), column_of(x, plot)
    if column is not None:
        cells[row, column] = ord(series_glyph(index, style == "ascii"))
        owners[row, column] = index
