"""A list to search and choose from: help, palette, copy menu and every "which one?" are this one dialog."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from lab.dataclass import dataclass
from lab.ui.render.cells import tidy
from lab.ui.render.rows import Cell, Column, ListSource, Row
from lab.ui.widgets.dialog import Dialog
from lab.ui.widgets.frame_table import FrameTable
from lab.ui.widgets.table_messages import RowHighlighted, RowSelected

#: Lines of the dialog at most, and those of it that are not items.
_TALLEST, _AROUND = 34, 8


@dataclass(frozen=True)
class Item:
    """Something to choose: `key` comes back; `lead` (a key, a kind) and `help` stand beside the `title`."""

    key: str
    title: str
    lead: str = ""
    help: str = ""

    @property
    def searched(self) -> str:
        return f"{self.lead} {self.title} {self.help}".lower()


def rank(item: Item, query: str) -> tuple[int, int] | None:
    """How well an item fits (smaller is better), None when it does not: every word of `query` must occur in it,
    or else all its letters in this order in the title."""
    title, words = item.title.lower(), query.lower().split()
    if not words:
        return (0, 0)
    if query.strip() == item.lead:
        return (-1, 0)
    if all(word in title for word in words):
        return (1, title.find(words[0]))
    if all(word in item.searched for word in words):
        return (2, 0)
    letters = iter(title)
    return (3, 0) if all(letter in letters for letter in "".join(words)) else None


def found(items: Sequence[Item], query: str) -> list[Item]:
    """The items that fit, best first, otherwise in their order."""
    ranked = [(place, index, item) for index, item in enumerate(items) if (place := rank(item, query)) is not None]
    return [item for _, _, item in sorted(ranked, key=lambda one: one[:2])]


class PickScreen(Dialog[str | None]):
    """Dismisses with the key of the chosen item, or None."""

    DEFAULT_CSS = """
    PickScreen { align: center middle; background: $background 60%; }
    PickScreen #box {
        width: 90%; max-width: 96; height: 80%;
        border: round $border; background: $surface; padding: 0 1;
    }
    PickScreen Input { height: 1; border: none; padding: 0; background: $panel; margin-bottom: 1; }
    PickScreen #told { height: 2; color: $text-muted; margin-top: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", show=False, id="pick.cancel"),
        Binding("up", "move(-1)", "Up", show=False, id="pick.up"),
        Binding("down", "move(1)", "Down", show=False, id="pick.down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="pick.page_up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="pick.page_down"),
    ]

    def __init__(
        self,
        title: str,
        items: Sequence[Item],
        placeholder: str = "type to search, enter chooses",
        *,
        seen: Callable[[str], None] | None = None,
        at: str = "",
    ) -> None:
        """`seen` hears of each item that the cursor comes to; `at` is the key of the one where it begins."""
        super().__init__()
        self._seen = seen
        self._at = at
        self._title = title
        self._items = tuple(items)
        self._placeholder = placeholder

    def compose(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title = Content(tidy(self._title, 60))
            box.styles.max_height = min(_TALLEST, len(self._items) + _AROUND)
            yield Input(placeholder=self._placeholder, compact=True)
            columns = [Column("title", "", min_width=12, max_width=44, sortable=False),
                       Column("help", "", min_width=8, max_width=90, sortable=False, flex=1)]  # fmt: skip
            if any(item.lead for item in self._items):
                columns.insert(0, Column("lead", "", max_width=14, sortable=False))
            yield FrameTable(columns, ListSource(self._rows("")), empty="nothing fits", pinned=0)
            yield Static("", id="told", markup=False)

    def on_mount(self) -> None:
        table = self.query_one(FrameTable)
        table.can_focus = False
        self.set_focus(self.query_one(Input))
        table.move_to(self._at)
        self._tell()

    def told_by_itself(self) -> Sequence[tuple[str, str]]:
        """The item under the cursor."""
        key = self.query_one(FrameTable).cursor_key
        return [(item.title, item.help) for item in self._items if item.key == key]

    def _rows(self, query: str) -> list[Row]:
        leads = any(item.lead for item in self._items)
        rows = []
        for item in found(self._items, query):
            cells = (Cell(item.lead, "primary bold"), Cell(item.title), Cell(item.help, "muted"))
            rows.append(Row(item.key, cells if leads else cells[1:]))
        return rows

    def on_input_changed(self, event: Input.Changed) -> None:
        table = self.query_one(FrameTable)
        table.replace(ListSource(self._rows(event.value)))
        table.action_first()
        self._tell()

    def on_frame_table_row_highlighted(self, event: RowHighlighted) -> None:
        self._tell()
        if self._seen is not None:
            self._seen(event.key)

    def _tell(self) -> None:
        """All of the help of the item under the cursor, where it has no room beside its title."""
        key = self.query_one(FrameTable).cursor_key
        text = next((item.help for item in self._items if item.key == key), "")
        self.query_one("#told", Static).update(Content(tidy(text, 300)))

    def on_input_submitted(self) -> None:
        key = self.query_one(FrameTable).cursor_key
        if key is None:  # nothing fits: what is typed next is meant for here
            self.app.bell()
        else:
            self.dismiss(key)

    def on_frame_table_row_selected(self, event: RowSelected) -> None:
        self.dismiss(event.key)

    def action_cancel(self) -> None:
        self.dismiss(None)

    def action_move(self, by: int) -> None:
        self.query_one(FrameTable).action_move(by)

    def action_page(self, by: int) -> None:
        self.query_one(FrameTable).action_page(by)
