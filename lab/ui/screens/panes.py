"""Panes of a screen: one of them alone, and how much room each has beside another.

A pane is what lies beside something else in a container of the screen's body and takes more than a line or two.
"""

from __future__ import annotations

from collections.abc import Sequence

from textual.containers import Container, Vertical
from textual.screen import Screen
from textual.widget import Widget

from lab.ui.screens.parts import Lines
from lab.ui.state import ViewState

#: What a pane that is not seen, because another is alone, is marked with.
ASIDE = "-aside"
#: What the one that is alone is marked with, and all that it lies in.
ALONE = "-alone"
#: One step of a size, and the least and most, in percent of the container.
_STEP, _LEAST, _MOST = 10, 20, 80
#: What is not higher than this is a line of text and no pane.
_LINE = 2
_SECTION = "panes"


def alone(screen: Screen[None]) -> bool:
    """Whether one pane is shown alone."""
    return bool(screen.query(f".{ASIDE}"))


def show_alone(screen: Screen[None]) -> bool:
    """Give the focused pane the whole body; whether there was anything to take it from."""
    focused = screen.focused
    if focused is None:
        return False
    way = _way_up(screen, focused)
    put_aside = [other for level in way for other in _beside(level)]
    for level in way if put_aside else ():
        level.add_class(ALONE)
        level.styles.clear_rule("width")
        level.styles.clear_rule("height")
    for widget in put_aside:
        widget.add_class(ASIDE)
    return bool(put_aside)


def show_all(screen: Screen[None], state: ViewState, section: str) -> None:
    """Show everything again, in the sizes that were chosen."""
    for widget in screen.query(f".{ASIDE}, .{ALONE}"):
        widget.remove_class(ASIDE, ALONE)
    screen.call_after_refresh(lambda: apply(screen, state, section))


def resize(screen: Screen[None], state: ViewState, section: str, by: int) -> bool:
    """Give the focused pane a step more (1) or less (-1) of the room that it shares; whether it shares any."""
    pair = _focused_pair(screen)
    if pair is None or alone(screen):
        return False
    pane, others = pair
    across = lies_across(pane)
    whole = _extent(pane, across) + sum(_extent(other, across) for other in others)
    percent = round(100 * _extent(pane, across) / max(1, whole) / _STEP) * _STEP
    set_share(pane, others, across, percent + by * _STEP, state, section)
    return True


def set_share(
    pane: Widget, others: Sequence[Widget], across: bool, percent: int, state: ViewState, section: str
) -> None:
    """Give a pane so much of its container, within limits, and remember it."""
    percent = max(_LEAST, min(_MOST, percent))
    sizes = dict(state.get(section, _SECTION, {}))
    for one in (pane, *others):
        sizes.pop(_name(one, across), None)
    sizes[_name(pane, across)] = percent
    state.put(section, _SECTION, sizes)
    _lay_out(pane, others, across, percent)


def apply(screen: Screen[None], state: ViewState, section: str) -> None:
    """Have the sizes that were chosen, as far as they are for the way in which the panes lie now."""
    sizes: dict[str, int] = state.get(section, _SECTION, {})
    for pane in screen.query("#body *") if sizes and not alone(screen) else ():
        across = lies_across(pane)
        percent, other_way = sizes.get(_name(pane, across)), sizes.get(_name(pane, not across))
        others = panes_beside(pane)
        if isinstance(percent, int) and others and pane.display:
            _lay_out(pane, others, across, max(_LEAST, min(_MOST, percent)))
        elif other_way is not None:
            for one in (pane, *others):
                one.styles.clear_rule("width")
                one.styles.clear_rule("height")


def _lay_out(pane: Widget, others: Sequence[Widget], across: bool, percent: int) -> None:
    for one, size in ((pane, f"{percent}%"), *((other, "1fr") for other in others)):
        one.styles.clear_rule("height" if across else "width")
        if across:
            one.styles.width = size
        else:
            one.styles.height = size


def _focused_pair(screen: Screen[None]) -> tuple[Widget, list[Widget]] | None:
    """The innermost pane around the focus that has others beside it, and those."""
    focused = screen.focused
    for level in _way_up(screen, focused) if focused is not None else ():
        others = panes_beside(level)
        if others:
            return level, others
    return None


def _way_up(screen: Screen[None], widget: Widget) -> list[Widget]:
    """`widget` and what it lies in, up to what lies in the body directly; nothing for what is not in the body."""
    way: list[Widget] = []
    node: object = widget
    while isinstance(node, Widget) and not isinstance(node, Screen):
        if node.id == "body":
            return way
        way.append(node)
        node = node.parent
    return []


def _beside(widget: Widget) -> list[Widget]:
    """Everything that is shown beside it."""
    parent = widget.parent
    inside = parent.children if isinstance(parent, Widget) else ()
    return [one for one in inside if one is not widget and one.display]


def panes_beside(widget: Widget) -> list[Widget]:
    """The panes that share the room of a container with it."""
    if not isinstance(widget.parent, Container | Vertical) or not _is_pane(widget):
        return []
    return [one for one in _beside(widget) if _is_pane(one)]


def _is_pane(widget: Widget) -> bool:
    return widget.region.height > _LINE and not isinstance(widget, Lines)


def lies_across(widget: Widget) -> bool:
    """Whether what lies beside it lies to the left or right."""
    parent = widget.parent
    return isinstance(parent, Widget) and parent.styles.layout is not None and parent.styles.layout.name == "horizontal"


def _extent(widget: Widget, across: bool) -> int:
    return widget.outer_size.width if across else widget.outer_size.height


def _name(widget: Widget, across: bool) -> str:
    name = widget.id or next((one for one in sorted(widget.classes) if not one.startswith("-")), "")
    return f"{name} {'width' if across else 'height'}"
