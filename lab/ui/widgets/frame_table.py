"""The table of every screen: draws only the rows in view, so that 100,000 rows cost what 100 do.

Rows come from a `RowSource`. Cursor and marks belong to row keys, not to positions: they stay with their rows when the
source is sorted, filtered or updated.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.cache import LRUCache
from textual.geometry import Region, Size
from textual.strip import Strip

from lab.ui.render.cells import fit, tidy_lines
from lab.ui.render.rows import Cell, Column, ListSource, Row, RowSource, RowWindow, fitted_widths, natural_widths
from lab.ui.widgets.strips import LineView, is_dark, to_strip
from lab.ui.widgets.table_messages import MarksChanged, RowHighlighted, RowSelected, SortRequested
from lab.ui.widgets.table_paint import GUTTER, Grid, Look, header_strip, row_strip

__all__ = ["Cell", "Column", "FrameTable", "ListSource", "Row", "RowSource"]

HEADER = 1
_SAMPLE = 100


class FrameTable(LineView, can_focus=True, inherit_bindings=False):
    """A windowed table. See `RowSelected`, `RowHighlighted`, `MarksChanged` and `SortRequested` for what it says."""

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False, id="table.up"),
        Binding("down,j", "move(1)", "Down", show=False, id="table.down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="table.page_up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="table.page_down"),
        Binding("home,g", "first", "First row", show=False, id="table.first"),
        Binding("end,G", "last", "Last row", show=False, id="table.last"),
        Binding("left", "column(-1)", "Column left", show=False, id="table.left"),
        Binding("right", "column(1)", "Column right", show=False, id="table.right"),
        Binding("enter", "select", "Open", show=False, id="table.select"),
        Binding("space", "mark", "Mark", show=False, id="table.mark"),
        Binding("v", "range", "Mark a range", show=False, id="table.range"),
        Binding("*", "mark_all", "Mark all", show=False, id="table.mark_all"),
        Binding("!", "invert", "Invert marks", show=False, id="table.invert"),
        Binding("u", "unmark", "Clear marks", show=False, id="table.unmark"),
        Binding("s", "sort", "Sort by column", show=False, id="table.sort"),
    ]

    RowSelected = RowSelected
    RowHighlighted = RowHighlighted
    MarksChanged = MarksChanged
    SortRequested = SortRequested

    def __init__(
        self,
        columns: Sequence[Column] = (),
        source: RowSource | None = None,
        *,
        pinned: int = 1,
        empty: str = "nothing here yet",
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        """`pinned` columns stay when scrolling sideways; `empty` is shown in place of rows."""
        super().__init__(id=id, classes=classes)
        self._columns = tuple(columns)
        self._source: RowSource = source or ListSource()
        self._pinned = pinned
        self._empty = empty
        self._count = 0
        self._cursor = 0
        self._column = 0
        self._sort: tuple[str, bool] | None = None
        self._marks: dict[str, None] = {}
        self._anchor: int | None = None
        self._natural: list[int] = []
        self._grid = Grid()
        self._rows = RowWindow(self._source)
        self._strips: LRUCache[object, Strip] = LRUCache(1024)

    # What a screen asks and sets

    @property
    def source(self) -> RowSource:
        return self._source

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

    @property
    def marks(self) -> tuple[str, ...]:
        """Keys of marked rows in the order in which they were marked."""
        return tuple(self._marks)

    @property
    def selection_keys(self) -> tuple[str, ...]:
        """What an action on this table is about: the marked rows, else the one under the cursor."""
        key = self.cursor_key
        return self.marks or ((key,) if key is not None else ())

    def rows(self, keys: Iterable[str]) -> list[Row]:
        """The rows of these keys that are there."""
        places = [place for key in keys if (place := self._source.find(key)) is not None]
        return [row for place in places for row in self._source.window(place, 1)]

    def set_columns(self, columns: Sequence[Column]) -> None:
        """Show other columns; the column cursor stays on the one with its id."""
        before = self.cursor_column
        self._columns = tuple(columns)
        ids = [column.id for column in self._columns]
        self._column = ids.index(before.id) if before and before.id in ids else 0
        self._natural = []
        self._layout_columns()
        self.refresh()

    def set_pinned(self, count: int) -> None:
        """Have the first `count` columns stay when scrolling sideways."""
        if count != self._pinned:
            self._pinned = count
            self._layout_columns()
            self.refresh()

    def move_column_cursor(self, index: int) -> None:
        """Put the column cursor on a column."""
        self.action_column(max(0, min(len(self._columns) - 1, index)) - self._column)

    @property
    def column_index(self) -> int:
        """The place of the column cursor."""
        return self._column

    def set_empty(self, text: str) -> None:
        self._empty = text
        if not self._count:
            self.refresh()

    def set_sort(self, column: str | None, reverse: bool = False) -> None:
        """Tell which column the source is sorted by; the header shows it."""
        self._sort = None if column is None else (column, reverse)
        self._refresh_header()

    def replace(self, source: RowSource) -> None:
        """Show another source: cursor and marks stay with their keys, only rows that look different are painted."""
        self._source = source
        self.update_source()

    def update_source(self) -> None:
        """Look again at the source, whose rows have changed."""
        before = dict(self._visible())
        key, old_cursor, old_count = self.cursor_key, self._cursor, self._count
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
        self._reveal_cursor()
        if relaid or self._count != old_count or not self._count:
            self.refresh()
        else:
            after = dict(self._visible())
            self._refresh_rows({i for i in before.keys() | after.keys() if before.get(i) != after.get(i)})
            self._refresh_rows({old_cursor, self._cursor} if old_cursor != self._cursor else set())
        if self.cursor_key != key and self.cursor_key is not None:
            self.post_message(self.RowHighlighted(self, self.cursor_key))

    def _place_of(self, key: str | None, before: int) -> int:
        """Where the row with `key` is now, most often where it was `before`; there, if it is gone."""
        row = self._row(before)
        if key is None or (row is not None and row.key == key):
            return before
        found = self._source.find(key)
        return before if found is None else found

    def move_to(self, key: str) -> bool:
        """Put the cursor on the row with `key`; whether there is one."""
        index = self._source.find(key)
        if index is not None:
            self._go(index)
        return index is not None

    def set_marks(self, keys: Iterable[str]) -> None:
        """Mark exactly these rows."""
        self._anchor = None
        self._change_marks(dict.fromkeys(keys))

    # Actions

    def action_move(self, by: int) -> None:
        self._go(self._cursor + by)

    def action_page(self, by: int) -> None:
        self._go(self._cursor + by * max(1, self._body_height - 1))

    def action_first(self) -> None:
        self._go(0)

    def action_last(self) -> None:
        self._go(self._count - 1)

    def action_column(self, by: int) -> None:
        target = max(0, min(len(self._columns) - 1, self._column + by))
        if target != self._column:
            self._column = target
            self.scroll_to(x=self._grid.scroll_to_show(target, self.scroll_offset.x), animate=False)
            self._refresh_header()
            self._refresh_rows({self._cursor})

    def action_select(self) -> None:
        key = self.cursor_key
        if key is not None:
            self.post_message(self.RowSelected(self, key))

    def action_mark(self) -> None:
        """End a range, or mark (unmark) the row under the cursor and go on to the next."""
        key = self.cursor_key
        if self._anchor is not None:
            self.action_range()
        elif key is not None:
            marks = dict(self._marks)
            if key in marks:
                del marks[key]
            else:
                marks[key] = None
            self._change_marks(marks, {self._cursor})
            self._go(self._cursor + 1)

    def action_range(self) -> None:
        """Begin a range at the cursor; the second time, mark all rows of it."""
        if self._anchor is None:
            self._anchor = self._cursor if self._count else None
            self._refresh_rows({self._cursor})
            return
        first, last = sorted((self._anchor, self._cursor))
        self._anchor = None
        keys = [row.key for row in self._source.window(first, last - first + 1)]
        self._change_marks({**self._marks, **dict.fromkeys(keys)})

    def action_mark_all(self) -> None:
        self._change_marks({**self._marks, **dict.fromkeys(self._all_keys())})

    def action_invert(self) -> None:
        self._change_marks(dict.fromkeys(key for key in self._all_keys() if key not in self._marks))

    def action_unmark(self) -> None:
        self._anchor = None
        self._change_marks({})

    def action_sort(self) -> None:
        """Ask for the order of the cursor's column, and for the opposite order the next time."""
        column = self.cursor_column
        if column is not None and column.sortable:
            reverse = self._sort is not None and self._sort == (column.id, False)
            self.set_sort(column.id, reverse)
            self.post_message(self.SortRequested(self, column.id, reverse))

    # Cursor, marks, scrolling

    @property
    def _body_height(self) -> int:
        return max(0, self.size.height - HEADER)

    def _all_keys(self) -> list[str]:
        return [row.key for row in self._source.window(0, self._count)]

    def _change_marks(self, marks: dict[str, None], rows: set[int] | None = None) -> None:
        changed = marks.keys() != self._marks.keys()
        self._marks = marks
        if rows is None:
            self.refresh()
        else:
            self._refresh_rows(rows)
        if changed:
            self.post_message(self.MarksChanged(self, self.marks))

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
            self.post_message(self.RowHighlighted(self, key))

    def _reveal_cursor(self) -> None:
        top, height = self.scroll_offset.y, self._body_height
        if height <= 0:
            return
        if self._cursor < top:
            self.scroll_to(y=self._cursor, animate=False)
        elif self._cursor >= top + height:
            self.scroll_to(y=self._cursor - height + 1, animate=False)

    # Rows and painting

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
        natural = natural_widths(self._columns, sample)
        if len(self._natural) == len(natural):
            natural = [max(pair) for pair in zip(natural, self._natural, strict=True)]
        self._natural = natural
        widths = tuple(fitted_widths(self._columns, natural, self.view_width - GUTTER))
        grid = Grid(self._columns, widths, self._pinned, self.view_width)
        changed = grid != self._grid
        if changed:
            self._grid = grid
            self._strips.clear()
        self.virtual_size = Size(grid.total, self._count + HEADER)
        return changed

    def _refresh_rows(self, indices: set[int]) -> None:
        top, height = self.scroll_offset.y, self._body_height
        for index in indices:
            if top <= index < top + height:
                self.refresh(Region(0, HEADER + index - top, self.view_width, 1))

    def _refresh_header(self) -> None:
        self.refresh(Region(0, 0, self.view_width, HEADER))

    def render_line(self, y: int) -> Strip:
        left, base, dark = self.scroll_offset.x, self.rich_style, is_dark(self)
        if y < HEADER:
            return header_strip(self._grid, self._sort, self._column if self.has_focus else -1, left, base, dark)
        index = y - HEADER + self.scroll_offset.y
        row = self._row(index)
        if row is None:
            text = self._empty_line(y - HEADER) if not self._count else ""
            return to_strip([(fit(text, self.view_width), "muted")], base, dark, self.view_width)
        key = (row, self._look(index, row), left)
        strip = self._strips.get(key)
        if strip is None:
            strip = self._strips[key] = row_strip(row, key[1], self._grid, left, base, dark)
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
        )

    def _empty_line(self, y: int) -> str:
        lines = tidy_lines(self._empty).split("\n")
        at = y - max(0, (self._body_height - len(lines)) // 3)
        return fit(lines[at], self.view_width, "center") if 0 <= at < len(lines) else ""

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips.clear()

    # Events

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

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None:
            return
        if offset.y < HEADER:
            self._click_header(offset.x)
            return
        index = offset.y - HEADER + self.scroll_offset.y
        if index < self._count:
            self._go(index)
            if event.chain == 2:
                self.action_select()

    def _click_header(self, x: int) -> None:
        column = self._grid.column_at(x, self.scroll_offset.x)
        if column is not None:
            self.action_column(column - self._column)
            self.action_sort()
