"""A chart on the screen: curves, crosshair, zoom and smoothing by keys and mouse.

numpy loads with the first series that is shown, never before: `_renderer` is the one place that imports it.
"""

from __future__ import annotations

import importlib
import math
import os
from collections.abc import Sequence
from dataclasses import replace
from types import ModuleType
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from lab.domain.figures import Figure
from lab.ui.render.cells import fit, tidy
from lab.ui.render.glyphs import use_ascii
from lab.ui.render.series import ChartOptions, Frame, Series, Style, XKind
from lab.ui.widgets.strips import ground_of, to_strip

#: What `(` and `)` step through.
SMOOTHINGS = (0.0, 0.3, 0.6, 0.8, 0.9, 0.95, 0.99)
_ZOOM = 1.5
#: What curves can be made of: braille needs a font that has it, blocks most fonts, ASCII any.
STYLES: tuple[Style, ...] = ("braille", "block", "ascii")
#: The part of the view that a step to the side moves it by.
_PAN = 0.25


def _renderer() -> ModuleType:
    """`lab.ui.render.chart`, imported when a chart is first drawn because it brings numpy (about 0.15 s)."""
    return importlib.import_module("lab.ui.render.chart")


def usual_style() -> Style:
    """What `LAB_CHART` says; without it ASCII under `LAB_ASCII=1`, else braille."""
    told = os.environ.get("LAB_CHART", "")
    return next((one for one in STYLES if one == told), "ascii" if use_ascii() else "braille")


