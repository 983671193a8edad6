"""The legend above a chart and the names at the ends of its curves: layout of text only."""

from __future__ import annotations

from collections.abc import Sequence

from lab.dataclass import dataclass
from lab.ui.render.cells import cut, fit, width_of
from lab.ui.render.glyphs import Row, Span, glyphs

_NAME_CAPS = (28, 20, 14, 10)
_GAP = "  "


@dataclass(frozen=True)
class Entry:
    """One series in the legend. `name` and `value` are tidied text."""

    glyph: str
    name: str
    value: str
    token: str
    highlighted: bool = False


def row_width(row: Row) -> int:
    return sum(width_of(text) for text, _ in row)


def pad_row(row: Row, width: int) -> Row:
    """`row` in exactly `width` cells: cut at the end, or filled with blanks."""
    out: Row = []
    left = width
    for text, token in row:
        size = width_of(text)
        if size > left:
            text, size = fit(text, left), left
        if size:
            out.append((text, token))
        left -= size
        if left <= 0:
            return out
    return [*out, (" " * left, "")]


def legend_rows(lead: Row, entries: Sequence[Entry], width: int, lines: int) -> list[Row]:
    """`lead` and then all entries, wrapped into at most `lines` rows of `width` cells.

    Names are cut harder until all fit; when that does not suffice the highlighted entry comes first and the last
    row ends by telling how many are missing.
    """
    if width <= 0 or lines <= 0:
        return []
    for cap in _NAME_CAPS:
        rows, shown = _flow(lead, [_entry_row(entry, cap) for entry in entries], width, lines, reserve=0)
        if shown == len(entries):
            return rows
    ordered = sorted(entries, key=lambda entry: not entry.highlighted)
    rows, shown = _flow(lead, [_entry_row(entry, _NAME_CAPS[-1]) for entry in ordered], width, lines, reserve=10)
    missing = f"{_GAP}+{len(entries) - shown} more"
    if width_of(missing) < width:
        room = width - width_of(missing)
        last = rows[-1] if row_width(rows[-1]) <= room else pad_row(rows[-1], room)
        rows[-1] = [*last, (missing, "muted")]
    return rows


def _entry_row(entry: Entry, cap: int) -> Row:
    weight = " bold" if entry.highlighted else ""
    return [
        (f"{entry.glyph} {cut(entry.name, cap)}", entry.token + weight),
        (f" {entry.value}", "bold" if entry.highlighted else ""),
    ]


def _flow(lead: Row, items: Sequence[Row], width: int, lines: int, reserve: int) -> tuple[list[Row], int]:
    """Rows, and how many items are in them; `reserve` cells stay free at the end of the last row."""
    rows: list[Row] = [list(lead)]
    used = row_width(lead)
    for index, item in enumerate(items):
        size = row_width(item)
        room = width - (reserve if len(rows) == lines else 0)
        gap = len(_GAP) if used else 0
        if used + gap + size > room and used:
            if len(rows) == lines:
                return rows, index
            rows.append([])
            used, gap = 0, 0
            room = width - (reserve if len(rows) == lines else 0)
        if size > room:
            return rows, index
        rows[-1] += [*([(_GAP, "")] if gap else []), *item]
        used += gap + size
    return rows, len(items)


def place_labels(wanted: Sequence[tuple[int, bool]], height: int) -> list[int | None]:
    """Distinct rows in [0, height) near the wanted ones, in the same order from top to bottom.

    `wanted` holds (row, highlighted). Where there are more labels than rows the highlighted ones come first, then
    those given first; the others get None.
    """
    order = sorted(range(len(wanted)), key=lambda index: (not wanted[index][1], index))[: max(0, height)]
    order.sort(key=lambda index: (wanted[index][0], index))
    rows: list[int] = []
    for position, index in enumerate(order):
        lowest = rows[-1] + 1 if rows else 0
        # Leave room below for all that are still to come.
        rows.append(max(lowest, min(wanted[index][0], height - (len(order) - position))))
    _pull_up(rows, [wanted[index][0] for index in order])
    placed: list[int | None] = [None] * len(wanted)
    for index, row in zip(order, rows, strict=True):
        placed[index] = row
    return placed


def _pull_up(rows: list[int], wanted: list[int]) -> None:
    """Centre runs of touching labels on the rows they want, instead of hanging them all below the first."""
    for _ in range(3):
        start = 0
        while start < len(rows):
            end = start
            while end + 1 < len(rows) and rows[end + 1] == rows[end] + 1:
                end += 1
            run = range(start, end + 1)
            shift = round(sum(rows[i] - wanted[i] for i in run) / len(run))
            floor = rows[start - 1] + 1 if start else 0
            shift = min(shift, rows[start] - floor)
            if shift > 0:
                for i in run:
                    rows[i] -= shift
            start = end + 1


def end_label(entry: Entry, width: int) -> Span:
    """The name at the end of a curve, in `width` cells."""
    weight = " bold" if entry.highlighted else ""
    return fit(f"{entry.glyph} {entry.name}", width), entry.token + weight


def series_glyph(index: int, plain: bool) -> str:
    signs = glyphs(plain).series
    return signs[index % len(signs)]
