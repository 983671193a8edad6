"""Names and values of one object as lines."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import chop_cells

from lab.dataclass import dataclass
from lab.ui.render.cells import fit, tidy, tidy_lines, width_of
from lab.ui.render.glyphs import Row

_MAX_LABEL = 24
_MAX_VALUE = 20_000


@dataclass(frozen=True)
class Pair:
    """One line: `label` and `value` from anywhere, and the value's style token. Without a value, a heading."""

    label: str
    value: str = ""
    token: str = ""


def detail_rows(pairs: Sequence[Pair], width: int) -> list[Row]:
    """`pairs` as rows of at most `width` cells; long values go on below themselves, line breaks in them are kept."""
    labels = [width_of(tidy(pair.label)) for pair in pairs if pair.value]
    gutter = min(max(labels, default=0), _MAX_LABEL, max(4, width // 3)) + 2
    rows: list[Row] = []
    for pair in pairs:
        if not pair.value:
            rows += [[]] if rows else []
            rows.append([(fit(tidy(pair.label), width), "title")])
            continue
        lines = [
            piece
            for line in tidy_lines(pair.value, _MAX_VALUE).split("\n")
            for piece in (chop_cells(line, max(1, width - gutter)) or [""])
        ]
        for index, line in enumerate(lines):
            label = fit(tidy(pair.label), gutter - 2) if index == 0 else " " * (gutter - 2)
            rows.append([(label + "  ", "muted"), (line, pair.token)])
    return rows
