"""Runs as points: a parameter against a metric, shaded by a third value. Pure functions, no numpy."""

from __future__ import annotations

import math

from lab.dataclass import dataclass
from lab.domain import ticks
from lab.domain.relations import CATEGORY, LOG, Axis
from lab.ui.render.cells import cut, fit, tidy, width_of
from lab.ui.render.glyphs import Row
from lab.ui.render.shades import level, sign, token

_LEAST = 8  # cells of a plot that is worth drawing
_CATEGORY = 14


@dataclass(frozen=True)
class Plot:
    """Rows of exactly the width asked for, and the runs at each (row, column) of the frame."""

    rows: tuple[Row, ...]
    places: dict[tuple[int, int], list[int]]


def scatter(x: Axis, y: Axis, shade: Axis | None, width: int, height: int, cursor: int | None, plain: bool) -> Plot:
    """Draw in `height` rows of `width` cells; `cursor` is the run that is marked."""
    y_ticks = axis_ticks(y, max(2, height // 4))
    gutter = max((width_of(text) for _, text in y_ticks), default=0) + 1
    gutter = gutter if width - gutter >= _LEAST else 0
    inner, body = width - gutter, height - 2
    if inner < 1 or body < 1:
        return Plot(tuple([(" " * width, "")] for _ in range(height)), {})
    points = _points(x, y, inner, body)
    cells = _cells(points, shade, cursor, plain)
    rows: list[Row] = []
    names = {round((1 - share) * (body - 1)): text for share, text in y_ticks}
    for at in range(body):
        text = names.get(at, "")
        row: Row = [(text.rjust(gutter - 1), "axis"), ("┤" if text and not plain else "|" if plain else "│", "frame")]
        row = row if gutter else []
        rows.append([*row, *_line(cells, at, inner, bool(text), plain)])
    rows += _foot(x, gutter, inner, plain)
    places = {(row, column + gutter): members for (row, column), members in points.items()}
    return Plot(tuple(rows), places)


def _points(x: Axis, y: Axis, width: int, height: int) -> dict[tuple[int, int], list[int]]:
    """Runs by cell; categories stand in the middle of their part."""
    found: dict[tuple[int, int], list[int]] = {}
    for run in range(len(x.places)):
        right, up = place(x, run), y.share(run)
        if right is not None and up is not None:
            cell = round((1 - up) * (height - 1)), min(width - 1, int(right * width))
            found.setdefault(cell, []).append(run)
    return found


def place(axis: Axis, run: int) -> float | None:
    """Where along the plot a run is, 0 to 1."""
    at = axis.places[run]
    if at is not None and axis.kind == CATEGORY:
        return (at + 0.5) / max(1, len(axis.labels))
    return axis.share(run)


def _cells(
    points: dict[tuple[int, int], list[int]], shade: Axis | None, cursor: int | None, plain: bool
) -> dict[tuple[int, int], tuple[str, str]]:
    cells = {}
    for cell, members in points.items():
        shown = cursor if cursor in members else members[-1]
        step = level(shade.share(shown)) if shade is not None and shown is not None else 4
        style = token(step) if shade is not None else "series.0"
        if cursor in members:
            style += " bold reverse"
        cells[cell] = sign(step, plain), style
    return cells


def _line(cells: dict[tuple[int, int], tuple[str, str]], row: int, width: int, guide: bool, plain: bool) -> Row:
    spans: Row = []
    blank = ("." if plain else "┈", "grid") if guide else (" ", "")
    for column in range(width):
        text, style = cells.get((row, column), blank)
        if spans and spans[-1][1] == style:
            spans[-1] = (spans[-1][0] + text, style)
        else:
            spans.append((text, style))
    return spans


def axis_ticks(axis: Axis, count: int) -> list[tuple[float, str]]:
    """(share of the axis, label)."""
    low, high = axis.span
    if axis.kind == CATEGORY:
        return [(at / max(1, len(axis.labels) - 1), cut(tidy(text), _CATEGORY)) for at, text in enumerate(axis.labels)]
    if axis.kind == LOG:
        values = ticks.log_ticks(10**low, 10**high, count)
        return [((math.log10(value) - low) / (high - low), text)
                for value, text in zip(values, ticks.log_labels(values), strict=True)]  # fmt: skip
    values = ticks.linear_ticks(low, high, count)
    return [((value - low) / (high - low), text) for value, text in zip(values, ticks.tick_labels(values), strict=True)]


def _foot(axis: Axis, gutter: int, width: int, plain: bool) -> list[Row]:
    corner, line, mark = ("+", "-", "+") if plain else ("└", "─", "┬")
    if axis.kind == CATEGORY:
        size = max(1, len(axis.labels))
        named = [((at + 0.5) / size, cut(tidy(text), max(3, width // size - 1))) for at, text in enumerate(axis.labels)]
    else:
        named = axis_ticks(axis, max(2, min(10, width // 12)))
    spots = {min(width - 1, int(share * width)): text for share, text in named if -1e-9 <= share <= 1 + 1e-9}
    rule = "".join(mark if at in spots else line for at in range(width))
    text = ""
    for at, label in sorted(spots.items()):
        start = max(0, min(gutter + at - width_of(label) // 2, gutter + width - width_of(label)))
        if start > width_of(text) or not text:
            text += " " * (start - width_of(text)) + label
    head: Row = [(" " * (gutter - 1) + corner, "frame")] if gutter else []
    return [[*head, (rule, "frame")], [(fit(text, gutter + width), "axis")]]


def legend(shade: Axis | None, plain: bool) -> Row:
    """What the shades mean: `epochs ○ 10 ● 50`."""
    if shade is None:
        return []
    low, high = shade.span
    ends = [_end(shade, low), _end(shade, high)]
    return [(f"   {tidy(shade.title, 24)} ", "muted"), (sign(0, plain), token(0)), (f" {ends[0]} ", "muted"),
            (sign(4, plain), token(4)), (f" {ends[1]}", "muted")]  # fmt: skip


def _end(axis: Axis, value: float) -> str:
    if axis.kind == CATEGORY:
        return tidy(axis.labels[min(len(axis.labels) - 1, int(value))], _CATEGORY) if axis.labels else ""
    return f"{10**value if axis.kind == LOG else value:.4g}"
