"""What a table shows: columns, rows, where rows come from, and how wide columns become. No Textual."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

from lab.dataclass import dataclass
from lab.ui.render.cells import Align, cut, fit, tidy, width_of
from lab.ui.render.glyphs import Span, glyphs

T = TypeVar("T")

#: Blank cells between two columns.
GAP = 2

#: No more of a cell than this is looked at.
_CELL_CHARS = 500


class Cell(NamedTuple):
    """`text` from anywhere (the table cleans it), its style token, and an alignment that overrides the column's."""

    text: str
    token: str = ""
    align: Align | None = None


@dataclass(frozen=True)
class Row:
    """One row. `key` identifies it across sorting, filtering and updates; equal rows look the same.

    A `head` has the rows below it, up to the next head, as its group."""

    key: str
    cells: tuple[Cell, ...]
    head: bool = False

    def text(self, place: int) -> str:
        """What the cell at that place says; rows may have fewer cells than there are columns."""
        return self.cells[place].text if place < len(self.cells) else ""


@dataclass(frozen=True)
class Column:
    """One column. A `width` > 0 is fixed; otherwise as wide as title and contents need, within min and max.

    Columns with `flex` share out the cells that are left over, and give way first where there are too few.
    """

    id: str
    title: str
    width: int = 0
    min_width: int = 4
    max_width: int = 40
    align: Align = "left"
    sortable: bool = True
    flex: int = 0


class RowSource(Protocol):
    """Where a table's rows come from. Called while drawing: answer from memory, without waiting for anything."""

    def count(self) -> int: ...

    def window(self, offset: int, limit: int) -> Sequence[Row]:
        """Rows `offset` to `offset + limit`, fewer at the end."""

    def find(self, key: str) -> int | None:
        """The index of the row with that key."""


@runtime_checkable
class Folding(Protocol):
    """A `RowSource` that folds its groups by itself. With `folded_at_first` a new head is folded until it is opened."""

    heads: tuple[str, ...]
    folded_at_first: bool

    def fold(self, folded: Collection[str]) -> None:
        """Leave out the rows below these heads."""


class ListSource:
    """Rows that are all in memory."""

    def __init__(self, rows: Sequence[Row] = ()) -> None:
        self._rows = rows
        self._index: dict[str, int] | None = None

    def count(self) -> int:
        return len(self._rows)

    def window(self, offset: int, limit: int) -> Sequence[Row]:
        return self._rows[offset : offset + limit]

    def find(self, key: str) -> int | None:
        if self._index is None:
            self._index = {row.key: index for index, row in enumerate(self._rows)}
        return self._index.get(key)


class LazySource(Generic[T]):
    """Items that are all in memory, turned into rows only when they are looked at."""

    def __init__(self, items: Sequence[T], key: Callable[[T], str], make: Callable[[T], Row]) -> None:
        self._items = items
        self._key = key
        self._make = make
        self._index: dict[str, int] | None = None

    def count(self) -> int:
        return len(self._items)

    def window(self, offset: int, limit: int) -> Sequence[Row]:
        return [self._make(item) for item in self._items[offset : offset + limit]]

    def find(self, key: str) -> int | None:
        if self._index is None:
            self._index = {self._key(item): index for index, item in enumerate(self._items)}
        return self._index.get(key)


