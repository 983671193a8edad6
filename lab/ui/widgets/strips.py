"""Rows of (text, token) spans to Textual strips, every segment with an explicit style."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.filter import ANSIToTruecolor, LineFilter
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.scrollbar import ScrollBar, ScrollBarRender
from textual.strip import Strip
from textual.widget import Widget

from lab.ui.render.cells import width_of
from lab.ui.render.glyphs import Span, plainly, use_ascii
from lab.ui.theme import Ground, token_style


def ground_of(widget: Widget) -> Ground:
    """What `widget` is drawn on."""
    return Ground.of(widget.app.current_theme)


def to_strip(
    spans: Iterable[Span], base: Style, ground: Ground, width: int, over: Mapping[int, Style] | None = None
) -> Strip:
    """`spans` over `base` (which has both colours) in exactly `width` cells; `over` adds to single spans."""
    segments, used, plain = [], 0, use_ascii()
    for index, (text, token) in enumerate(spans):
        style = base + token_style(token, ground) if token else base
        text = plainly(text) if plain else text
        segments.append(Segment(text, style + over[index] if over and index in over else style))
        used += width_of(text)
    strip = Strip(segments, used)
    return strip if used == width else strip.adjust_cell_length(width, base)


class PlainBars(ScrollBarRender):
    """Scrollbars of blanks alone, which have no halves of cells at their ends."""

    VERTICAL_BARS: ClassVar[list[str]] = [" "] * len(ScrollBarRender.VERTICAL_BARS)
    HORIZONTAL_BARS: ClassVar[list[str]] = [" "] * len(ScrollBarRender.HORIZONTAL_BARS)


class LineView(ScrollView, can_focus=True, inherit_bindings=False):
    """A scrolling widget that draws its own lines, beside a vertical scrollbar that is always there.

    So the width of a line does not depend on how many lines there are. Sideways it scrolls without a scrollbar.
    """

    DEFAULT_CSS = """
    LineView {
        height: 1fr;
        background: $surface;
        color: $foreground;
        overflow: auto scroll;
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 0;
    }
    """

    _base: Style | None = None
    _scrolled: tuple[Size, Size, Size] | None = None

    @property
    def base(self) -> Style:
        """Colours of a line. Textual puts them together from all that it lies on, anew for each line."""
        if self._base is None:
            self._base = self.rich_style
        return self._base

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._base = None

    def get_line_filters(self) -> Sequence[LineFilter]:
        # Tokens are true colours already, but on themes for which Textual lets the others be: nothing is to be found.
        return [one for one in super().get_line_filters() if not isinstance(one, ANSIToTruecolor)]

    def _scroll_update(self, virtual_size: Size) -> None:
        # Textual does this at every layout, whatever was laid out, and paints the scrollbar each time.
        sizes = virtual_size, self.size, self.container_size
        if sizes != self._scrolled:
            self._scrolled = sizes
            super()._scroll_update(virtual_size)

    @property
    def vertical_scrollbar(self) -> ScrollBar:
        bar = super().vertical_scrollbar
        if use_ascii():
            bar.renderer = PlainBars  # type: ignore[misc]  # as its documentation tells
        return bar

    @property
    def view_width(self) -> int:
        """Cells for one line, without the scrollbar."""
        return max(0, self.size.width - self.styles.scrollbar_size_vertical)
