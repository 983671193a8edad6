"""Histograms of counts: one line for a table's cell, a small chart for a panel. Without numpy."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from lab.ui.render.cells import cut, width_of
from lab.ui.render.glyphs import Row, glyphs


def histogram_line(counts: Sequence[int], width: int, plain: bool | None = None) -> str:
    """`counts` as bars from zero, at most `width` of them; a dot (a blank in ASCII) for an empty bin."""
    signs = glyphs(plain)
    bins = rebin(counts, width)
    most = max(bins, default=0)
    # Without the full block: bars of a line do not touch those of the line above.
    bars = signs.bars[:-1]
    empty = " " if bars.isascii() else signs.blank_bar
    return "".join(bars[_level(count, most, len(bars)) - 1] if count else empty for count in bins)


def rebin(counts: Sequence[int], most: int) -> list[float]:
    """At most `most` bins of equal width; a bin that lies in two of the new ones is divided between them."""
    have = len(counts)
    if most <= 0:
        return []
    if have <= most:
        return [float(count) for count in counts]
    bins = [0.0] * most
    for at, count in enumerate(counts):
        low, high = at * most / have, (at + 1) * most / have
        first, last = int(low), min(most - 1, int(high))
        if first == last:
            bins[first] += count
        else:
            share = (last - low) / (high - low)
            bins[first] += count * share
            bins[last] += count * (1 - share)
    return bins


def histogram_rows(
    counts: Sequence[int],
    edges: Sequence[float],
    width: int,
    height: int,
    label: Callable[[float], str],
    plain: bool | None = None,
) -> list[Row]:
    """A chart of `height` lines of bars, an axis and its two ends in the words of `label`; nothing without counts."""
    top = f"{max(counts, default=0):,}"
    gutter = width_of(top) + 1
    room = width - gutter
    if not any(counts) or room < 4 or height < 1:
        return []
    bins = rebin(counts, room)
    each = max(1, room // len(bins))
    rows: list[Row] = []
    for line in range(height, 0, -1):
        left = top if line == height else "0" if line == 1 and height > 1 else ""
        rows.append([(left.rjust(gutter - 1) + " ", "muted"), (_bars(bins, line, height, each, plain), "series.0")])
    signs = glyphs(plain)
    span = each * len(bins)
    rows.append([(" " * gutter, ""), (("-" if signs.bars.isascii() else "─") * span, "axis")])
    low, high = (label(edges[0]), label(edges[-1])) if len(edges) > 1 else ("", "")
    low, high = cut(low, max(1, span // 2 - 1)), cut(high, max(1, span // 2 - 1))
    gap = span - width_of(low) - width_of(high)
    rows.append([(" " * gutter + low + " " * max(1, gap) + high, "muted")])
    return rows


def _bars(bins: Sequence[float], line: int, height: int, each: int, plain: bool | None) -> str:
    """One line of the chart, the lowest being 1."""
    bars = glyphs(plain).bars
    most, steps = max(bins), len(bars)
    bar = each - 1 if each > 2 else each
    text = ""
    for count in bins:
        filled = _level(count, most, steps * height) if count else 0
        here = max(0, min(steps, filled - (line - 1) * steps))
        text += (bars[here - 1] if here else " ") * bar + " " * (each - bar)
    return text


def _level(count: float, most: float, steps: int) -> int:
    """From 1 to `steps`, so that even the smallest count is seen."""
    return max(1, min(steps, math.ceil(count * steps / most)))
