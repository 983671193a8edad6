"""Rows of (text, token) spans to Textual strips, every segment with an explicit style."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from lab.ui.render.cells import width_of
from lab.ui.render.glyphs import Span
from lab.ui.theme import token_style


def is_dark(widget: Widget) -> bool:
    """Whether `widget` is drawn on a dark background."""
    return widget.app.current_theme.dark


def to_strip(
    spans: Iterable[Span], base: Style, dark: bool, width: int, over: Mapping[int, Style] | None = None
) -> Strip:
    """`spans` over `base` (which has both colours) in exactly `width` cells; `over` adds to single spans."""
    segments, used = [], 0
    for index, (text, token) in enumerate(spans):
        style = base + token_style(token, dark) if token else base
        segments.append(Segment(text, style + over[index] if over and index in over else style))
        used += width_of(text)
    strip = Strip(segments, used)
    return strip if used == width else strip.adjust_cell_length(width, base)
