"""Many runs on the screen: points of a parameter against a metric, or lines over parallel axes."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from lab.domain.directions import Direction
from lab.domain.figures import Figure
from lab.domain.relations import Axis, Tie, metric_axis, param_axes, ties
from lab.domain.runs import Run
from lab.ui.render.cells import fit, tidy
from lab.ui.render.glyphs import Row, use_ascii
from lab.ui.render.scatter import Plot, legend, scatter
from lab.ui.widgets.strips import ground_of, to_strip

_HEAD = 2  # rows above the drawing


class RelationView(Widget, can_focus=True):
    """Draws `runs`; the screen says which metric. What the user chooses stays when runs come and go."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    RelationView { width: 1fr; height: 1fr; min-height: 6; background: $surface; color: $foreground; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "view", "Points or lines", show=False, id="relation.view"),
        Binding("x", "axis(1)", "Next parameter", show=False, id="relation.next_axis"),
        Binding("X", "axis(-1)", "Previous parameter", show=False, id="relation.previous_axis"),
        Binding("c", "shade(1)", "Next shade", show=False, id="relation.next_shade"),
        Binding("C", "shade(-1)", "Previous shade", show=False, id="relation.previous_shade"),
        Binding("l", "log", "Log metric", show=False, id="relation.log"),
        Binding("left,up,k", "cursor(-1)", "Previous run", show=False, id="relation.left"),
        Binding("right,down,j", "cursor(1)", "Next run", show=False, id="relation.right"),
        Binding("enter", "choose", "Open run", show=False, id="relation.open"),
    ]

    class Chosen(Message):
        """The run under the cursor is to be opened."""

        def __init__(self, run: Run) -> None:
            super().__init__()
            self.run = run

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._runs: tuple[Run, ...] = ()
        self._metric = ""
        self._lower = False
        self._log = False
        self._lines = False
        self._x = ""  # keys of the chosen axes; "" for the strongest parameter, and no shade
        self._shade = ""
        self._cursor = ""
        self._params: tuple[Axis, ...] = ()
        self._ties: tuple[Tie, ...] = ()
        self._places: dict[tuple[int, int], list[int]] = {}
        self._rows: tuple[Row, ...] | None = None

    # What a screen sets and asks

    def show(self, runs: Sequence[Run], metric: str, way: Direction) -> None:
        self._runs, self._metric, self._lower = tuple(runs), metric, way is Direction.LOWER
        self._params = param_axes(self._runs)
        self._again()

    @property
    def current(self) -> Run | None:
        """The run under the cursor."""
        return next((run for run in self._runs if run.id == self._cursor), None)

    @property
    def text(self) -> str:
        """The drawing without its styles, for copying."""
        return "\n".join("".join(text for text, _ in row).rstrip() for row in self._frame())

    @property
    def figure(self) -> Figure | None:
        """The points, for a file; None where there is nothing to draw."""
        tie = self._tie()
        if tie is None:
            return None
        shade = next((axis for axis in self._shades() if axis.key == self._shade), None)
        figure: Figure = import_module("lab.ui.render.figures").of_runs(self._runs, tie.axis, self._y(), shade)
        return figure

    # Actions

    def action_view(self) -> None:
        self._lines = not self._lines
        self._again()

    def action_log(self) -> None:
        self._log = not self._log
        self._again()

    def action_axis(self, by: int) -> None:
        """The next parameter on the x axis, the strongest first."""
        keys = [tie.axis.key for tie in self._ties]
        if keys:
            at = keys.index(self._x) if self._x in keys else 0
            self._x = keys[(at + by) % len(keys)]
            self._again()

    def action_shade(self, by: int) -> None:
        """Shade by the next parameter or metric; after the last one by none."""
        keys = ["", *(axis.key for axis in self._shades())]
        at = keys.index(self._shade) if self._shade in keys else 0
        self._shade = keys[(at + by) % len(keys)]
        self._again()

    def action_cursor(self, by: int) -> None:
        """The next run: by the x axis, or by the metric where runs are lines."""
        order = self._order()
        if order:
            at = order.index(self._cursor) if self._cursor in order else (-1 if by > 0 else len(order))
            self._cursor = order[max(0, min(len(order) - 1, at + by))]
            self._again(measure=False)

    def action_choose(self) -> None:
        if (run := self.current) is not None:
            self.post_message(self.Chosen(run))

    # Drawing

    def _again(self, measure: bool = True) -> None:
        if measure:
            self._ties = ties(self._params, self._y(), self._lower)
        self._rows = None
        self.refresh()

    def _y(self) -> Axis:
        return metric_axis(self._runs, self._metric, self._log)

    def _tie(self) -> Tie | None:
        """The parameter on the x axis."""
        return next((tie for tie in self._ties if tie.axis.key == self._x), self._ties[0] if self._ties else None)

    def _shades(self) -> list[Axis]:
        metrics = dict.fromkeys(name for run in self._runs for name in run.metrics if name != self._metric)
        return [*self._params, *(metric_axis(self._runs, name) for name in metrics)]

    def _order(self) -> list[str]:
        tie, y = self._tie(), self._y()
        if tie is None:
            return []
        x = y if self._lines else tie.axis
        known = [at for at in range(len(self._runs)) if x.places[at] is not None and y.places[at] is not None]
        known.sort(key=lambda at: (x.places[at] or 0.0, y.places[at] or 0.0))
        return [self._runs[at].id for at in known]

    def _frame(self) -> tuple[Row, ...]:
        if self._rows is None:
            self._rows = self._draw()
        return self._rows

    def _draw(self) -> tuple[Row, ...]:
        width, height = self.size.width, self.size.height - _HEAD
        tie, y, plain = self._tie(), self._y(), use_ascii()
        if tie is None or all(place is None for place in y.places):
            return ()
        at = next((place for place, run in enumerate(self._runs) if run.id == self._cursor), None)
        shade = next((axis for axis in self._shades() if axis.key == self._shade), None)
        if self._lines:
            lines = import_module("lab.ui.render.parallel")  # it brings numpy
            axes = lines.fitting([*(one.axis for one in self._ties), y], width)
            self._places = {}
            rows = lines.parallel(axes, width, height, at, plain)
        else:
            plot: Plot = scatter(tie.axis, y, shade, width, height, at, plain)
            self._places, rows = plot.places, plot.rows
        return self._title(tie, y, shade, plain), self._cursor_row(at, y), *rows

    def _title(self, tie: Tie, y: Axis, shade: Axis | None, plain: bool) -> Row:
        missing = sum(place is None for place in y.places)
        row: Row = [(tidy(self._metric, 30), "title")]
        if self._lines:
            row.append((" over its parameters, the strongest first", "muted"))
        else:
            row += [(" by ", "muted"), (tidy(tie.axis.title, 30), "title")]
            row.append((f"  {_strength(tie)}  best at {tidy(tie.best, 20)}", "accent"))
            row += legend(shade, plain)
        row.append((f"   {len(y.places) - missing} runs" + (f", {missing} without" if missing else ""), "muted"))
        return row

    def _cursor_row(self, at: int | None, y: Axis) -> Row:
        if at is None:
            hint = "←/→ name a run   v points or lines"
            return [(hint if self._lines else f"{hint}   x parameter   c shade   l log", "muted")]
        row: Row = [(tidy(self._runs[at].name, 30), "accent bold"), (f"  {tidy(y.title, 20)} {y.text(at)}", "")]
        shown = self._tie()
        axes = [tie.axis for tie in sorted(self._ties[:6], key=lambda tie: tie is not shown)]
        told = [f"{tidy(axis.title, 16)} {tidy(axis.text(at), 16)}" for axis in axes]
        return [*row, ("  " + "  ".join(told), "muted")]

    def render_line(self, y: int) -> Strip:
        rows, width = self._frame(), self.size.width
        row: Row = rows[y] if y < len(rows) else []
        if not rows and y == self.size.height // 2:
            row = [(fit("these runs differ in no parameter, or have no such metric", width, "center"), "muted")]
        return to_strip(row, self.rich_style, ground_of(self), width)

    def on_resize(self) -> None:
        self._again(measure=False)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self.refresh()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        offset = event.get_content_offset(self)
        members = self._places.get((offset.y - _HEAD, offset.x)) if offset is not None else None
        if members:
            self._cursor = self._runs[members[-1]].id
            self._again(measure=False)


def _strength(tie: Tie) -> str:
    """`ρ = -0.82` of a number, `η = 0.7` of a category."""
    return f"ρ = {tie.rank:+.2f}" if tie.rank is not None else f"η = {tie.strength:.2f}"
