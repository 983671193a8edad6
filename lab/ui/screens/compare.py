"""Runs side by side: what differs between them, their metrics against a baseline, their curves over each other."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.containers import Container

from lab.domain.compare import Comparison
from lab.domain.directions import Direction
from lab.domain.figures import Figure
from lab.domain.metric_order import metric_order
from lab.domain.predictions import SampleChanges
from lab.domain.runs import Run
from lab.errors import LabError
from lab.ui import actions
from lab.ui.render.glyphs import Row as Spans
from lab.ui.render.rows import Column, ListSource
from lab.ui.render.series import COLOURS, Series
from lab.ui.screens import better, flows
from lab.ui.screens.base import LabScreen
from lab.ui.screens.compare_cells import METRIC, compare_columns, compare_rows, grouped, verdict_rows
from lab.ui.screens.compare_changes import Between, ChangesPage, read_between
from lab.ui.screens.compare_export import export
from lab.ui.screens.compare_samples import SamplesPart, show_quality
from lab.ui.screens.compare_seeds import queue_seeds
from lab.ui.screens.curves import Axis, next_axis, of_group, of_runs, plot_command, usual_smoothing
from lab.ui.screens.parts import Lines
from lab.ui.screens.tabs import Tabs
from lab.ui.widgets.chart_view import ChartView
from lab.ui.widgets.detail import Page
from lab.ui.widgets.frame_table import FrameTable
from lab.ui.widgets.relation_view import RelationView
from lab.ui.widgets.table_messages import RowHighlighted

if TYPE_CHECKING:
    from lab.workspace import Workspace


_TABS = (("table", "Table"), ("chart", "Chart"), ("samples", "Samples"), ("classes", "Classes"),
         ("changes", "Changes"), ("relations", "Params"))  # fmt: skip
#: Tabs that stand beside each other where there is room.
_PAIR = ("table", "chart")
#: Tabs about one run against the baseline.
_OF_PAIRS = ("samples", "classes", "changes")


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
        self._apart = False
        self._metric = ""
        self._axis: Axis = "step"
        self._other = ""  # the run that is held against the baseline, where a tab is about two
        self._samples: dict[tuple[str, str], SampleChanges | LabError] = {}
        self._between: dict[tuple[str, str], Between] = {}

    def trail(self) -> tuple[str, ...]:
        return (f"Compare {len(self._ids)}",)

    def lead(self) -> str:
        return {"samples": "Details", "classes": "", "changes": ""}.get(self.tab, self.LEAD) if self.is_mounted else ""

    def hidden_actions(self) -> tuple[str, ...]:
        """What the present tab has no use for."""
        tab = self.tab if self.is_mounted else "table"
        if tab in _OF_PAIRS:
            return ("compare.next_metric", "compare.seeds", "compare.same", "compare.register")
        if tab == "relations":
            return ("compare.next_other", "compare.pin", "compare.seeds", "compare.same", "compare.register")
        return ("compare.next_other",)

    def body(self) -> ComposeResult:
        yield Lines([[(" reading …", "muted")]], id="heading")
        yield Tabs(_TABS)
        with Container(classes="both"):
            with Container(id="tab-table", classes="tab -shown"):
                yield FrameTable((Column("", ""),), empty="nothing differs", id="rows")
            with Container(id="tab-chart", classes="tab"):
                yield ChartView(empty="no curve of this metric", id="chart")
            with Container(id="tab-samples", classes="tab"):
                yield SamplesPart()
            with Container(id="tab-classes", classes="tab"):
                yield Page(empty="reading …", id="quality")
            with Container(id="tab-changes", classes="tab"):
                yield ChangesPage()
            with Container(id="tab-relations", classes="tab"):
                yield RelationView(id="relations")

    def on_mount(self) -> None:
        super().on_mount()
        self.add_class("-pair")
        self._metric = self.lab.view_state.get("compare", "metric", "")
        self.every(0.5, self._look)

    @property
    def table(self) -> FrameTable:
        return self.query_one("#rows", FrameTable)

    @property
    def tab(self) -> str:
        return self.query_one(Tabs).current

    @property
    def pair(self) -> tuple[Run, Run] | None:
        """The run that is looked at and the baseline, for what compares two; None while nothing is read."""
        if self._comparison is None:
            return None
        runs = {run.id: run for run in self._comparison.runs}
        base = runs[self._comparison.baseline]
        others = [run for run in runs.values() if run.id != base.id]
        return next((run for run in others if run.id == self._other), others[0] if others else base), base

    @property
    def current(self) -> Run | None:
        """The run of the column under the cursor; the first where that is none."""
        column = self.table.cursor_column  # of a group: its first run
        runs = self._comparison.runs if self._comparison else ()
        return next((run for run in runs if column is not None and run.id == column.id), runs[0] if runs else None)

    def copies(self) -> Sequence[tuple[str, str]]:
        command = actions.command(actions.get("runs.compare"), ids=self._ids)
        return [("command", command), ("ids", " ".join(self._ids)), ("run", self.current.id if self.current else "")]

    @property
    def metrics(self) -> list[str]:
        return metric_order(line.key for line in self._comparison.metrics) if self._comparison else []

    async def load(self) -> None:
        ways = better.ways(self.lab.view_state)
        self._comparison = await self.ask(lambda ws: ws.runs.compare(self._ids, self._baseline, ways))
        if self._metric not in self.metrics:
            self._metric = next(iter(self.metrics), "")
        self._fill()
        self._relate()
        await self._draw()
        await self._show_pair()

    async def _show_pair(self) -> None:
        """Read what the present tab tells about two runs."""
        pair, tab = self.pair, self.tab
        if pair is not None and tab in _OF_PAIRS:
            await (self._show_changes(*pair) if tab == "changes" else self._show_samples(*pair))

    async def _show_changes(self, new: Run, old: Run) -> None:
        page = self.query_one(ChangesPage)

        def show(found: Between) -> None:
            if self.pair == (new, old):
                page.tell(found)

        found = self._between.get((new.id, old.id))
        if found is None:
            page.clear("comparing …")
            found = await read_between(self, new.id, old.id, show)
            if not (new.status.active or old.status.active):
                self._between[new.id, old.id] = found
        show(found)

    async def _show_samples(self, new: Run, old: Run) -> None:
        part, page = self.query_one(SamplesPart), self.query_one("#quality", Page)
        found = self._samples.get((new.id, old.id))
        if found is None:
            part.wait(new.name, old.name)
            try:
                found = await self.ask(lambda ws: ws.comparing.samples(new.id, old.id))
            except LabError as error:
                found = error
            if not (new.status.active or old.status.active):
                self._samples[new.id, old.id] = found
        if self.pair != (new, old):
            return
        if isinstance(found, LabError):
            part.lack(found, new.name, old.name)
            page.clear(f"{found.message}; {found.hint}")
        else:
            part.show(found, new.name, old.name)
            show_quality(page, found, new.name, old.name)

    def _fill(self) -> None:
        comparison = self._comparison
        if comparison is None:
            return
        columns = compare_columns(comparison, self._apart)
        if [(one.id, one.title) for one in columns] != [(one.id, one.title) for one in self.table.columns]:
            self.table.set_columns(columns)
        self.table.replace(ListSource(compare_rows(comparison, self._everything, self._apart)))
        self._tell()

    def _tell(self) -> None:
        comparison = self._comparison
        if comparison is None:
            return
        shown = "all rows" if self._everything else "differing rows"
        way = better.way(self.lab.view_state, self._metric)
        row: Spans = [(f" {shown}", "muted"), ("   metric ", "muted"), (self._metric or "none", "accent")]
        row += [(f"   {way.value} is better", "muted")] if way is not Direction.UNKNOWN else []
        row += [("   one column per group of seeds", "muted")] if grouped(comparison, self._apart) else []
        same = [title for title, lines in (("data", comparison.datasets), ("environment", comparison.environment))
                if not any(line.differs for line in lines)]  # fmt: skip
        same += ["code"] if comparison.code_same else []
        row += [("   same " + ", ".join(same), "muted")] if same else []
        about = [row] if self.tab in _PAIR else []  # what it says is of table and chart
        self.query_one("#heading", Lines).show([*verdict_rows(comparison, self._metric), *about])
        self.tell_keys()

    async def _draw(self) -> None:
        comparison, metric, axis = self._comparison, self._metric, self._axis
        if comparison is None or not metric:
            return
        apart = self._apart
        series = await self.ask(lambda ws: _curves(ws, comparison, apart, metric, axis))
        chart = self.query_one(ChartView)
        chart.suggest_smoothing(usual_smoothing(series))
        chart.set_options(title=metric)
        chart.set_series(series)

    async def _look(self) -> None:
        if self._comparison is not None and any(run.status.active for run in self._comparison.runs):
            await self.load()

    def on_frame_table_row_highlighted(self, event: RowHighlighted) -> None:
        if event.key.startswith(METRIC):
            self._show_metric(event.key.removeprefix(METRIC))

    def close_inner(self) -> bool:
        return self.query_one(SamplesPart).close()

    def on_frame_table_row_selected(self) -> None:
        run = self.current
        if run is not None:
            self.start(self.lab.show_object("run", run.id))

    def on_chart_view_axis_requested(self) -> None:
        self._axis = next_axis(self._axis, self._comparison.runs if self._comparison else ())
        self.query_one(ChartView).set_axis(self._axis, "seconds" if self._axis == "time" else "number")
        self.start(self._draw(), "draw")

    def _show_metric(self, metric: str) -> None:
        if metric != self._metric:
            self._metric = metric
            self.lab.view_state.put("compare", "metric", metric)
            self._tell()
            self._relate()
            self.start(self._draw(), "draw")

    def _relate(self) -> None:
        """All runs by what they were given and what came of it."""
        if self._comparison is not None:
            view = self.query_one(RelationView)
            view.show(self._comparison.runs, self._metric, better.way(self.lab.view_state, self._metric))

    def on_relation_view_chosen(self, event: RelationView.Chosen) -> None:
        self.start(self.lab.show_object("run", event.run.id))

    def _step_metric(self, by: int) -> None:
        names = self.metrics
        if names:
            at = names.index(self._metric) if self._metric in names else 0
            self._show_metric(names[(at + by) % len(names)])

    def show_tab(self, key: str) -> None:
        run = self.current
        if self.tab == "table" and self._comparison is not None and run is not None:
            self._other = run.id if run.id != self._comparison.baseline else self._other
        self.remove_class("-open")
        self.query_one(Tabs).choose(key)
        self.set_class(key in _PAIR, "-pair")
        self.set_class(key == "samples", "-facts")
        self._tell()
        self.start(self._show_pair(), "pair")

    # Actions

    def action_compare_next_metric(self) -> None:
        self._step_metric(1)

    def action_compare_previous_metric(self) -> None:
        self._step_metric(-1)

    def action_compare_pin(self) -> None:
        run = self.pair[0] if self.pair is not None and self.tab in _OF_PAIRS else self.current
        if run is not None:
            self._baseline = run.id
            self.reload()

    def action_compare_same(self) -> None:
        self._everything = not self._everything
        self._fill()

    def action_compare_next_tab(self) -> None:
        self._step_tab(1)

    def action_compare_previous_tab(self) -> None:
        self._step_tab(-1)

    def _step_tab(self, by: int) -> None:
        """The next tab; table and chart are one where they stand beside each other."""
        keys = [key for key, _ in _TABS]
        if self.has_class("-xwide") or self.has_class("-tall"):
            keys.remove("chart" if self.tab != "chart" else "table")
        self.show_tab(keys[(keys.index(self.tab) + by) % len(keys)])

    def action_compare_next_section(self) -> None:
        self.query_one(ChangesPage).step(1)

    def action_compare_previous_section(self) -> None:
        self.query_one(ChangesPage).step(-1)

    def action_compare_next_other(self) -> None:
        self._step_other(1)

    def action_compare_previous_other(self) -> None:
        self._step_other(-1)

    def _step_other(self, by: int) -> None:
        """The next run to hold against the baseline."""
        if self._comparison is None or self.pair is None:
            return
        base = self._comparison.baseline
        others = [run.id for run in self._comparison.runs if run.id != base]
        if others:
            self._other = others[(others.index(self.pair[0].id) + by) % len(others)]
            self.start(self._show_pair(), "pair")

    def action_compare_apart(self) -> None:
        if self._comparison is not None and not self._comparison.seeded:
            self.lab.tell("no two of these runs differ by their seed alone")
            return
        self._apart = not self._apart
        self._fill()
        self.start(self._draw(), "draw")

    def action_compare_better(self) -> None:
        """Turn round which way is better, for the metric that is shown."""
        if self._metric:
            better.turn_round(self.lab.view_state, self._metric)
            self.reload()

    def action_compare_seeds(self) -> None:
        if self._comparison is not None:
            self.start(queue_seeds(self, self._comparison, self._metric, self._join))

    def _join(self, run: Run) -> None:
        """A run that was launched from here is compared too."""
        self._ids = (*self._ids, run.id)
        self.tell_top()
        self.reload()

    def action_compare_export(self) -> None:
        """All of it, or the drawing that has the focus or the tab."""
        comparison, tab = self._comparison, self.tab
        if comparison is None:
            return
        charted = tab == "chart" or self.query_one(ChartView).has_focus
        if charted or tab in ("classes", "relations"):
            figure, command = self._drawing(comparison, "chart" if charted else tab)
            self.start(import_module("lab.ui.screens.exporting").export_figure(self, figure, command))
        else:
            self.start(export(self, comparison))

    def _drawing(self, comparison: Comparison, tab: str) -> tuple[Figure | None, str]:
        """What a tab draws, and the command that draws the same."""
        if tab == "relations":
            return self.query_one(RelationView).figure, ""
        if tab == "chart":
            chart, ids = self.query_one(ChartView), [run.id for run in comparison.runs]
            apart = self._apart and comparison.seeded
            return chart.figure, plot_command(ids, self._metric, chart.options, self._axis, apart)
        found = self._samples.get((self.pair[0].id, self.pair[1].id)) if self.pair else None
        if found is None or isinstance(found, LabError) or found.confusion is None:
            return None, ""
        figures = import_module("lab.ui.render.figures")
        return figures.of_confusion(found.confusion, *(run.name for run in self.pair or ())), ""

    def action_compare_register(self) -> None:
        run = self.current
        if run is not None:
            self.start(flows.register(self, run, run.project))


def _curves(ws: Workspace, comparison: Comparison, apart: bool, metric: str, axis: Axis) -> list[Series]:
    """A curve per run, or per group of seeds in a band."""
    if grouped(comparison, apart):
        return [of_group(ws, one, metric, axis, at % COLOURS) for at, one in enumerate(comparison.groups)]
    return of_runs(ws, comparison.runs, metric, axis)
