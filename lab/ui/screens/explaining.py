"""F1: what this screen is for, and what the numbers under the cursor mean."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content

from lab import learn
from lab.domain.text import clean
from lab.errors import NotFoundError
from lab.ui import actions
from lab.ui.render.cells import tidy
from lab.ui.render.glyphs import Row
from lab.ui.screens.base import LabScreen
from lab.ui.widgets.detail import Page
from lab.ui.widgets.dialog import Dialog
from lab.ui.widgets.frame_table import FrameTable


class ExplainScreen(Dialog[None]):
    """Entries, each under its title, and the value that it is about."""

    DEFAULT_CSS = """
    ExplainScreen { align: center middle; background: $background 60%; }
    ExplainScreen #box {
        width: 90%; max-width: 96; height: 80%; max-height: 34;
        border: round $border; background: $surface; padding: 0 1;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,f1,enter", "close", "Close", show=False, id="explain.close")
    ]

    def __init__(self, title: str, entries: Sequence[tuple[str, learn.Entry]]) -> None:
        super().__init__()
        self._title = title
        self._entries = tuple(entries)

    def compose(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title = Content(tidy(self._title, 60))
            box.border_subtitle = Content("? all keys   :explain WORD   esc close")
            yield Page()

    def on_mount(self) -> None:
        page = self.query_one(Page)
        page.show(lambda width: entry_rows(self._entries, width))
        page.focus()

    def action_close(self) -> None:
        self.dismiss(None)


def entry_rows(entries: Sequence[tuple[str, learn.Entry]], width: int) -> list[Row]:
    """Entries as paragraphs of at most `width` cells; (what it is said of, entry)."""
    rows: list[Row] = []
    for title, entry in entries:
        rows += [[], [(title, "title")]] if rows else [[(title, "title")]]
        for name, text in (("", entry.what), ("why", entry.why), ("do", entry.todo)):
            lines = textwrap.wrap(text, max(20, width - 6))
            rows += [[(f" {name if index == 0 else '':<4} ", "accent"), (line, "")] for index, line in enumerate(lines)]
    return rows


def under_cursor(screen: LabScreen) -> list[tuple[str, learn.Entry]]:
    """What the screen says is under the cursor, else the column of the table that has the focus, with its value."""
    told: list[tuple[str, str]] = list(screen.explained())
    focused = screen.focused
    if isinstance(focused, FrameTable) and focused.cursor_column is not None:
        told += _of_table(focused)
    found: dict[str, tuple[str, learn.Entry]] = {}
    for word, value in told:
        entry = learn.find(word)
        if entry is not None and entry.word not in found:
            found[entry.word] = (f"{tidy(word, 40)}  {tidy(value, 60)}".strip(), entry)
    return list(found.values())


def _of_table(table: FrameTable) -> list[tuple[str, str]]:
    """The cell under the cursor, by its column, by what it says, and by the name of its row."""
    column, index = table.cursor_column, table.cursor_index
    rows = table.source.window(index, 1)
    texts = {one.id: cell.text for one, cell in zip(table.columns, rows[0].cells, strict=False)} if rows else {}
    if column is None:
        return []
    value = texts.get(column.id, "")
    words = [(word, value) for word in (column.title, column.id) if word]
    # A status is a sign and a word; the first cells of a row say what it is about.
    return [*words, *((text.split()[-1], "") for text in [value, *list(texts.values())[:3]] if text.strip())]


async def explain(screen: LabScreen, word: str = "") -> None:
    """A word, or the screen and what is under its cursor. Raises NotFoundError for a word that has no entry."""
    entries: list[tuple[str, learn.Entry]] = []
    if word:
        entry = learn.find(word)
        if entry is None:
            near = learn.nearest(word)
            raise NotFoundError(
                f"nothing is written about {clean(word, 60)!r}", f"did you mean {near}?" if near else ""
            )
        entries.append((entry.word, entry))
    else:
        about = learn.screen(screen.KIND)
        entries += under_cursor(screen)
        entries += [(f"The {actions.SCREENS[screen.KIND]} screen", about)] if about else []
    screen.lab.jobs.note("explained", f"lab explain {word}".strip()) if word else None
    await screen.app.push_screen_wait(ExplainScreen(f"What is {entries[0][0]}?" if word else "What is this?", entries))