class ChartView(Widget, can_focus=True):
    """Draws series; the frame is made again only when data, size or what the user asked for changes."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    ChartView {
        width: 1fr;
        height: 1fr;
        min-height: 3;
        background: $surface;
        color: $foreground;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("l", "log_y", "Log y", show=False, id="chart.log_y"),
        Binding("a", "axis", "X axis", show=False, id="chart.axis"),
        Binding("(", "smooth(-1)", "Less smooth", show=False, id="chart.rougher"),
        Binding(")", "smooth(1)", "Smoother", show=False, id="chart.smoother"),
        Binding("<", "zoom(-1)", "Zoom out", show=False, id="chart.zoom_out"),
        Binding(">", "zoom(1)", "Zoom in", show=False, id="chart.zoom_in"),
        Binding("0", "fit", "Fit", show=False, id="chart.fit"),
        Binding("left", "crosshair(-1)", "Crosshair left", show=False, id="chart.left"),
        Binding("right", "crosshair(1)", "Crosshair right", show=False, id="chart.right"),
        Binding("shift+left", "pan(-1)", "Pan left", show=False, id="chart.pan_left"),
        Binding("shift+right", "pan(1)", "Pan right", show=False, id="chart.pan_right"),
        Binding("B", "style", "Dots, blocks or ASCII", show=False, id="chart.style"),
        Binding("n", "highlight(1)", "Next series", show=False, id="chart.next"),
        Binding("N", "highlight(-1)", "Previous series", show=False, id="chart.previous"),
    ]

    class ChartMessage(Message):
        """Any message of a chart; `chart` sent it."""

        def __init__(self, chart: ChartView) -> None:
            super().__init__()
            self.chart = chart

        @property
        def control(self) -> ChartView:
            return self.chart

    class AxisRequested(ChartMessage):
        """The user wants the next kind of x (step, time, epoch); the screen calls `set_series` and `set_axis`."""

    class StyleChosen(ChartMessage):
        """The user wants curves of dots, of blocks or of plain characters."""

    class HighlightChanged(ChartMessage):
        """`key` is the highlighted series' id, None for none."""

        def __init__(self, chart: ChartView, key: str | None) -> None:
            super().__init__(chart)
            self.key = key

    def __init__(
        self,
        title: str = "",
        *,
        smoothing: float = 0.0,
        empty: str = "no data yet",
        style: Style | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        """`smoothing` in [0, 1); `style` braille, block or ascii (None: see `usual_style`)."""
        super().__init__(id=id, classes=classes)
        chosen: Style = style or usual_style()
        self._options = ChartOptions(title=title, smoothing=smoothing, style=chosen, empty=empty)
        self._series: tuple[Series, ...] = ()
        self._drawn: list[Series] | None = None  # with trends, for the present smoothing and highlight
        self._highlight: str | None = None
        self._frame: Frame | None = None
        self._strips: dict[int, Strip] = {}
        self._smoothing_chosen = False
        self._held: tuple[int, tuple[float, float]] | None = None  # column and view when the mouse took hold

    # What a screen asks and sets

    @property
    def options(self) -> ChartOptions:
        """How the chart is drawn now: zoom, smoothing, crosshair and so on."""
        return self._options

    @property
    def series(self) -> Sequence[Series]:
        return self._series

    @property
    def told(self) -> str:
        """The legend in one line: the values at the crosshair, or the last ones."""
        frame = self.frame
        return " ".join("".join(text for text, _ in row).strip() for row in frame.rows[: max(1, frame.plot.top)])

    @property
    def highlighted(self) -> str | None:
        return self._highlight

    def set_series(self, series: Sequence[Series]) -> None:
        """Show these curves. Zoom, crosshair and highlight stay; without one, that set in the data counts."""
        self._series = tuple(series)
        ids = [one.id for one in self._series]
        if self._highlight not in ids:
            self._highlight = next((one.id for one in self._series if one.highlighted), None)
        self._drawn = None
        self._redraw()

    def set_options(self, **changes: object) -> None:
        """Change fields of `ChartOptions`, such as `title`, `log_y`, `smoothing` or `style`."""
        if "smoothing" in changes:
            self._drawn = None
        self._options = replace(self._options, **changes)  # type: ignore[arg-type]
        self._redraw()

    def suggest_smoothing(self, weight: float) -> None:
        """Smooth the curves so much, unless somebody chose how much."""
        if not self._smoothing_chosen and weight != self._options.smoothing:
            self.set_options(smoothing=weight)

    def use_style(self, name: str) -> None:
        """Draw curves as somebody chose earlier; what the environment asks for counts more."""
        if name in STYLES and not use_ascii() and not os.environ.get("LAB_CHART"):
            self.set_options(style=name)

    def set_axis(self, label: str, kind: XKind = "number") -> None:
        """Name the x axis; zoom and crosshair, which are values of the old one, end."""
        self.set_options(x_label=label, x_kind=kind, x_range=None, crosshair=None)

    def highlight(self, key: str | None) -> None:
        """Put one series in front of all others; None for none."""
        if key != self._highlight:
            self._highlight = key
            self._drawn = None
            self._redraw()
            self.post_message(self.HighlightChanged(self, key))

    @property
    def figure(self) -> Figure:
        """The curves as they are shown, for a file."""
        if self._drawn is None:
            self._frame = self._render_frame()
        figure: Figure = importlib.import_module("lab.ui.render.figures").of_series(self._drawn or (), self._options)
        return figure

    @property
    def frame(self) -> Frame:
        """The chart as drawn, for copying it as text."""
        if self._frame is None:
            self._frame = self._render_frame()
        return self._frame

    # Actions

    def action_log_y(self) -> None:
        self.set_options(log_y=not self._options.log_y)

    def action_axis(self) -> None:
        self.post_message(self.AxisRequested(self))

    def action_smooth(self, by: int) -> None:
        """The next of the usual weights above or below the present one."""
        now = self._options.smoothing
        steps = [step for step in SMOOTHINGS if (step > now + 1e-9 if by > 0 else step < now - 1e-9)]
        self._smoothing_chosen = True
        if steps:
            self.set_options(smoothing=steps[0] if by > 0 else steps[-1])

    def action_zoom(self, by: int) -> None:
        self._zoom(by, self._options.crosshair)

    def action_fit(self) -> None:
        """Show all of the data again, without a crosshair."""
        self.set_options(x_range=None, crosshair=None)

    def action_crosshair(self, by: int) -> None:
        """Move the crosshair by one column; at the edge of a zoomed view the view moves."""
        plot = self.frame.plot
        if plot.width <= 0:
            return
        step = (plot.x_high - plot.x_low) / plot.width
        now = self._options.crosshair
        if now is None:
            target = plot.x_at(plot.left + plot.width - 1) if by < 0 else plot.x_at(plot.left)
        else:
            target = now + by * step
        low, high = self._x_extent()
        target = max(low, min(high, target))
        x_range = self._options.x_range
        if x_range is not None and not x_range[0] <= target <= x_range[1]:
            x_range = self._within(x_range[0] + by * step, x_range[1] + by * step)
        self.set_options(crosshair=target, x_range=x_range)

    def action_pan(self, by: int) -> None:
        """Move a zoomed view to the side by a quarter of what it shows."""
        if self._options.x_range is not None:
            low, high = self._options.x_range
            shift = by * (high - low) * _PAN
            self.set_options(x_range=self._within(low + shift, high + shift))

    def action_style(self) -> None:
        """The next way of drawing curves."""
        self.set_options(style=STYLES[(STYLES.index(self._options.style) + 1) % len(STYLES)])
        self.post_message(self.StyleChosen(self))

    def action_highlight(self, by: int) -> None:
        """The next series, with "none" between the last and the first."""
        ids: list[str | None] = [None, *(one.id for one in self._series)]
        at = ids.index(self._highlight) if self._highlight in ids else 0
        self.highlight(ids[(at + by) % len(ids)])

    # Drawing

    def _redraw(self) -> None:
        self._frame = None
        self._strips.clear()
        self.refresh()

    def _render_frame(self) -> Frame:
        if not self._series:
            return Frame()
        chart = _renderer()
        if self._drawn is None:
            smoothing = self._options.smoothing
            marked = [replace(one, highlighted=one.id == self._highlight) for one in self._series]
            self._drawn = [chart.smoothed(one, smoothing) if one.trend is None else one for one in marked]
        frame: Frame = chart.render(self._drawn, self.size.width, self.size.height, self._options)
        return frame

    def render_line(self, y: int) -> Strip:
        strip = self._strips.get(y)
        if strip is None:
            strip = self._strips[y] = self._line(y)
        return strip

    def _line(self, y: int) -> Strip:
        width, base, ground = self.size.width, self.rich_style, ground_of(self)
        rows = self.frame.rows
        if y < len(rows):
            return to_strip(rows[y], base, ground, width)
        text = tidy(self._options.empty) if not self._series and y == self.size.height // 2 else ""
        return to_strip([(fit(text, width, "center"), "muted")], base, ground, width)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips.clear()

    def on_resize(self) -> None:
        self._redraw()

    # Zoom and mouse

    def _x_extent(self) -> tuple[float, float]:
        """The range of all data; that of the present view while there is none."""
        values = [float(value) for one in self._series for value in (one.x[:1], one.x[-1:]) for value in value]
        known = [value for value in values if math.isfinite(value)]
        plot = self.frame.plot
        return (min(known), max(known)) if known else (plot.x_low, plot.x_high)

    def _within(self, low: float, high: float) -> tuple[float, float] | None:
        """A view shifted back inside the data; None when it shows all of it."""
        first, last = self._x_extent()
        span = high - low
        if span >= last - first:
            return None
        low = max(first, min(last - span, low))
        return low, low + span

    def _zoom(self, by: int, around: float | None) -> None:
        plot = self.frame.plot
        low, high = self._options.x_range or self._x_extent()
        if plot.width <= 0 or not high > low:
            return
        centre = (low + high) / 2 if around is None or not low <= around <= high else around
        factor = 1 / _ZOOM if by > 0 else _ZOOM
        smaller = (high - low) * factor
        if smaller <= max(abs(low), abs(high)) * 1e-12:
            return
        left = centre - (centre - low) * factor
        self.set_options(x_range=self._within(left, left + smaller))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Take hold of a zoomed view, to drag it."""
        offset = event.get_content_offset(self)
        if offset is not None and event.button == 1 and self._options.x_range is not None:
            self._held = (offset.x, self._options.x_range)
            self.capture_mouse()

    def on_mouse_up(self) -> None:
        if self._held is not None:
            self._held = None
            self.release_mouse()

    def _drag(self, x: int) -> None:
        """Move the view so that what was taken hold of is at column `x`."""
        if self._held is not None and (plot := self.frame.plot).width > 0:
            begin, (low, high) = self._held
            by = (begin - x) * (high - low) / plot.width
            self.set_options(x_range=self._within(low + by, high + by), crosshair=None)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._held is not None:
            self._drag(event.x - self.gutter.left)
            return
        offset = event.get_content_offset(self)
        plot = self.frame.plot
        if offset is None or not plot.left <= offset.x < plot.left + plot.width:
            return
        if plot.top <= offset.y < plot.top + plot.height:
            x = plot.x_at(offset.x)
            if x != self._options.crosshair:
                self.set_options(crosshair=x)

    def on_leave(self) -> None:
        if self._options.crosshair is not None and not self.has_focus:
            self.set_options(crosshair=None)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._wheel(event, 1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._wheel(event, -1)

    def _wheel(self, event: events.MouseEvent, by: int) -> None:
        offset = event.get_content_offset(self)
        if offset is not None:
            event.stop()
            self._zoom(by, self.frame.plot.x_at(offset.x))
