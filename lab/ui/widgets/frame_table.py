"""The table of every screen, and what its keys and the mouse do.

Rows come from a `RowSource`. Cursor and marks belong to row keys, not to positions: they stay with their rows when the
source is sorted, filtered or updated.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence

from textual import events

from lab.ui.render.arrange import Arrangement, Reordered, folded_rows
from lab.ui.render.order import sorted_rows
from lab.ui.render.rows import Cell, Column, Folding, ListSource, Row, RowSource, Sort
from lab.ui.widgets.table_keys import KEYS
from lab.ui.widgets.table_messages import (
    Arranged,
    ColumnsRequested,
    DescribeRequested,
    MarksChanged,
    MatchRequested,
    RowHighlighted,
    RowSelected,
    SortRequested,
    WidthsChanged,
)
from lab.ui.widgets.table_mouse import TableMouse

__all__ = ["Cell", "Column", "FrameTable", "ListSource", "Row", "RowSource"]


class FrameTable(TableMouse, can_focus=True, inherit_bindings=False):
    """A windowed table. What it says are the messages of `table_messages`.

    It sorts rows of a `ListSource` by itself, by what stands in their cells; with `sorts` false it only asks the screen
    for another order.
    """

    ALLOW_SELECT = False
    BINDINGS = KEYS
    RowSelected = RowSelected
    RowHighlighted = RowHighlighted
    MarksChanged = MarksChanged
    SortRequested = SortRequested
    WidthsChanged = WidthsChanged

    Arranged = Arranged
    DescribeRequested = DescribeRequested
    ColumnsRequested = ColumnsRequested

    _heads: tuple[str, ...] = ()  # keys of the rows that have a group below them
    _folded: frozenset[str] | set[str] = frozenset()

    @property
    def marks(self) -> tuple[str, ...]:
        """Keys of marked rows in the order in which they were marked."""
        return tuple(self._marks)

    @property
    def selection_keys(self) -> tuple[str, ...]:
        """What an action on this table is about: the marked rows, else the one under the cursor."""
        key = self.cursor_key
        return self.marks or ((key,) if key is not None else ())

    def _highlighted(self, key: str) -> None:
        self.post_message(self.RowHighlighted(self, key))

    def move_column_cursor(self, index: int) -> None:
        """Put the column cursor on a column."""
        self.action_column(max(0, min(len(self._columns) - 1, index)) - self._column)

    @property
    def sorts_itself(self) -> bool:
        return self._sorts_itself

    @property
    def sorts(self) -> tuple[Sort, ...]:
        """What the rows are sorted by, the first counting first."""
        return self._sorts

    def set_sorts(self, sorts: Sequence[Sort]) -> None:
        """Tell what the source is sorted by, or sort it so; the header shows it."""
        self._sorts = tuple(sorts)
        if self._sorts_itself and isinstance(self._given, ListSource):
            self.replace(self._given)
        self._refresh_header()

    def replace(self, source: RowSource) -> None:
        """Show another source: cursor and marks stay with their keys, only rows that look different are painted."""
        self._given = source
        self._source = self._as_shown(source)
        self.update_source()

    def _as_shown(self, source: RowSource) -> RowSource:
        """A source in the order, with the groups and with the columns that the user chose."""
        if isinstance(source, Folding):
            fresh = set(source.heads) - set(self._heads) if source.folded_at_first else set()
            self._heads, self._folded = source.heads, self._folded | fresh
            source.fold(self._folded)
        elif isinstance(source, ListSource):
            rows = source.window(0, source.count())
            if self._sorts and self._sorts_itself:
                rows = sorted_rows(rows, self._every, self._sorts)
            self._heads = tuple(row.key for row in rows if row.head)
            if self._heads:
                rows = folded_rows(rows, self._folded)
            source = ListSource(rows)
        places = self._arrangement.places(self._every)
        return source if places == tuple(range(len(self._every))) else Reordered(source, places)

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

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """n and N are the screen's own keys as long as nothing is looked for."""
        return bool(self._needle) if action == "next_match" else super().check_action(action, parameters)

    def action_next_match(self, by: int) -> None:
        self.post_message(MatchRequested(self, by))

    def action_to(self, index: int) -> None:
        self._go(index)

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
        """Open the row; of a group's head, fold the group or show it again."""
        key = self.cursor_key
        if key in self._heads:
            self._fold({key} ^ self._folded)
        elif key is not None:
            self.post_message(self.RowSelected(self, key))

    def action_fold_all(self) -> None:
        """Fold all groups, or show all where all are folded."""
        heads = set(self._heads)
        self._fold(set() if heads <= self._folded else heads)

    def _fold(self, folded: set[str]) -> None:
        self._folded = folded
        self.replace(self._given)

    # Columns

    @property
    def arrangement(self) -> Arrangement:
        """What the user changed of the columns."""
        return self._arrangement

    @property
    def every_column(self) -> tuple[Column, ...]:
        """All columns, those that are hidden too."""
        return self._every

    def set_arrangement(self, arrangement: Arrangement) -> None:
        """Show columns so."""
        self._arrangement = arrangement
        self._arrange()
        self.replace(self._given)

    def _rearrange(self, arrangement: Arrangement, cursor: int) -> None:
        if arrangement != self._arrangement:
            self.set_arrangement(arrangement)
            self.post_message(self.Arranged(self))
            self.move_column_cursor(cursor)

    def action_move_column(self, by: int) -> None:
        shown = [column.id for column in self._columns]
        self._rearrange(self._arrangement.moved(shown, self._column, by), self._column + by)

    def action_hide_column(self) -> None:
        shown = [column.id for column in self._columns]
        self._rearrange(self._arrangement.without(shown, self._column), self._column)

    def action_pin(self) -> None:
        """Keep the columns up to the cursor's in view; where that is so already, only those before it."""
        count = self._column if self._pinned == self._column + 1 else self._column + 1
        self._rearrange(dataclasses.replace(self._arrangement, pinned=count), self._column)

    def action_choose_columns(self) -> None:
        self.post_message(self.ColumnsRequested(self))

    def action_describe(self) -> None:
        if self._columns and self._count:
            self.post_message(self.DescribeRequested(self))

    def action_same(self) -> None:
        """Mark all rows with what the cursor's row has in the cursor's column."""
        row = self._row(self._cursor)
        if row is not None and self._column < len(row.cells):
            text = row.cells[self._column].text
            rows = self._source.window(0, self._count)
            same = [one.key for one in rows if self._column < len(one.cells) and one.cells[self._column].text == text]
            self._change_marks({**self._marks, **dict.fromkeys(same)})

    def column_texts(self) -> list[str]:
        """What stands in the cursor's column, of all rows that belong to no head."""
        rows, at = self._source.window(0, self._count), self._column
        return [row.text(at) for row in rows if not row.head]

    def action_mark(self) -> None:
        """End a range, or mark (unmark) the row under the cursor and go on to the next."""
        key = self.cursor_key
        if self._anchor is not None:
            self.action_range()
        elif key is not None:
            self._mark_row(self._cursor)
            self._go(self._cursor + 1)

    def _mark_row(self, index: int) -> None:
        row = self._row(index)
        if row is not None:
            kept = {key: None for key in self._marks if key != row.key}
            self._change_marks(kept if row.key in self._marks else {**kept, row.key: None}, {index})

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
        """The order of the cursor's column alone; the opposite one the next time."""
        self._sort_by(lambda key: ((key, self._sorts == ((key, False),)),))

    def action_sort_then(self) -> None:
        """The order of the cursor's column among rows that are equal so far; the opposite one the next time."""

        def added(key: str) -> tuple[Sort, ...]:
            if key in dict(self._sorts):
                return tuple((one, not reverse if one == key else reverse) for one, reverse in self._sorts)
            return (*self._sorts, (key, False))

        self._sort_by(added)

    def _sort_by(self, order: Callable[[str], tuple[Sort, ...]]) -> None:
        column = self.cursor_column
        if column is not None and column.sortable:
            self.set_sorts(order(column.id))
            self.post_message(self.SortRequested(self, self._sorts))

    def action_resize(self, by: int) -> None:
        """Make the cursor's column wider by so many cells."""
        if self._column < len(self._grid.widths):  # one that has not been laid out yet has none
            self.set_column_width(self._column, self._grid.widths[self._column] + by)

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

    def click_row(self, index: int, event: events.Click, gutter: bool) -> None:
        """The cursor goes there; twice opens the row. With shift: mark up to there; left of the columns: mark it."""
        if event.shift:
            self._anchor = self._cursor if self._anchor is None else self._anchor
            self._go(index)
            self.action_range()
            return
        self._go(index)
        if gutter or event.ctrl:
            self._mark_row(index)
        elif event.chain == 2 or self.cursor_key in self._heads:
            self.action_select()

    def click_header(self, column: int, then: bool) -> None:
        """Sort by the column; with ctrl or shift by it as well."""
        self.action_column(column - self._column)
        (self.action_sort_then if then else self.action_sort)()

    def carry_column(self, column: int, by: int) -> None:
        self.move_column_cursor(column)
        self.action_move_column(by)

    def set_column_width(self, column: int, width: int) -> None:
        self.set_widths({**self._widths, self._columns[column].id: width})
        self.post_message(self.WidthsChanged(self, dict(self._widths)))
