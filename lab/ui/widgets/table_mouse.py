"""What the mouse does in a table: rows are chosen, opened and marked, columns sorted, moved and made wider."""

from __future__ import annotations

from textual import events

from lab.ui.widgets.table_paint import GUTTER
from lab.ui.widgets.table_view import NARROWEST, TableView


class TableMouse(TableView, can_focus=True, inherit_bindings=False):
    """Finds what lies under the mouse. A subclass does what follows from it."""

    _dragged: int | None = None  # the column whose border is being moved
    _carried: int | None = None  # the column that the button was pressed on
    _was_carried = False

    # What a subclass gives

    def click_row(self, index: int, event: events.Click, gutter: bool) -> None:
        """A row was clicked; in the `gutter`, left of its first column."""

    def click_header(self, column: int, then: bool) -> None:
        """A column's title was clicked; `then` with ctrl or shift."""

    def carry_column(self, column: int, by: int) -> None:
        """A column is to be so many places further right."""

    def set_column_width(self, column: int, width: int) -> None:
        """A column is to have so many cells."""

    # What comes from the terminal

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        carried, self._was_carried = self._was_carried, False
        if offset is None or carried:
            return
        if offset.y < self.head:
            column = self._grid.column_at(offset.x, self.scroll_offset.x)
            if column is not None and self._grid.border_at(offset.x, self.scroll_offset.x) is None:
                self.click_header(column, event.ctrl or event.shift)
        elif not self._foot or offset.y < self.size.height - 1:
            index = offset.y - self.head + self.scroll_offset.y
            if index < self._count:
                self.click_row(index, event, offset.x < GUTTER)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """In the header: take hold of a column, or of its right border."""
        offset = event.get_content_offset(self)
        if offset is not None and offset.y < self.head and event.button == 1:
            self._dragged = self._grid.border_at(offset.x, self.scroll_offset.x)
            if self._dragged is None:
                self._carried = self._grid.column_at(offset.x, self.scroll_offset.x)
            self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._dragged is not None:
            left = self._grid.start(self._dragged)
            x = event.x + (0 if self._dragged < self._pinned else self.scroll_offset.x)
            width = max(NARROWEST, x - left)
            if width != self._grid.widths[self._dragged]:
                self.set_column_width(self._dragged, width)
        elif self._carried is not None:
            self._carry(event.x)

    def _carry(self, x: int) -> None:
        """Bring the held column to where the mouse is, once it would still lie below it there."""
        at, to = self._carried, self._grid.column_at(x, self.scroll_offset.x)
        if at is None or to is None or to == at or not self._grid.lies_at(at, to, x, self.scroll_offset.x):
            return
        self._was_carried = True
        self._carried = to
        self.carry_column(at, to - at)

    def on_mouse_up(self) -> None:
        if self._dragged is not None or self._carried is not None:
            self._dragged = self._carried = None
            self.release_mouse()
