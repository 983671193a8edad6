"""What every screen does about its tables and charts: finding, exporting, remembering what was made of them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.ui.screens import table_state
from lab.ui.screens.core import CoreScreen
from lab.ui.screens.finding import FIND, HINT, Finder, holds
from lab.ui.screens.prompt import Prompt
from lab.ui.widgets.chart_view import ChartView
from lab.ui.widgets.frame_table import FrameTable
from lab.ui.widgets.table_messages import (
    Arranged,
    ColumnsRequested,
    DescribeRequested,
    MatchRequested,
    SortRequested,
    WidthsChanged,
)

if TYPE_CHECKING:
    from lab.ui.widgets.log_view import LogView


class TablesScreen(CoreScreen):
    """A screen with tables, or without any."""

    def __init__(self) -> None:
        super().__init__()
        self._finder = Finder(self)

    def tell_keys(self) -> None:
        """Show the keys afresh: which can be used has changed."""

    # Finding

    async def rows_with(self, table: FrameTable, needle: str, offset: int, limit: int) -> Sequence[int]:
        """The places of those rows among (offset, limit) of `table` that show `needle`."""
        return [offset + at for at, row in enumerate(table.source.window(offset, limit)) if holds(row, needle)]

    def action_view_find(self) -> None:
        """In the table that has the focus, else in the first one."""
        tables = [one for one in self.query(FrameTable) if one.region and one.can_focus]
        table = self.focused if isinstance(self.focused, FrameTable) else next(iter(tables), None)
        if table is not None:
            self.set_focus(table)
            self.query_one(Prompt).ask(FIND, self._finder.open(table), HINT)

    def action_find_on(self) -> None:
        self._finder.step(1)

    def action_find_back(self) -> None:
        self._finder.step(-1)

    def action_find_end(self) -> None:
        self._finder.end()
        self.tell_keys()

    @property
    def main_table(self) -> FrameTable | None:
        """The table that has the focus, else the first that is seen."""
        seen = (one for one in self.query(FrameTable) if one.region and one.is_on_screen)
        return self.focused if isinstance(self.focused, FrameTable) else next(seen, None)

    # Copying

    def copies(self) -> Sequence[tuple[str, str]]:
        """(label, text) of what is under the cursor and of the view, for `y`; those of its table are known."""
        return ()

    def action_object_copy(self) -> None:
        copying = import_module("lab.ui.screens.copying")
        self.start(copying.copy(self, self.copies(), self.main_table))

    # Exporting

    def action_view_export(self) -> None:
        """What has the focus: a chart as a picture, a table as a file of rows; else the first of the screen."""
        focused, charts = self.focused, list(self.query("ChartView, RelationView"))
        table = self.main_table
        if charts and (focused in charts or table is None):
            self.export_chart()
        elif table is not None:
            self.export_table(table)

    def export_chart(self) -> None:
        """Write the screen's chart to a file. A screen that has one says how."""

    def export_table(self, table: FrameTable) -> None:
        """Write a table to a file as it stands on the screen."""
        exporting = import_module("lab.ui.screens.exporting")
        rows = exporting.rows_of(table.row_count, table.source.window)
        name = "-".join((self.KIND, *([table.id] if table.id and table.id not in self.KIND else [])))

        async def sheet() -> Any:
            return exporting.sheet_of(name, table.columns, rows)

        self.start(exporting.export_sheet(self, name, sheet))

    # Remembering

    def on_frame_table_match_requested(self, event: MatchRequested) -> None:
        event.stop()
        self._finder.step(event.by)

    def on_frame_table_widths_changed(self, event: WidthsChanged) -> None:
        event.stop()
        table_state.keep_widths(self.lab.view_state, self.KIND, event.table, event.widths)

    def on_chart_view_style_chosen(self, event: ChartView.StyleChosen) -> None:
        """What curves are made of stays, on every screen."""
        event.stop()
        self.lab.view_state.put("chart", "style", event.chart.options.style)

    def on_log_view_editor_requested(self, event: LogView.EditorRequested) -> None:
        event.stop()
        self.start(self._show_in_editor(event.path))

    async def _show_in_editor(self, path: Path) -> None:
        told = import_module("lab.ui.editor").show_file(self.app, path)
        if told:
            self.lab.tell(told)

    def on_frame_table_arranged(self, event: Arranged) -> None:
        event.stop()
        table_state.keep_columns(self.lab.view_state, self.KIND, event.table)

    def on_frame_table_columns_requested(self, event: ColumnsRequested) -> None:
        event.stop()
        self.start(import_module("lab.ui.screens.column_choice").choose(self, event.table))

    def on_frame_table_describe_requested(self, event: DescribeRequested) -> None:
        event.stop()
        self.start(import_module("lab.ui.screens.describe").describe(self, event.table))

    def on_frame_table_sort_requested(self, event: SortRequested) -> None:
        table_state.keep_sorts(self.lab.view_state, self.KIND, event.table)
