"""What lies below a dialog, dimmed."""

from __future__ import annotations

from functools import lru_cache

from rich.segment import Segment
from rich.style import Style as RichStyle
from textual.color import Color
from textual.css.styles import RulesMap
from textual.geometry import Size
from textual.renderables.background_screen import BackgroundScreen
from textual.screen import Screen
from textual.strip import Strip
from textual.style import Style
from textual.visual import RenderOptions, Visual


@lru_cache(maxsize=4096)
def _dimmed(style: RichStyle | None, color: Color) -> RichStyle | None:
    (segment,) = BackgroundScreen.process_segments((Segment("", style),), color)
    return segment.style


class Dimmed(Visual):
    """Looks as Textual's own, which mixes the colours of each piece of text anew and takes two thirds of the time that
    painting a dialog needs: here once for each style."""

    def __init__(self, screen: Screen[object], color: Color) -> None:
        self._screen = screen
        self._color = color

    def render_strips(self, width: int, height: int | None, style: Style, options: RenderOptions) -> list[Strip]:
        compositor, color = self._screen._compositor, self._color
        strips = compositor.render_strips(Size(width, compositor.size.height if height is None else height))
        return [
            Strip([Segment(text, _dimmed(style, color)) for text, style, _ in strip], strip.cell_length)
            for strip in strips
        ]

    def get_optimal_width(self, rules: RulesMap, container_width: int) -> int:
        return self._screen.size.width

    def get_height(self, rules: RulesMap, width: int) -> int:
        return self._screen.size.height
