"""An app around one widget, and ways to read what it drew."""

from __future__ import annotations

import unicodedata
from typing import Any

from textual.app import App, ComposeResult
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from lab.ui.theme import LAB_DARK, THEMES


class WidgetApp(App[None]):
    """Shows `widget` alone and keeps the messages named in `wanted`."""

    def __init__(self, widget: Widget, wanted: tuple[type[Message], ...] = ()) -> None:
        super().__init__()
        self._widget = widget
        self._wanted = wanted
        self.seen: list[Any] = []
        self.quit_by_markup = False

    def compose(self) -> ComposeResult:
        yield self._widget

    def on_mount(self) -> None:
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = LAB_DARK.name
        self._widget.focus()

    async def _on_message(self, message: Message) -> None:
        if isinstance(message, self._wanted):
            self.seen.append(message)
        await super()._on_message(message)

    def action_quit(self) -> None:  # type: ignore[override]
        self.quit_by_markup = True


def strips(app: App[Any]) -> list[Strip]:
    """All lines of the screen as drawn."""
    return app.screen._compositor.render_strips()


def lines(app: App[Any]) -> list[str]:
    return [strip.text for strip in strips(app)]


def text(app: App[Any]) -> str:
    return "\n".join(lines(app))


def assert_safe(app: App[Any]) -> None:
    """No character that a terminal obeys, every segment styled, every line as wide as the screen."""
    for strip in strips(app):
        assert strip.cell_length == app.size.width, strip.text
        for segment in strip:
            assert segment.style is not None
            bad = [char for char in segment.text if unicodedata.category(char) in ("Cc", "Cs", "Cf")]
            assert not bad, repr(segment.text)
