"""The keys of a `LogView`. What they do is told in `lab.ui.actions`."""

from __future__ import annotations

from textual.binding import Binding, BindingType

KEYS: list[BindingType] = [
    Binding("up,k", "scroll(-1)", "Up", show=False, id="log.up"),
    Binding("down,j", "scroll(1)", "Down", show=False, id="log.down"),
    Binding("pageup", "page(-1)", "Page up", show=False, id="log.page_up"),
    Binding("pagedown", "page(1)", "Page down", show=False, id="log.page_down"),
    Binding("home,g", "top", "First line", show=False, id="log.first"),
    Binding("end,G", "bottom", "Last line", show=False, id="log.last"),
    Binding("left", "sideways(-8)", "Left", show=False, id="log.left"),
    Binding("right", "sideways(8)", "Right", show=False, id="log.right"),
    Binding("s", "follow", "Follow", show=False, id="log.follow"),
    Binding("w", "wrap", "Wrap", show=False, id="log.wrap"),
    Binding("T", "times", "Times", show=False, id="log.times"),
    Binding("o", "editor", "Editor", show=False, id="log.editor"),
    Binding("n", "search_next(1)", "Next match", show=False, id="log.next"),
    Binding("N", "search_next(-1)", "Previous match", show=False, id="log.previous"),
]
