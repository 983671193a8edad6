"""Tables of text that fit a width. Pure: cells in, lines out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lab.dataclass import dataclass
from lab.domain.text import cell_width, clean

#: Puts text in a style that the stream can show; the plain one returns it as it is.
Paint = Callable[[str, str], str]

_GAP = 2
_LEAST = 10  # cells that a text column is cut to before columns are left out
_LONGEST, _LONGEST_KEPT = 64, 240  # cells of any one cell


@dataclass(frozen=True)
class Column:
    """`keep` columns (ids, names) are neither cut nor left out; numbers (`right`) are never cut.

    A title that is a name of the user's is `verbatim`; Lab's own are set in capitals.
    """

    title: str
    right: bool = False
    keep: bool = False
    verbatim: bool = False


@dataclass(frozen=True)
class Styled:
    """A cell in a style: `ok`, `fail`, `warn`, `run`, `dim` or `bold`."""

    text: str
    style: str


Cell = str | Styled


@dataclass(frozen=True)
class Table:
    """Lines ready to print, header first, and the titles of the columns that found no room."""

    lines: tuple[str, ...]
    left_out: tuple[str, ...] = ()


def plain(text: str, style: str) -> str:
    return text


def cut(text: str, width: int) -> str:
    """`text` in at most `width` cells, ending in `…` where cut."""
    if cell_width(text) <= width:
        return text
    kept, used = [], 0
    for char in text:
        used += cell_width(char)
        if used > width - 1:
            break
        kept.append(char)
    return "".join(kept) + "…"


def table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], room: int | None, paint: Paint = plain) -> Table:
    """The table in at most `room` cells (None: as wide as it likes).

    Text columns are cut first, down to ten cells; then columns are left out from the right. If the columns to keep do
    not fit, the lines are longer than `room`: a name cut short is of no use.
    """
    texts = [[_tidy(cell, column) for cell, column in zip(row, columns, strict=True)] for row in rows]
    titles = [clean(column.title if column.verbatim else column.title.upper()) for column in columns]
    wide = [max(map(cell_width, (title, *(row[at] for row in texts)))) for at, title in enumerate(titles)]
    shown, widths = _fit(columns, wide, room)
    lines = [_line([_pad(titles[at], widths[at], columns[at].right, "dim", paint) for at in shown])]
    for cells, row in zip(rows, texts, strict=True):
        styles = {at: cell.style for at, cell in enumerate(cells) if isinstance(cell, Styled)}
        padded = [_pad(row[at], widths[at], columns[at].right, styles.get(at, ""), paint) for at in shown]
        lines.append(_line(padded))
    left_out = tuple(clean(column.title) for at, column in enumerate(columns) if at not in shown)
    return Table(tuple(lines), left_out)


def _tidy(cell: Cell, column: Column) -> str:
    text = clean(cell.text if isinstance(cell, Styled) else cell)
    return cut(text, _LONGEST_KEPT if column.keep else _LONGEST)


def _fit(columns: Sequence[Column], wide: Sequence[int], room: int | None) -> tuple[list[int], dict[int, int]]:
    """Which columns to show, and how wide each."""
    shown = list(range(len(columns)))
    if room is None:
        return shown, dict(enumerate(wide))
    least = {
        at: wide[at] if column.keep or column.right else min(wide[at], _LEAST) for at, column in enumerate(columns)
    }
    while sum(least[at] for at in shown) + _GAP * (len(shown) - 1) > room:
        droppable = [at for at in shown if not columns[at].keep]
        if not droppable:
            break
        shown.remove(droppable[-1])
    spare = room - sum(least[at] for at in shown) - _GAP * (len(shown) - 1)
    widths = {}
    for at in shown:
        more = max(0, min(spare, wide[at] - least[at]))
        widths[at] = least[at] + more
        spare -= more
    return shown, widths


def _pad(text: str, width: int, right: bool, style: str, paint: Paint) -> str:
    text = cut(text, width)
    blank = " " * (width - cell_width(text))
    shown = paint(text, style) if style else text
    return blank + shown if right else shown + blank


def _line(cells: Sequence[str]) -> str:
    return (" " * _GAP).join(cells).rstrip()
