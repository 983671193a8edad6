"""What a table shows: the rows in view and no others, so that 100,000 rows cost what 100 do.

Rows come from a `RowSource`. Cursor and marks belong to row keys, not to positions: they stay with their rows when the
source is sorted, filtered or updated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from textual.cache import LRUCache
from textual.geometry import Region, Size
from textual.strip import Strip

from lab.ui.render.arrange import Arrangement
from lab.ui.render.cells import fit, tidy_lines
from lab.ui.render.rows import Column, ListSource, Row, RowSource, RowWindow, Sort, fitted_widths, natural_widths
from lab.ui.widgets.strips import LineView, ground_of, to_strip
from lab.ui.widgets.table_paint import GUTTER, Grid, Look, header_strip, row_strip, totals_strip

#: So many of the first rows tell how wide columns are, besides those in view.
_SAMPLE = 64
#: No column becomes narrower or wider than this by hand.
NARROWEST, WIDEST = 3, 200
#: Below so many rows of the screen there is no room for totals.
_TOTALS_FROM = 8


class TableView(LineView, can_focus=True, inherit_bindings=False):
    """Columns, rows, cursor and marks as lines. `FrameTable` adds what a user does with them."""

    ALLOW_SELECT = False

    def __init__(
        self,
        columns: Sequence[Column] = (),
        source: RowSource | None = None,
        *,
        pinned: int = 1,
        sorts: bool = True,
        empty: str = "nothing here yet",
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        """`pinned` columns stay when scrolling sideways; `empty` is shown in place of rows."""
        super().__init__(id=id, classes=classes)
        self._every = tuple(columns)  # as the screen gave them, before anybody moved or hid some
        self._columns = self._every
        self._arrangement = Arrangement()
        self._given: RowSource = source or ListSource()  # as the screen gave it, in its own order
        self._source: RowSource = self._given
        self._pinned_usually = pinned
        self._pinned = pinned
        self._empty = empty
        self._count = 0
        self._cursor = 0
        self._column = 0
        self._sorts: tuple[Sort, ...] = ()
        self._sorts_itself = sorts
        self._widths: dict[str, int] = {}  # chosen by hand, by the id of the column
        self._totals: Row | None = None
        self._needle = ""
        self._marks: dict[str, None] = {}
        self._anchor: int | None = None
        self._natural: list[int] = []
        self._grid = Grid()
        self._rows = RowWindow(self._source)
        self._strips: LRUCache[object, Strip] = LRUCache(1024)

    @property
    def source(self) -> RowSource:
        return self._source

    @property
    def given(self) -> RowSource:
        """The source as the screen gave it."""
        return self._given

    @property
    def row_count(self) -> int:
        return self._count

    @property
    def cursor_index(self) -> int:
        return self._cursor

    @property
    def cursor_key(self) -> str | None:
        """The key of the row under the cursor, None in an empty table."""
        row = self._row(self._cursor)
        return row.key if row else None

    @property
    def cursor_column(self) -> Column | None:
        return self._columns[self._column] if self._columns else None

    @property
    def columns(self) -> tuple[Column, ...]:
        return self._columns

    def rows(self, keys: Iterable[str]) -> list[Row]:
        """The rows of these keys that are there."""
        places = [place for key in keys if (place := self._source.find(key)) is not None]
        return [row for place in places for row in self._source.window(place, 1)]

    def set_columns(self, columns: Sequence[Column]) -> None:
        """Show other columns; the column cursor stays on the one with its id."""
        self._every = tuple(columns)
        self._arrange()

    def _arrange(self) -> None:
        """Take the columns that are shown from all that there are."""
        before, way = self.cursor_column, self._arrangement
        self._columns = tuple(self._every[at] for at in way.places(self._every))
        self._pinned = self._pinned_usually if way.pinned is None else way.pinned
        ids = [column.id for column in self._columns]
        self._column = ids.index(before.id) if before and before.id in ids else 0
        self._natural = []
        self._layout_columns()
        self.refresh()

    def set_pinned(self, count: int) -> None:
        """Have the first `count` columns stay when scrolling sideways."""
        if count != self._pinned_usually:
            self._pinned_usually = self._pinned = count
            self._layout_columns()
            self.refresh()

    @property
    def column_index(self) -> int:
        """The place of the column cursor."""
        return self._column

    def set_empty(self, text: str) -> None:
        self._empty = text
        if not self._count:
            self.refresh()

    def set_widths(self, widths: Mapping[str, int]) -> None:
        """Have columns, by id, as wide as somebody chose."""
        self._widths = {key: max(NARROWEST, min(WIDEST, width)) for key, width in widths.items()}
        self._natural = []
        self._layout_columns()
        self.refresh()

    def set_totals(self, row: Row | None) -> None:
        """A row that stays below all others, about all of them; None for none."""
        if row != self._totals:
            self._totals = row
            self._layout_columns()
            self._reveal_cursor()
            self.refresh()

    @property
    def needle(self) -> str:
        """The text that cells are told apart by, "" for none."""
        return self._needle

    def set_needle(self, text: str) -> None:
        """Have the cells that show `text` stand out."""
        if text != self._needle:
            self._needle = text
            self.refresh()

    def update_source(self) -> None:
        """Look again at the source, whose rows have changed."""
        before = dict(self._visible())
        key, old_cursor, old_count = self.cursor_key, self._cursor, self._count
        in_view = self.scroll_offset.y <= old_cursor < self.scroll_offset.y + max(1, self._body_height)
        self._rows = RowWindow(self._source)
        self._count = self._rows.count
        self._cursor = max(0, min(self._count - 1, self._place_of(key, old_cursor)))
        if self._anchor is not None and self._anchor >= self._count:
            self._anchor = None
        relaid = self._layout_columns()
        if not self.is_mounted or self.size.height == 0:
            return
        # The view moves with the cursor's row, unless it shows the top: there new rows should come into sight.
        if self._cursor != old_cursor and self.scroll_offset.y:
            self.scroll_to(y=self.scroll_offset.y + self._cursor - old_cursor, animate=False)
        if in_view or self.cursor_key != key:  # else somebody looks elsewhere, with the wheel
            self._reveal_cursor()
        if relaid or self._count != old_count or not self._count:
            self.refresh()
        else:
            after = dict(self._visible())
            self._refresh_rows({i for i in before.keys() | after.keys() if before.get(i) != after.get(i)})
            self._refresh_rows({old_cursor, self._cursor} if old_cursor != self._cursor else set())
        if self.cursor_key != key and self.cursor_key is not None:
            self._highlighted(self.cursor_key)

    def _highlighted(self, key: str) -> None:
        """The cursor came to the row with `key`."""

    def _place_of(self, key: str | None, before: int) -> int:
        """Where the row with `key` is now, most often where it was `before`; there, if it is gone."""
        row = self._row(before)
        if key is None or (row is not None and row.key == key):
            return before
        found = self._source.find(key)
        return before if found is None else found

    @property
    def head(self) -> int:
        """Lines above the rows: the titles of columns, where any has one."""
        return int(any(column.title for column in self._columns))

    @property
    def _body_height(self) -> int:
        return max(0, self.size.height - self.head - self._foot)

    @property
    def _foot(self) -> int:
        """Lines below the rows: the totals, where there are any and room for them."""
        return int(self._totals is not None and self._count > 1 and self.size.height >= _TOTALS_FROM)

    def _go(self, index: int) -> None:
        index = max(0, min(self._count - 1, index))
        if index == self._cursor or not self._count:
            self._reveal_cursor()
            return
        before, self._cursor = self._cursor, index
        if self._anchor is None:
            self._refresh_rows({before, index})
        else:
            self._refresh_rows(set(range(min(before, index), max(before, index) + 1)))
        self._reveal_cursor()
        key = self.cursor_key
        if key is not None:
            self._highlighted(key)

    def _reveal_cursor(self) -> None:
        top, height = self.scroll_offset.y, self._body_height
        if height <= 0:
            return
        if self._cursor < top:
            self.scroll_to(y=self._cursor, animate=False)
        elif self._cursor >= top + height:
            self.scroll_to(y=self._cursor - height + 1, animate=False)

    def _row(self, index: int) -> Row | None:
        return self._rows.get(index, self.size.height)

    def _visible(self) -> Iterable[tuple[int, Row]]:
        top = self.scroll_offset.y
        for index in range(top, min(self._count, top + self._body_height)):
            row = self._row(index)
            if row is not None:
                yield index, row

    def _layout_columns(self) -> bool:
        """Find column widths, and with them the size of the whole; whether that changed.

        Columns only grow as long as they are the same, so that live updates do not make them jump.
        """
        sample = [*self._source.window(0, _SAMPLE), *(row for _, row in self._visible())]
        sample += [self._totals] if self._totals is not None else []
        columns = [
            replace(column, width=self._widths[column.id], flex=0) if column.id in self._widths else column
            for column in self._columns
        ]
        natural = natural_widths(columns, sample)
        if len(self._natural) == len(natural):
            natural = [max(pair) for pair in zip(natural, self._natural, strict=True)]
        self._natural = natural
        widths = tuple(fitted_widths(columns, natural, self.view_width - GUTTER))
        grid = Grid(self._columns, widths, self._pinned, self.view_width)
        changed = grid != self._grid
        if changed:
            self._grid = grid
            self._strips.clear()
        self.virtual_size = Size(grid.reach, self._count + self.head + self._foot)
        return changed

    def _refresh_rows(self, indices: set[int]) -> None:
        top, height = self.scroll_offset.y, self._body_height
        for index in indices:
            if top <= index < top + height:
                self.refresh(Region(0, self.head + index - top, self.view_width, 1))

    def _refresh_header(self) -> None:
        self.refresh(Region(0, 0, self.view_width, self.head))

    def render_line(self, y: int) -> Strip:
        left, base, ground = self.scroll_offset.x, self.base, ground_of(self)
        if y < self.head:
            return header_strip(self._grid, self._sorts, self._column if self.has_focus else -1, left, base, ground)
        if self._foot and self._totals is not None and y == self.size.height - 1:
            return totals_strip(self._totals, self._grid, left, base, ground)
        index = y - self.head + self.scroll_offset.y
        row = self._row(index)
        if row is None:
            text = self._empty_line(y - self.head) if not self._count else ""
            return to_strip([(fit(text, self.view_width), "muted")], base, ground, self.view_width)
        key = (row, self._look(index, row), left)
        strip = self._strips.get(key)
        if strip is None:
            strip = self._strips[key] = row_strip(row, key[1], self._grid, left, base, ground)
        return strip

    def _look(self, index: int, row: Row) -> Look:
        cursor = index == self._cursor
        first, last = sorted((self._cursor if self._anchor is None else self._anchor, self._cursor))
        return Look(
            cursor=cursor,
            focused=self.has_focus,
            marked=row.key in self._marks,
            ranged=self._anchor is not None and first <= index <= last,
            column=self._column if cursor and self.has_focus and self._columns else -1,
            needle=self._needle.strip().lower(),
        )

    def _empty_line(self, y: int) -> str:
        lines = tidy_lines(self._empty).split("\n")
        at = y - max(0, (self._body_height - len(lines)) // 3)
        return fit(lines[at], self.view_width, "center") if 0 <= at < len(lines) else ""

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips.clear()

    def on_mount(self) -> None:
        self.update_source()

    def on_resize(self) -> None:
        self._layout_columns()
        self._reveal_cursor()
        self.refresh()

    def on_focus(self) -> None:
        self._refresh_header()
        self._refresh_rows({self._cursor})

    def on_blur(self) -> None:
        self._refresh_header()
        self._refresh_rows({self._cursor})
