"""What a search found, as rows; how far it is, as a line."""

from __future__ import annotations

from collections.abc import Mapping

from lab.domain.search import INDEXED, Hit, Place, Step
from lab.domain.text import count_of
from lab.ui.render.glyphs import Row as Spans
from lab.ui.render.number import format_size
from lab.ui.render.rows import Cell, Column, Row

COLUMNS = (
    Column("place", "in", width=7, sortable=False),
    Column("name", "what", min_width=10, max_width=22, sortable=False),
    Column("where", "where", min_width=6, max_width=26, sortable=False),
    Column("text", "line", min_width=20, max_width=240, sortable=False, flex=1),
)
_BEFORE = 24  # characters of a line before the match that are kept in view

_TOKENS = {Place.CODE: "accent", Place.DIFFS: "accent", Place.LOGS: "run"}


def hit_row(key: str, hit: Hit) -> Row:
    """The line from a little before the match on; how many runs share it stands before it."""
    shared = f"{count_of(hit.runs, 'run')}: " if hit.runs > 1 else ""
    first = max(0, hit.excerpt.start - _BEFORE)
    text = shared + ("…" if first else "") + hit.excerpt.text[first:]
    cells = (
        Cell(hit.place.value, _TOKENS.get(hit.place, "primary")),
        Cell(hit.name, "bold"),
        Cell(f"{hit.kind} {hit.where}" if hit.place is Place.NAMES else hit.where, "muted"),
        Cell(text),
    )
    return Row(key, cells)


def so_far(steps: Mapping[Place, Step], counts: Mapping[Place, int], only: Place | None, *, busy: bool) -> Spans:
    """Hits by place, and what is being looked at."""
    row: Spans = []
    for place in Place:
        if counts.get(place):
            here = only is place
            row += [(f" {counts[place]:,}", "bold"), (f" {place.value}", "title underline" if here else "muted")]
    if not row and not busy and steps:
        row.append((" nothing found", "muted"))
    last = next(iter(list(steps.values())[::-1]), None)
    if busy and last is not None and last.place not in INDEXED:
        row.append(
            (f"   {last.place.value}: {last.files:,} of {last.total:,}, {format_size(last.bytes)} (esc stops)", "run")
        )
    elif busy:
        row.append((" looking … (esc stops)", "run"))
    else:
        short = [step.place.value for step in steps.values() if step.cut]
        row += [(f"   more in {', '.join(short)}", "warn")] if short else []
    return row or [(" names, tags, params, columns, notes, code, diffs, logs", "muted")]
