"""F1: what this screen is for, and what the numbers under the cursor mean."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content

from lab import learn
from lab.domain.text import clean
from lab.errors import NotFoundError
from lab.ui import actions
from lab.ui.explained import of_widget
from lab.ui.render.cells import tidy
from lab.ui.render.glyphs import Row
from lab.ui.screens.base import LabScreen
from lab.ui.screens.better import ways
from lab.ui.widgets.detail import Page
from lab.ui.widgets.dialog import Dialog
from lab.ui.widgets.frame_table import FrameTable

if TYPE_CHECKING:
    from lab.workspace import Workspace

#: More words than this are not explained at once.
_MOST = 8
#: Screens whose panels and charts may name parameters and metrics of runs, those whose tables may, and how many of
#: the first words are looked up as such.
_OF_RUNS = ("home", "runs", "run", "compare", "relations", "changes", "models")
_TABLES_OF_RUNS = ("runs", "run", "compare", "models")
_FIRST = 6


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


def entries_about(told: Iterable[tuple[str, str]], most: int = _MOST) -> list[tuple[str, learn.Entry]]:
    """What is written about words, each once, titled by the word and its value."""
    found: dict[str, tuple[str, learn.Entry]] = {}
    for word, value in told:
        entry = learn.find(word)
        if entry is not None and entry.word not in found:
            found[entry.word] = (f"{tidy(word, 40)}  {tidy(value, 60)}".strip(), entry)
    return list(found.values())[:most]


async def under_cursor(screen: LabScreen) -> list[tuple[str, learn.Entry]]:
    """What the screen says is under the cursor, else what the widget shows that has the focus: what is written about
    it, and of a parameter or metric what the runs tell."""
    told = [*screen.explained(), *of_widget(screen.focused)]
    entries = entries_about(told)
    in_table = isinstance(screen.focused, FrameTable)
    params = not (in_table and screen.KIND == "models")  # whose tables have a column for models
    may_be = screen.KIND in (_TABLES_OF_RUNS if in_table else _OF_RUNS)
    own = await in_this_lab(screen, told[:_FIRST], params=params) if may_be else None
    if own is None:
        return entries
    written = learn.find(own[1].word)
    at = next((at + 1 for at, (_, one) in enumerate(entries) if one is written), 0)
    return [*entries[:at], own, *entries[at:]]


async def in_this_lab(
    screen: LabScreen, told: Sequence[tuple[str, str]], *, params: bool = True
) -> tuple[str, learn.Entry] | None:
    """What the runs tell of the first of these words that is a parameter or a metric of theirs, under its title."""
    said = ways(screen.lab.view_state)

    def first(ws: Workspace) -> tuple[str, learn.Entry] | None:
        for word, value in told:
            entry = ws.runs.explain(word, said.get(word), params=params)
            if entry is not None:
                return f"{tidy(word, 40)} in this lab  {tidy(value, 60)}".strip(), entry
        return None

    return await screen.ask(first)


async def explain_dialog(dialog: Dialog[Any]) -> None:
    """What a dialog asks for or shows."""
    own = [(title, learn.Entry(title, (), text, "", "")) for title, text in dialog.told_by_itself() if text]
    entries = [*own[:1], *entries_about([*dialog.explained(), *of_widget(dialog.focused)], 3), *own[1:]]
    if entries:
        await dialog.app.push_screen_wait(ExplainScreen("What is this?", entries))
    else:
        dialog.app.bell()


async def explain(screen: LabScreen, word: str = "") -> None:
    """A word, or the screen and what is under its cursor. Raises NotFoundError for a word that has no entry."""
    entries: list[tuple[str, learn.Entry]] = []
    if word:
        entry, own = learn.find(word), await in_this_lab(screen, [(word, "")])
        if entry is None and own is None:
            near = learn.nearest(word)
            raise NotFoundError(
                f"nothing is written about {clean(word, 60)!r}", f"did you mean {near}?" if near else ""
            )
        entries += [(entry.word, entry)] if entry else []
        entries += [own] if own else []
    else:
        about = learn.screen(screen.KIND)
        entries += await under_cursor(screen)
        entries += [(f"The {actions.SCREENS[screen.KIND]} screen", about)] if about else []
    if word:
        screen.lab.jobs.note("explained", actions.command(actions.get("app.explain"), word=word))
    await screen.app.push_screen_wait(ExplainScreen(f"What is {tidy(word, 40)}?" if word else "What is this?", entries))
