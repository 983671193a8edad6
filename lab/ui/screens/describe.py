"""`h` on a column of a table: how it is spread; of the run table, over all runs that fit the filter."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content

from lab.domain.describe import Described
from lab.domain.query_values import FIELD_KINDS, Kind
from lab.domain.resources import format_size
from lab.ui.render.column_facts import described, teller
from lab.ui.render.describe import lines
from lab.ui.render.number import format_duration, format_number, format_time
from lab.ui.widgets.detail import Page
from lab.ui.widgets.dialog import Dialog
from lab.ui.widgets.frame_table import FrameTable

if TYPE_CHECKING:
    from lab.ui.screens.base import LabScreen

#: How values of a field's kind are written; those of all others as plain numbers.
_WRITTEN: dict[Kind, Callable[[float], str]] = {
    Kind.DURATION: format_duration,
    Kind.SIZE: format_size,
    Kind.DATE: lambda value: format_time(value, time.time()),
}


async def describe(screen: LabScreen, table: FrameTable) -> None:
    """Tell of the cursor's column by what stands in its cells."""
    column = table.cursor_column
    if column is not None:
        texts, title = table.column_texts(), column.title.strip() or column.id
        await show(screen, described(texts, title), title, "row", teller(texts))


async def describe_runs(screen: LabScreen, one: Described, title: str) -> None:
    """Tell of a column of the run table."""
    await show(screen, one, title, "run", _WRITTEN.get(FIELD_KINDS.get(one.key, Kind.NUMBER), format_number))


async def show(screen: LabScreen, one: Described, title: str, noun: str, tell: Callable[[float], str]) -> None:
    """Tell it, and export the drawing where that is asked for."""
    if await screen.app.push_screen_wait(DescribeScreen(one, title, noun, tell)):
        figures, exporting = (import_module(f"lab.ui.{name}") for name in ("render.figures", "screens.exporting"))
        await exporting.export_figure(screen, figures.of_column(one, title))


class DescribeScreen(Dialog[bool]):
    """Closes with any of the keys that open it, too. Dismisses with whether the drawing is to be exported."""

    DEFAULT_CSS = """
    DescribeScreen { align: center middle; background: $background 60%; }
    DescribeScreen #box {
        width: 64; max-width: 96%; height: auto; max-height: 90%;
        border: round $border; background: $surface; padding: 0 1;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,i,h", "close", "Close", show=False, id="describe.close"),
        Binding("ctrl+s", "export", "Export", show=False, id="describe.export"),
    ]

    def __init__(self, one: Described, title: str, noun: str, tell: Callable[[float], str]) -> None:
        """`noun` is what a row is, `tell` writes a number as the column does."""
        super().__init__()
        self._lines = lines(one, title, noun, tell)

    def compose(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_subtitle = Content("ctrl+s export   esc close")
            page = Page()
            page.styles.height = len(self._lines)
            yield page

    def on_mount(self) -> None:
        self.query_one(Page).show(lambda _width: self._lines)

    def action_close(self) -> None:
        self.dismiss(False)

    def action_export(self) -> None:
        self.dismiss(True)
