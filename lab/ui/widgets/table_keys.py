"""The keys of a `FrameTable`. What they do is told in `lab.ui.actions`."""

from __future__ import annotations

from textual.binding import Binding, BindingType

KEYS: list[BindingType] = [
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
    Binding("S", "sort_then", "Then by column", show=False, id="table.sort_then"),
    Binding("shift+left", "move_column(-1)", "Column to the left", show=False, id="table.column_left"),
    Binding("shift+right", "move_column(1)", "Column to the right", show=False, id="table.column_right"),
    Binding("H", "hide_column", "Hide column", show=False, id="table.hide_column"),
    Binding(".", "pin", "Pin columns", show=False, id="table.pin"),
    Binding(";", "choose_columns", "Columns", show=False, id="table.columns"),
    Binding("comma", "same", "Same value", show=False, id="table.same"),
    Binding("h", "describe", "Describe column", show=False, id="table.describe"),
    Binding("n", "next_match(1)", "Next match", show=False, id="table.next_match"),
    Binding("N", "next_match(-1)", "Match before", show=False, id="table.previous_match"),
    Binding("`", "fold_all", "Fold groups", show=False, id="table.fold_all"),
    Binding("(", "resize(-2)", "Narrower", show=False, id="table.narrower"),
    Binding(")", "resize(2)", "Wider", show=False, id="table.wider"),
]
