"""What is remembered of every table of a screen: columns and widths that were chosen, and by what it is sorted."""

from __future__ import annotations

from typing import Any

from lab.ui.render.arrange import Arrangement
from lab.ui.render.rows import Sort
from lab.ui.state import ViewState
from lab.ui.widgets.frame_table import FrameTable


def restore(state: ViewState, screen: str, table: FrameTable) -> None:
    """Have a table as it was left."""
    if table.id is None:
        return
    widths = {key: width for key, width in state.get(screen, f"widths {table.id}", {}).items() if _is_width(width)}
    if widths:
        table.set_widths(widths)
    arrangement = Arrangement.from_json(state.get(screen, f"columns {table.id}", {}))
    if arrangement != Arrangement():
        table.set_arrangement(arrangement)
    sorts = _sorts(state.get(screen, f"sorts {table.id}", []))
    if sorts and table.sorts_itself:
        table.set_sorts(sorts)


def keep_widths(state: ViewState, screen: str, table: FrameTable, widths: dict[str, int]) -> None:
    state.put(screen, f"widths {table.id}", widths)


def keep_columns(state: ViewState, screen: str, table: FrameTable) -> None:
    state.put(screen, f"columns {table.id}", table.arrangement.to_json())


def keep_sorts(state: ViewState, screen: str, table: FrameTable) -> None:
    if table.sorts_itself:
        state.put(screen, f"sorts {table.id}", [list(one) for one in table.sorts])


def _is_width(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _sorts(told: list[Any]) -> tuple[Sort, ...]:
    pairs = [one for one in told if isinstance(one, list) and len(one) == 2]
    return tuple((key, reverse) for key, reverse in pairs if isinstance(key, str) and isinstance(reverse, bool))
