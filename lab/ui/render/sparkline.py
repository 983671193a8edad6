"""Charts of one line of text, for table cells; without numpy, so that the first screen may draw them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lab.ui.render.glyphs import glyphs

_EIGHTHS = " ▏▎▍▌▋▊▉█"


def sparkline(values: Sequence[float], width: int, plain: bool | None = None) -> str:
    """`values` as `width` bars between their own minimum and maximum; a space where nothing finite is known.

    More values than bars are averaged per bar, fewer are shown as they are, right-aligned.
    """
    if width <= 0:
        return ""
    points = _buckets(values, width)
    finite = [point for point in points if math.isfinite(point)]
    if not finite:
        return " " * width
    bars = glyphs(plain).bars[:-1]  # not to the top of the line: curves of rows above each other stay apart
    low, high = min(finite), max(finite)
    # Halves, so that the span of the largest doubles does not overflow.
    span = high / 2 - low / 2
    text = "".join(
        " "
        if not math.isfinite(point)
        else bars[min(len(bars) - 1, int((point / 2 - low / 2) / span * len(bars)))]
        if span > 0
        else bars[len(bars) // 2]
        for point in points
    )
    return text.rjust(width)


def _buckets(values: Sequence[float], width: int) -> list[float]:
    count = len(values)
    if count <= width:
        return list(values)
    points = []
    for index in range(width):
        part = values[index * count // width : (index + 1) * count // width]
        finite = [value for value in part if math.isfinite(value)]
        points.append(math.fsum(value / len(finite) for value in finite) if finite else math.nan)
    return points


def bar(fraction: float, width: int, plain: bool | None = None) -> str:
    """A bar that fills `fraction` (0 to 1, clipped) of `width` cells; blank when it is not finite."""
    if width <= 0:
        return ""
    if not math.isfinite(fraction):
        return " " * width
    filled = max(0.0, min(1.0, fraction)) * width
    if glyphs(plain).bars.isascii():
        return ("#" * round(filled)).ljust(width, ".")
    eighths = round(filled * 8)
    text = "█" * (eighths // 8)
    if eighths % 8:
        text += _EIGHTHS[eighths % 8]
    return text.ljust(width)


def short_bar(fraction: float, width: int, plain: bool | None = None) -> str:
    """As `bar` without the cells that it leaves empty; a sliver of one for hardly anything."""
    text = bar(fraction, width, plain).rstrip(" .")
    if text or not fraction > 0:
        return text
    return "." if glyphs(plain).bars.isascii() else _EIGHTHS[1]
