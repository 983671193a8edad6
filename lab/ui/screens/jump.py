"""The jump overlay: a letter on everything that can have the focus and on every tab."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Offset
from textual.widget import Widget
from textual.widgets import Static

from lab.dataclass import dataclass
from lab.ui.screens.base import TAB, LabScreen
from lab.ui.screens.tabs import Tabs
from lab.ui.widgets.dialog import Dialog

#: On the home row first.
LETTERS = "asdfghjklqwertyuiopzxcvbnm"


@dataclass(frozen=True)
class Goal:
    """Where a letter stands, and what it leads to: a widget, or a tab of this key."""

    at: Offset
    widget: Widget
    tab: str = ""


def goals(screen: LabScreen) -> list[Goal]:
    """From top to bottom and left to right."""
    found = [Goal(one.region.offset, one) for one in screen.focus_chain if one.region and one.visible]
    for tabs in screen.query(Tabs):
        found += [Goal(tabs.region.offset + Offset(x, 0), tabs, key) for x, key in tabs.places] if tabs.region else []
    return sorted(found, key=lambda goal: (goal.at.y, goal.at.x))[: len(LETTERS)]


class JumpScreen(Dialog[int | None]):
    """Dismisses with the index of the goal whose letter was pressed; any other key closes it."""

    DEFAULT_CSS = """
    JumpScreen { background: $background 30%; }
    JumpScreen Static {
        position: absolute; width: 3; height: 1; background: $accent; color: $background; text-style: bold;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,ctrl+o", "cancel", "Cancel", show=False, id="jump.cancel")]

    def __init__(self, places: Sequence[Offset]) -> None:
        super().__init__()
        self._places = tuple(places)

    def compose(self) -> ComposeResult:
        for letter, place in zip(LETTERS, self._places, strict=False):
            label = Static(Content(f" {letter} "))
            label.styles.offset = (place.x, place.y)
            yield label

    def on_key(self, event: events.Key) -> None:
        if event.key in ("escape", "ctrl+o"):
            return
        event.stop()
        at = LETTERS.find(event.character or "-")
        self.dismiss(at if 0 <= at < len(self._places) else None)

    def action_cancel(self) -> None:
        self.dismiss(None)


async def jump(screen: LabScreen) -> None:
    """Go to what is chosen by its letter."""
    found = goals(screen)
    at = await screen.app.push_screen_wait(JumpScreen([goal.at for goal in found]))
    if at is not None and found[at].widget.is_attached:
        goal = found[at]
        if goal.tab:
            screen.show_tab(goal.tab.removeprefix(TAB))
        else:
            goal.widget.focus()
