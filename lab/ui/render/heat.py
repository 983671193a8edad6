"""Matrices as heat maps: numbers over a ground whose strength tells how large they are."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from lab.ui.render.cells import fit, tidy, width_of
from lab.ui.render.glyphs import Row, Span

#: Strengths of the ground, beside none at all.
STEPS = 4
#: Which grounds there are: of counts, of changes for the better and for the worse.
GROUNDS = ("plain", "good", "bad")


def step(value: float, most: float) -> int:
    """How strong the ground of a value is where `most` is the largest distance from zero; 0 for none."""
    if not most or not math.isfinite(value) or not value:
        return 0
    return max(1, min(STEPS, math.ceil(abs(value) / most * STEPS)))


def ground(kind: str, strength: int) -> str:
    """The token of a ground, "" without one."""
    return f"over.{kind}.{strength}" if strength else ""


def matrix_rows(
    labels: Sequence[str], cell: Callable[[int, int], Span], width: int, room: int, widest: int = 24
) -> list[Row]:
    """A square matrix in cells `width` wide with its labels, at most `room` wide in all; nothing where it does not fit.
    `cell` gives text and token of [row, column]."""
    name = max(5, min(widest, max((width_of(tidy(label)) for label in labels), default=0)))
    if name + 2 + len(labels) * width > room:
        return []
    heads = "".join(" " + fit(tidy(label), width - 1, "right") for label in labels)
    rows: list[Row] = [[(f" {'':{name}} ", ""), (heads, "muted")]]
    for at, label in enumerate(labels):
        row: Row = [(f" {fit(tidy(label), name)} ", "muted")]
        for other in range(len(labels)):
            text, token = cell(at, other)
            row.append((fit(text, width, "right"), token))
        rows.append(row)
    return rows


def beside(left: Sequence[Row], right: Sequence[Row], gap: int = 3) -> list[Row]:
    """Two blocks of rows next to each other."""
    wide = max((sum(width_of(text) for text, _ in row) for row in left), default=0)
    rows = []
    for at in range(max(len(left), len(right))):
        row = list(left[at]) if at < len(left) else []
        used = sum(width_of(text) for text, _ in row)
        rows.append([*row, (" " * (wide - used + gap), ""), *(right[at] if at < len(right) else [])])
    return rows
