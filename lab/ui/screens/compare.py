"""Runs side by side: what differs between them, their metrics against a baseline, their curves over each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.containers import Container

from lab.domain.compare import Comparison
from lab.domain.compare import Row as Line
from lab.domain.runs import Run
from lab.ui import actions
from lab.ui.render.glyphs import Row as Spans
from lab.ui.render.glyphs import glyphs
from lab.ui.render.legend import series_glyph
from lab.ui.render.number import NOTHING, format_delta, format_number
from lab.ui.render.rows import Cell, Column, ListSource, Row
from lab.ui.render.series import COLOURS, Series
from lab.ui.render.status import run_mark
from lab.ui.screens import flows
from lab.ui.screens.base import LabScreen
from lab.ui.screens.curves import AXES, Axis, curve, first_smoothing
from lab.ui.screens.parts import Lines
from lab.ui.screens.run_cells import metric_order, param_text
from lab.ui.screens.tabs import Tabs
from lab.ui.widgets.chart_view import ChartView
from lab.ui.widgets.frame_table import FrameTable
from lab.ui.widgets.table_messages import RowHighlighted

if TYPE_CHECKING:
    from lab.workspace import Workspace

_METRIC = "metric."


def compare_columns(comparison: Comparison) -> list[Column]:
    """One per run, by its id; the baseline says so."""
    columns = [Column("", "", min_width=10, max_width=22, sortable=False)]
    for index, run in enumerate(comparison.runs):
        base = " (base)" if run.id == comparison.baseline else ""
        title = f"{series_glyph(index, glyphs().ok.isascii())} {run.name}{base}"
        columns.append(Column(run.id, title, min_width=10, max_width=26, sortable=False))
    return columns


def compare_rows(comparison: Comparison, everything: bool) -> list[Row]:
    """Metrics with their distance from the baseline, then parameters, data and environment; only what differs, unless
    `everything`."""
    base = next((index for index, run in enumerate(comparison.runs) if run.id == comparison.baseline), 0)
    metrics = {line.key: line for line in comparison.metrics}
    rows = [_status_row(comparison)]
    rows += _section("metrics", [_metric_row(metrics[name], base) for name in metric_order(metrics)])
    parts = (("parameters", comparison.params), ("data", comparison.datasets), ("environment", comparison.environment))
    for title, lines in parts:
        chosen = [line for line in lines if everything or line.differs]
        rows += _section(title, [_value_row(title, line) for line in chosen])
    if not comparison.code_same:
        rows += _section("code", [Row("code.differs", (Cell("code"), Cell("differs", "warn")))])
    return rows


def _section(title: str, rows: list[Row]) -> list[Row]:
    return [Row(f"section.{title}", (Cell(title.upper(), "muted bold"),)), *rows] if rows else []


def _status_row(comparison: Comparison) -> Row:
    marks = [run_mark(run.status) for run in comparison.runs]
    return Row("status", (Cell("status", "muted"), *(Cell(mark.text, mark.token) for mark in marks)))


def _metric_row(line: Line, base: int) -> Row:
    reference = _number(line.values[base])
    cells = [Cell(line.key)]
    for index, value in enumerate(line.values):
        text = format_number(value)
        delta = "" if index == base else format_delta(_number(value), reference)
        cells.append(Cell(f"{text}  {delta}" if delta not in ("", "–") else text, "bold" if index == base else ""))
    return Row(_METRIC + line.key, tuple(cells))


def _value_row(section: str, line: Line) -> Row:
    token = "accent" if line.differs else "muted"
    texts = (NOTHING if value is None else param_text(value) for value in line.values)
    return Row(f"{section}.{line.key}", (Cell(line.key), *(Cell(text, token) for text in texts)))


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


class CompareScreen(LabScreen):
    KIND = "compare"
    MODE = "runs"
    NOUNS = frozenset({"runs"})
    LEAD = "Open run"
    BINDINGS: ClassVar = actions.bindings(actions.of_screen("compare"))

    def __init__(self, runs: Sequence[str]) -> None:
        super().__init__()
        self._ids = tuple(runs)
        self._baseline = ""
        self._comparison: Comparison | None = None
        self._everything = False
        self._metric = ""
        self._axis: Axis = "step"
        self._drawn = False

    def trail(self) -> tuple[str, ...]:
        return (f"Compare {len(self._ids)}",)

    def body(self) -> ComposeResult:
        yield Lines([[(" reading …", "muted")]], id="heading")
        yield Tabs([("table", "Table"), ("chart", "Chart")])
        with Container(classes="both"):
            with Container(id="tab-table", classes="tab -shown"):
                yield FrameTable((Column("", ""),), empty="nothing differs", id="rows")
            with Container(id="tab-chart", classes="tab"):
                yield ChartView(empty="no curve of this metric", id="chart")

    def on_mount(self) -> None:
        super().on_mount()
        self._metric = self.lab.view_state.get("compare", "metric", "")
        self.every(0.5, "live", self._look)

    @property
    def table(self) -> FrameTable:
        return self.query_one(FrameTable)

    @property
    def current(self) -> Run | None:
        """The run of the column under the cursor; the first where that is none."""
        column = self.table.cursor_column
        runs = self._comparison.runs if self._comparison else ()
        return next((run for run in runs if column is not None and run.id == column.id), runs[0] if runs else None)

    @property
    def metrics(self) -> list[str]:
        return metric_order(line.key for line in self._comparison.metrics) if self._comparison else []

    async def load(self) -> None:
        self._comparison = await self.ask(lambda ws: ws.runs.compare(self._ids, self._baseline))
        if self._metric not in self.metrics:
            self._metric = next(iter(self.metrics), "")
        self._fill()
        await self._draw()

    def _fill(self) -> None:
        comparison = self._comparison
        if comparison is None:
            return
        columns = compare_columns(comparison)
        if [(one.id, one.title) for one in columns] != [(one.id, one.title) for one in self.table.columns]:
            self.table.set_columns(columns)
        self.table.replace(ListSource(compare_rows(comparison, self._everything)))
        self._tell()

    def _tell(self) -> None:
        comparison = self._comparison
        if comparison is None:
            return
        shown = "all rows" if self._everything else "differing rows"
        row: Spans = [(f" {shown}", "muted"), ("   metric ", "muted"), (self._metric or "none", "accent")]
        same = [title for title, lines in (("data", comparison.datasets), ("environment", comparison.environment))
                if not any(line.differs for line in lines)]  # fmt: skip
        same += ["code"] if comparison.code_same else []
        row += [("   same " + ", ".join(same), "muted")] if same else []
        self.query_one("#heading", Lines).show([row])

    async def _draw(self) -> None:
        comparison, metric, axis = self._comparison, self._metric, self._axis
        if comparison is None or not metric:
            return
        series = await self.ask(lambda ws: _curves(ws, comparison.runs, metric, axis))
        chart = self.query_one(ChartView)
        if not self._drawn:
            chart.set_options(smoothing=first_smoothing(series))
            self._drawn = True
        chart.set_options(title=metric)
        chart.set_series(series)

    async def _look(self) -> None:
        if self._comparison is not None and any(run.status.active for run in self._comparison.runs):
            await self.load()

    def on_frame_table_row_highlighted(self, event: RowHighlighted) -> None:
        if event.key.startswith(_METRIC):
            self._show_metric(event.key.removeprefix(_METRIC))

    def on_frame_table_row_selected(self) -> None:
        run = self.current
        if run is not None:
            self.start(self.lab.show_object("run", run.id))

    def on_chart_view_axis_requested(self) -> None:
        self._axis = AXES[(AXES.index(self._axis) + 1) % len(AXES)]
        self.query_one(ChartView).set_axis(self._axis, "seconds" if self._axis == "time" else "number")
        self.start(self._draw(), "draw")

    def _show_metric(self, metric: str) -> None:
        if metric != self._metric:
            self._metric = metric
            self.lab.view_state.put("compare", "metric", metric)
            self._tell()
            self.start(self._draw(), "draw")

    def _step_metric(self, by: int) -> None:
        names = self.metrics
        if names:
            at = names.index(self._metric) if self._metric in names else 0
            self._show_metric(names[(at + by) % len(names)])

    def show_tab(self, key: str) -> None:
        self.query_one(Tabs).choose(key)

    # Actions

    def action_compare_next_metric(self) -> None:
        self._step_metric(1)

    def action_compare_previous_metric(self) -> None:
        self._step_metric(-1)

    def action_compare_pin(self) -> None:
        run = self.current
        if run is not None:
            self._baseline = run.id
            self.reload()

    def action_compare_same(self) -> None:
        self._everything = not self._everything
        self._fill()

    def action_compare_next_tab(self) -> None:
        self.query_one(Tabs).step(1)

    def action_compare_previous_tab(self) -> None:
        self.query_one(Tabs).step(-1)

    def action_compare_register(self) -> None:
        run = self.current
        if run is not None:
            self.start(flows.register(self, run, run.project))


def _curves(ws: Workspace, runs: Sequence[Run], metric: str, axis: Axis) -> list[Series]:
    return [
        curve(run.name, ws.runs.history(run.id, metric), axis, run.started or run.created, index % COLOURS, run.id)
        for index, run in enumerate(runs)
    ]
