"""Choosing a theme: each is shown while the cursor is on it."""

from __future__ import annotations

from collections.abc import Iterable

from textual.theme import Theme

from lab.ui import theme
from lab.ui.screens.base import LabScreen
from lab.ui.screens.pick import Item, PickScreen

_OWN = {one.name for one in theme.THEMES}


def theme_items(themes: Iterable[Theme]) -> list[Item]:
    """Lab's own first, then those of Textual."""
    items = [
        Item(one.name, one.name, help=", ".join([
            "the terminal's own colours" if one.ansi else "dark" if one.dark else "light",
            *(["safe for colour-blind eyes"] if one.name in _OWN and not one.ansi else []),
        ]))
        for one in themes
    ]  # fmt: skip
    return sorted(items, key=lambda item: (item.key not in _OWN, item.key))


async def choose_theme(screen: LabScreen) -> None:
    """The chosen one stays, also after a restart; escape brings back the one before."""
    app = screen.lab
    before = app.theme

    def show(name: str) -> None:
        if name in app.available_themes:
            app.theme = name

    dialog = PickScreen("Theme", theme_items(app.available_themes.values()), "enter keeps it, esc leaves it as it was",
                        seen=show, at=before)  # fmt: skip
    chosen = await app.push_screen_wait(dialog)
    if chosen is None:
        app.theme = before
    else:
        app.use_theme(chosen)
