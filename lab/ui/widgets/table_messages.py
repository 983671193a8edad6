"""What a `FrameTable` says. Handlers are `on_frame_table_…`, or `@on(FrameTable.RowSelected, "#runs")`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message

from lab.ui.render.rows import Sort

if TYPE_CHECKING:
    from lab.ui.widgets.frame_table import FrameTable


class TableMessage(Message):
    """Any message of a table; `table` sent it."""

    def __init__(self, table: FrameTable) -> None:
        super().__init__()
        self.table = table

    @property
    def control(self) -> FrameTable:
        return self.table


class RowSelected(TableMessage, namespace="frame_table"):
    """Enter or a double click on the row with `key`."""

    def __init__(self, table: FrameTable, key: str) -> None:
        super().__init__(table)
        self.key = key


class RowHighlighted(TableMessage, namespace="frame_table"):
    """The cursor came to the row with `key`."""

    def __init__(self, table: FrameTable, key: str) -> None:
        super().__init__(table)
        self.key = key


class MarksChanged(TableMessage, namespace="frame_table"):
    """`keys` are all marked rows, in the order in which they were marked."""

    def __init__(self, table: FrameTable, keys: tuple[str, ...]) -> None:
        super().__init__(table)
        self.keys = keys


class SortRequested(TableMessage, namespace="frame_table"):
    """The user wants another order; the screen sorts and calls `replace`. The first of `sorts` counts first."""

    def __init__(self, table: FrameTable, sorts: tuple[Sort, ...]) -> None:
        super().__init__(table)
        self.sorts = sorts

    @property
    def column(self) -> str:
        """The id of the column that counts first."""
        return self.sorts[0][0]

    @property
    def reverse(self) -> bool:
        return self.sorts[0][1]


class WidthsChanged(TableMessage, namespace="frame_table"):
    """The user made columns wider or narrower; `widths` are all that are not as they come, by id."""

    def __init__(self, table: FrameTable, widths: dict[str, int]) -> None:
        super().__init__(table)
        self.widths = widths


class MatchRequested(TableMessage, namespace="frame_table"):
    """The user wants the next row that holds what is looked for (1), or the one before (-1)."""

    def __init__(self, table: FrameTable, by: int) -> None:
        super().__init__(table)
        self.by = by


class Arranged(TableMessage, namespace="frame_table"):
    """The user moved, hid or pinned columns."""


class DescribeRequested(TableMessage, namespace="frame_table"):
    """The user wants to know how the cursor's column is spread."""


class ColumnsRequested(TableMessage, namespace="frame_table"):
    """The user wants to choose which columns are shown."""
