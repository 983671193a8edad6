"""Names and values of one object as lines."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import chop_cells

from lab.dataclass import dataclass
from lab.ui.render.cells import fit, tidy, tidy_lines, width_of
from lab.ui.render.glyphs import Row

_MAX_LABEL = 24
_MAX_VALUE = 20_000
#: Cells that a column of facts needs where several stand beside each other, and blanks between them.
_COLUMN, _GAP = 36, 2


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
            for piece in _pieces(line, max(1, width - gutter))
        ]
        for index, line in enumerate(lines):
            label = fit(tidy(pair.label), gutter - 2) if index == 0 else " " * (gutter - 2)
            rows.append([(label + "  ", "muted"), (line, pair.token)])
    return rows


def _pieces(line: str, room: int) -> list[str]:
    """`line` in pieces of at most `room` cells, broken between words where that can be done."""
    pieces: list[str] = []
    at = 0
    while at < len(line):
        part = line[at : at + 2 * room + 1]  # more than fits, unless its characters have no width
        size = len(part) if width_of(part) <= room else max(1, len(chop_cells(part, room)[0]))
        if at + size < len(line) and line[at + size] != " ":
            blank = part.rfind(" ", 0, size)
            size = blank if blank > 0 else size
        pieces.append(part[:size].rstrip())
        at += size
        while pieces and at < len(line) and line[at] == " ":
            at += 1
    return pieces or [""]


def flowing_rows(pairs: Sequence[Pair], width: int) -> list[Row]:
    """`pairs` as `detail_rows` has them, but their sections in columns beside each other where there is room."""
    sections: list[list[Pair]] = []
    for pair in pairs:
        if not pair.value or not sections:
            sections.append([])
        sections[-1].append(pair)
    count = (width + _GAP) // (_COLUMN + _GAP)
    if len(sections) == 1 and count > 1:  # one long list, not cut by headings
        size = -(-len(pairs) // count)
        sections = [list(pairs[at : at + size]) for at in range(0, len(pairs), size)]
    count = min(len(sections), count)
    if count < 2:
        return detail_rows(pairs, width)
    room = (width - _GAP * (count - 1)) // count
    blocks = [detail_rows(section, room) for section in sections]
    columns = _shared_out(blocks, count)
    height = max(map(len, columns))
    return [_beside([column[y] if y < len(column) else [] for column in columns], room) for y in range(height)]


def _shared_out(blocks: Sequence[list[Row]], count: int) -> list[list[Row]]:
    """Blocks in at most `count` columns, in their order, each column about as high as the others."""
    target = -(-sum(len(block) + 1 for block in blocks) // count)
    columns: list[list[Row]] = [[]]
    for block in blocks:
        if columns[-1] and len(columns[-1]) + 1 + len(block) > target and len(columns) < count:
            columns.append([])
        columns[-1] += [[], *block] if columns[-1] else block
    return columns


def _beside(rows: Sequence[Row], room: int) -> Row:
    line: Row = []
    for row in rows:
        used = sum(width_of(text) for text, _ in row)
        line += [*row, (" " * (room - used + _GAP), "")]
    return line