def window_around(index: int, height: int) -> tuple[int, int]:
    """(offset, limit) of the rows that are asked for when the one at `index` is drawn on a screen of `height` rows."""
    limit = max(64, 3 * height)
    return max(0, index - limit // 3), limit


class RowWindow:
    """A source through a window of a few screens, so that drawing a line seldom asks the source."""

    def __init__(self, source: RowSource) -> None:
        self._source = source
        self._offset = 0
        self._rows: Sequence[Row] = ()
        self.count = source.count()

    def get(self, index: int, height: int) -> Row | None:
        """The row at `index` for a screen of `height` rows, None where there is none."""
        if not 0 <= index < self.count:
            return None
        if not self._offset <= index < self._offset + len(self._rows):
            self._offset, limit = window_around(index, height)
            self._rows = self._source.window(self._offset, limit)
        at = index - self._offset
        return self._rows[at] if at < len(self._rows) else None


def natural_widths(columns: Sequence[Column], rows: Iterable[Row]) -> list[int]:
    """What each column needs for its title and the cells of `rows`, within its own limits."""
    widths = [column.width or width_of(tidy(column.title)) for column in columns]
    for row in rows:
        for index, (column, cell) in enumerate(zip(columns, row.cells, strict=False)):
            if not column.width and widths[index] < column.max_width and _may_exceed(cell.text, widths[index]):
                widths[index] = max(widths[index], width_of(tidy(cell.text, _CELL_CHARS)))
    return [
        column.width or max(column.min_width, min(width, column.max_width))
        for column, width in zip(columns, widths, strict=True)
    ]


def _may_exceed(text: str, width: int) -> bool:
    """Whether it is worth measuring: few cells of a column are wider than those before. A tab takes four cells."""
    return len(text) * (1 if text.isascii() and text.isprintable() else 4) > width


#: Such a part of the view is kept for a name.
_READABLE = 5


def fitted_widths(columns: Sequence[Column], natural: Sequence[int], room: int) -> list[int]:
    """`natural` widths made to fill `room` cells by the columns with `flex`; others keep theirs, even beyond `room`.

    Where that takes scrolling anyway, those with `flex` keep a part of the view too: they name what a row is.
    """
    widths = list(natural)
    flexible = [index for index, column in enumerate(columns) if column.flex]
    spare = room - sum(widths) - GAP * max(0, len(widths) - 1)
    if spare >= 0:
        weight = sum(columns[index].flex for index in flexible)
        for index in flexible:
            share = spare * columns[index].flex // weight
            widths[index] += share
            spare -= share
            weight -= columns[index].flex
        return widths
    least = [min(width, column.min_width) for column, width in zip(columns, widths, strict=True)]
    if spare + sum(widths[index] - least[index] for index in flexible) < 0:  # it is wider than the view in any case
        least = [max(low, min(width, room // _READABLE)) for low, width in zip(least, widths, strict=True)]
    while spare < 0:
        widest = max(flexible, key=lambda index: widths[index] - least[index], default=None)
        if widest is None or widths[widest] <= least[widest]:
            break
        widths[widest] -= 1
        spare += 1
    return widths


def row_spans(row: Row, columns: Sequence[Column], widths: Sequence[int]) -> list[Span]:
    """The cells of a row, each cut or padded to its column, with gaps between them. Missing cells are blank."""
    spans: list[Span] = []
    for index, (column, width) in enumerate(zip(columns, widths, strict=True)):
        if index:
            spans.append((" " * GAP, ""))
        if index < len(row.cells):
            cell = row.cells[index]
            spans.append((fit(tidy(cell.text, _CELL_CHARS), width, cell.align or column.align), cell.token))
        else:
            spans.append((" " * width, ""))
    return spans


#: A column's id, and whether the order is the opposite one.
Sort = tuple[str, bool]


def sort_sign(sorts: Sequence[Sort], column: str) -> str:
    """`▲`, or `2▼` where several columns order the rows; nothing for the others."""
    place = next((at for at, (key, _) in enumerate(sorts) if key == column), None)
    if place is None:
        return ""
    sign = glyphs().down if sorts[place][1] else glyphs().up
    return f"{place + 1}{sign}" if len(sorts) > 1 else sign


def header_spans(columns: Sequence[Column], widths: Sequence[int], sorts: Sequence[Sort], cursor: int) -> list[Span]:
    """The header: titles, the signs of the sorted columns, the column under the cursor marked.

    A sign may take one cell of the gap beside its column, so that no column is wider for it.
    """
    spans: list[Span] = []
    gap = 0
    for index, (column, width) in enumerate(zip(columns, widths, strict=True)):
        title = tidy(column.title)
        token = "accent bold underline" if index == cursor and title.strip() else "muted bold"
        before, after = gap, GAP
        text = fit(title, width, column.align)
        sign = sort_sign(sorts, column.id)
        if sign:
            blank = " " if width_of(title) < width - len(sign) + 1 else ""
            short = cut(title, width + 1 - len(sign))
            if column.align == "right" and index:
                text, before = fit(f"{sign}{blank}{short}", width + 1, "right"), gap - 1
            else:
                text, after = fit(f"{short}{blank}{sign}", width + 1, column.align), GAP - 1
        if before:
            spans.append((" " * before, ""))
        spans.append((text, token))
        gap = after
    return spans
