"""Runs as lines over parallel axes, one per parameter and the metric last (A. Inselberg 1985, The Visual Computer 1).

Lines are drawn in braille dots; a cell takes the shade of the run with the highest metric in it. It brings numpy, so it
is imported where lines are first drawn.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lab.domain.relations import CATEGORY, Axis
from lab.ui.render.cells import cut, fit, tidy, width_of
from lab.ui.render.glyphs import Row
from lab.ui.render.scatter import axis_ticks
from lab.ui.render.shades import LEVELS, token

_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
#: Fewer cells than this between two axes, and axes are left out.
LEAST = 12
_DOTS = 4, 2


def fitting(axes: Sequence[Axis], width: int) -> list[Axis]:
    """As many of the first axes as there is room for, and the last one, which is the metric."""
    most = max(2, width // LEAST)
    return list(axes) if len(axes) <= most else [*axes[: most - 1], axes[-1]]


def parallel(axes: Sequence[Axis], width: int, height: int, cursor: int | None, plain: bool) -> tuple[Row, ...]:
    """Draw in `height` rows of `width` cells: names, the lines, and the ends of each axis."""
    body = height - 1
    if len(axes) < 2 or width < LEAST or body < 2:
        return tuple([(" " * width, "")] for _ in range(height))
    columns = _columns(len(axes), width)
    dots, owners = _lines(axes, columns, width, body, cursor, plain)
    texts = _labels(axes, columns, width, body)
    lines = (_row(dots[row], owners[row], texts[row], columns, plain) for row in range(body))
    return _names(axes, columns, width), *lines


def _columns(count: int, width: int) -> list[int]:
    """Cells of the axes; the last one leaves room for its labels."""
    room = width - 1 - min(10, width // 6)
    return [round(at * room / (count - 1)) for at in range(count)]


def _lines(
    axes: Sequence[Axis], columns: Sequence[int], width: int, height: int, cursor: int | None, plain: bool
) -> tuple[list[list[int]], list[list[int]]]:
    """Braille bits of each cell, and its owner: -1 none, 0 to 4 a shade, 5 the run under the cursor, 6 no metric."""
    down, across = (1, 1) if plain else _DOTS
    shares = np.array([[np.nan if share is None else share for share in map(axis.share, range(len(axis.places)))]
                       for axis in axes])  # fmt: skip
    last = np.nan_to_num(shares[-1])
    levels = np.where(np.isnan(shares[-1]), -1, np.clip((last * LEVELS).astype(int), 0, LEVELS - 1))
    ranks = (levels + 1).astype(
        np.int16
    )  # which of two runs in a cell is seen: the higher one, and that under the cursor before all
    if cursor is not None:
        ranks[cursor] = LEVELS + 1
    pixels = np.zeros((height * down, width * across), dtype=bool)
    tops = np.full((height, width), -1, dtype=np.int16)
    alone = np.zeros_like(pixels) if cursor is not None else None
    for left, right, start, stop in zip(columns, columns[1:], shares, shares[1:], strict=False):
        known = np.flatnonzero(~np.isnan(start) & ~np.isnan(stop))
        known = known[np.argsort(ranks[known], kind="stable")]  # of equal indexes the last assignment stays
        x = np.arange(left * across, right * across + 1)
        part = (x - x[0]) / max(1, len(x) - 1)
        at = start[known, None] + (stop - start)[known, None] * part
        y = np.rint((1 - at) * (height * down - 1)).astype(int)
        before = np.concatenate((y[:, :1], y[:, :-1]), axis=1)
        step = np.sign(y - before)
        for more in range(int(np.abs(y - before).max(initial=0)) + 1):
            # From a column to the next a steep line covers all rows between, so that it is never broken.
            inside = more <= np.abs(y - before)
            row, column = (y - step * more)[inside], np.broadcast_to(x, y.shape)[inside]
            run = np.broadcast_to(known[:, None], y.shape)[inside]
            pixels[row, column] = True
            cell = row // down, column // across
            higher = ranks[run] > tops[cell]
            tops[cell[0][higher], cell[1][higher]] = ranks[run[higher]]
            if alone is not None:
                mine = run == cursor
                alone[row[mine], column[mine]] = True
    bits = _bits(pixels, down, across)
    if alone is not None:  # the cursor's own line is clean, whatever else runs through its cells
        own = _bits(alone, down, across)
        bits = np.where(own > 0, own, bits)
    return bits.tolist(), tops.tolist()


def _bits(pixels: NDArray[np.bool_], down: int, across: int) -> NDArray[np.uint8]:
    """Pixels to one code per cell."""
    if (down, across) == (1, 1):
        return pixels.astype(np.uint8)
    code = np.zeros((pixels.shape[0] // down, pixels.shape[1] // across), dtype=np.uint8)
    for row, pair in enumerate(_BITS):
        for column, bit in enumerate(pair):
            code |= pixels[row::down, column::across].astype(np.uint8) * np.uint8(bit)
    return code


def _style(owner: int) -> str:
    return "accent bold" if owner == LEVELS + 1 else token(owner - 1 if owner > 0 else None)


def _names(axes: Sequence[Axis], columns: Sequence[int], width: int) -> Row:
    text = ""
    for axis, at, after in zip(axes, columns, [*columns[1:], width], strict=True):
        name = cut(tidy(axis.title), max(1, after - at - 1))
        start = at if at + width_of(name) <= width else width - width_of(name)
        text += " " * max(0, start - width_of(text)) + name
    return [(fit(text, width), "title")]


def _labels(axes: Sequence[Axis], columns: Sequence[int], width: int, height: int) -> list[dict[int, str]]:
    """Text beside the axes, by row and column: the values at the ends, or the categories."""
    found: list[dict[int, str]] = [{} for _ in range(height)]
    for axis, at, after in zip(axes, columns, [*columns[1:], width], strict=True):
        room = min(10, after - at - 3) if after != width else width - at - 2
        marks = axis_ticks(axis, 3)
        if axis.kind == CATEGORY and len(marks) > height // 2:
            marks = [marks[0], marks[-1]]
        for share, text in marks:
            row = round((1 - share) * (height - 1))
            if 0 <= row < height and room > 0:
                found[row][at + 1] = cut(text, room)
    return found


def _row(
    dots: Sequence[int], owners: Sequence[int], texts: dict[int, str], columns: Sequence[int], plain: bool
) -> Row:  # fmt: skip
    cells = [(chr(0x2800 + bits) if bits and not plain else "*" if bits else " ", _style(owner) if bits else "")
             for bits, owner in zip(dots, owners, strict=True)]  # fmt: skip
    for column in columns:
        cells[column] = ("|" if plain else "┃", _style(owners[column]) if dots[column] else "frame")
    for start, text in texts.items():
        for at, char in enumerate(text):
            if start + at < len(cells) and width_of(char) == 1:
                cells[start + at] = (char, "axis")
    spans: Row = []
    for text, style in cells:
        if spans and spans[-1][1] == style:
            spans[-1] = (spans[-1][0] + text, style)
        else:
            spans.append((text, style))
    return spans
