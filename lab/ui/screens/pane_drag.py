"""Dragging the border between two panes with the mouse."""

from __future__ import annotations

from textual.screen import Screen
from textual.widget import Widget

from lab.dataclass import dataclass
from lab.ui.screens import panes
from lab.ui.state import ViewState


@dataclass(frozen=True)
class Border:
    """What lies between `pane` and the ones after it; `across` where they lie beside each other."""

    pane: Widget
    others: tuple[Widget, ...]
    across: bool


def border_at(screen: Screen[None], x: int, y: int) -> Border | None:
    """The border in the cell (x, y) of the screen: the line that a pane begins with, or what lies between two."""
    if panes.alone(screen):
        return None
    for pane in screen.query("#body *"):
        others = tuple(panes.panes_beside(pane))
        if not others or not pane.region:
            continue
        across = panes.lies_across(pane)
        after = [one for one in others if _start(one, across) > _start(pane, across)]
        if not after:
            continue
        next_one = min(after, key=lambda one: _start(one, across))
        at, along = (x, y) if across else (y, x)
        low, high = _end(pane, across), _start(next_one, across)
        drawn = next_one.styles.border_left[0] if across else next_one.styles.border_top[0]
        if low <= at < high + bool(drawn) and _start(pane, not across) <= along < _end(pane, not across):
            return Border(pane, others, across)
    return None


def drag(border: Border, x: int, y: int, state: ViewState, section: str) -> None:
    """Let the first pane end at the cell (x, y) of the screen, as far as a pane may."""
    pane, across = border.pane, border.across
    parent = pane.parent
    whole = parent.size.width if across else parent.size.height  # type: ignore[union-attr]
    size = (x if across else y) - _start(pane, across)
    panes.set_share(pane, border.others, across, round(100 * size / max(1, whole)), state, section)


def _start(widget: Widget, across: bool) -> int:
    return widget.region.x if across else widget.region.y


def _end(widget: Widget, across: bool) -> int:
    return widget.region.right if across else widget.region.bottom
