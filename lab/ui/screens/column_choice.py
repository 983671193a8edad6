"""Which columns the run table shows: a list of all that there are, and what the keys do to those that are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content

from lab.dataclass import dataclass
from lab.ui.render.rows import Cell, Column, ListSource, Row
from lab.ui.widgets.dialog import Dialog
from lab.ui.widgets.frame_table import FrameTable
from lab.ui.widgets.table_messages import RowSelected

if TYPE_CHECKING:
    from lab.ui.screens.base import LabScreen

#: Statistics of a metric that are columns beside its last value.
STATISTICS = ("best", "min", "max", "mean")
_PINNED = 2


@dataclass(frozen=True)
class Layout:
    """Columns by id, in their order; none means that the table chooses by what the runs have. The first `pinned` of
    them do not scroll."""

    ids: tuple[str, ...] = ()
    pinned: int = _PINNED

    @classmethod
    def from_json(cls, data: Any) -> Layout:
        """What was remembered; the default for what is no layout."""
        ids, pinned = (data.get("ids"), data.get("pinned")) if isinstance(data, dict) else (None, None)
        known = tuple(one for one in ids if isinstance(one, str)) if isinstance(ids, list) else ()
        return cls(known, pinned if isinstance(pinned, int) and pinned >= 0 else _PINNED)

    def to_json(self) -> dict[str, Any]:
        return {"ids": list(self.ids), "pinned": self.pinned}


def moved(layout: Layout, shown: Sequence[str], at: int, by: int) -> Layout:
    """The column at `at` one place to the left or right."""
    to = at + by
    if not 0 <= to < len(shown):
        return layout
    ids = list(shown)
    ids.insert(to, ids.pop(at))
    return replace(layout, ids=tuple(ids))


def hidden(layout: Layout, shown: Sequence[str], at: int) -> Layout:
    """Without the column at `at`; the last one stays."""
    if len(shown) < 2:
        return layout
    pinned = layout.pinned - (at < layout.pinned)
    return Layout(tuple(one for place, one in enumerate(shown) if place != at), pinned)


def pinned(layout: Layout, at: int) -> Layout:
    """All columns up to `at` stay when the others scroll; those before it, if that is so already."""
    return replace(layout, pinned=at if layout.pinned == at + 1 else at + 1)


def choices(fields: Sequence[Column], params: Sequence[str], metrics: Sequence[str]) -> list[tuple[str, str, str]]:
    """(id, title, kind) of every column that there can be; of fields with one title the first."""
    found = []
    for name in metrics:
        found.append((f"metric.{name}", name, "metric"))
        found += [(f"metric.{name}.{one}", f"{name}.{one}", f"its {one}") for one in STATISTICS]
    found += [(f"param.{name}", name, "parameter") for name in params]
    own = {column.title: column for column in reversed(fields)}
    return [*found, *((column.id, column.title, "field") for column in fields if own[column.title] is column)]


async def choose(screen: LabScreen, table: FrameTable) -> None:
    """Which of its columns a table shows."""
    every = [(column.id, column.title.strip() or "(no title)", "") for column in table.every_column]
    shown = [column.id for column in table.columns]
    chosen = await screen.app.push_screen_wait(ColumnsScreen(every, shown))
    if chosen is not None:
        known = {key for key, _, _ in every}
        hidden = frozenset(known - set(chosen)) if chosen else frozenset()
        table.set_arrangement(replace(table.arrangement, order=chosen, hidden=hidden))
        table.post_message(table.Arranged(table))


class ColumnsScreen(Dialog["tuple[str, ...] | None"]):
    """Dismisses with the marked columns: those shown before in their order, then the others; None for no change."""

    DEFAULT_CSS = """
    ColumnsScreen { align: center middle; background: $background 60%; }
    ColumnsScreen #box {
        width: 90%; max-width: 72; height: 80%; max-height: 34;
        border: round $border; background: $surface; padding: 0 1;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "Cancel", show=False, id="columns.cancel")]

    def __init__(self, every: Sequence[tuple[str, str, str]], shown: Sequence[str]) -> None:
        super().__init__()
        self._every = tuple(every)
        self._shown = tuple(shown)

    def compose(self) -> ComposeResult:
        columns = (Column("title", "column", flex=1, sortable=False), Column("kind", "", width=12, sortable=False))
        with Vertical(id="box") as box:
            box.border_title = Content("Columns: space marks, enter shows; none marked: as usual")
            yield FrameTable(columns, id="columns")

    def on_mount(self) -> None:
        known = {key: (title, kind) for key, title, kind in self._every}
        first = [key for key in self._shown if key in known]
        order = [*first, *(key for key in known if key not in first)]
        rows = [Row(key, (Cell(known[key][0]), Cell(known[key][1], "muted"))) for key in order]
        table = self.query_one(FrameTable)
        table.replace(ListSource(rows))
        table.set_marks(first)
        table.focus()

    def on_frame_table_row_selected(self, event: RowSelected) -> None:
        event.stop()
        marks = self.query_one(FrameTable).marks
        kept = [key for key in self._shown if key in marks]
        self.dismiss((*kept, *(key for key in marks if key not in kept)))

    def action_cancel(self) -> None:
        self.dismiss(None)
