"""One run: metrics as curves, logs, parameters and data, files; live while it runs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.containers import Container

from lab.domain.capture import Capture
from lab.domain.changes import Changes, metric_changes
from lab.domain.guards import Firing
from lab.domain.metric_order import metric_order
from lab.domain.runs import Run, RunStatus
from lab.domain.system import SystemHistory
from lab.ui import actions
from lab.ui.render.capture import capture_facts, partial_note
from lab.ui.render.changes import summary_rows
from lab.ui.render.logrows import Clock
from lab.ui.render.rows import ListSource
from lab.ui.render.system import firing_rows, system_rows, vitals_row
from lab.ui.screens import flows, launch_flows
from lab.ui.screens.copying import of_run
from lab.ui.screens.curves import Axis, next_axis, plot_command, usual_smoothing
from lab.ui.screens.lineage import open_lineage
from lab.ui.screens.parts import Lines
from lab.ui.screens.reproduction import ReproductionScreen
from lab.ui.screens.run_cells import run_facts, run_heading
from lab.ui.screens.run_changes import ChangesScreen
from lab.ui.screens.run_files import FILE_COLUMNS, file_rows
from lab.ui.screens.run_log import RunLog
from lab.ui.screens.run_metrics import METRIC_COLUMNS, RunChart, listed_metrics, metric_rows, run_curves, trends
from lab.ui.screens.tabs import Tabs
from lab.ui.widgets.detail import DetailPanel
from lab.ui.widgets.frame_table import FrameTable
from lab.ui.widgets.log_view import LogView
from lab.ui.widgets.table_messages import MarksChanged, RowHighlighted, RowSelected

if TYPE_CHECKING:
    from lab.workspace import Workspace

_TABS = (
    ("metrics", "Metrics"),
    ("logs", "Logs"),
    ("params", "Params & data"),
    ("files", "Files"),
    ("system", "System"),
)
#: Actions of one tab only.
_TAB_OF = {
    "run_next_metric": "metrics",
    "run_previous_metric": "metrics",
    "run_search": "logs",
    "run_filter": "logs",
    "run_to_step": "logs",
}
#: Lines on what changed; two fewer where the screen is short.
_MOST_CHANGES = 6


class RunScreen(RunLog):
    KIND = "run"
    MODE = "runs"
    NOUNS = frozenset({"runs"})
    LEAD = ""
    BINDINGS: ClassVar = actions.bindings(actions.of_screen("run"))

    def __init__(self, run_id: str) -> None:
        super().__init__()
        self._run_id = run_id
        self._run: Run | None = None
        self._metric = ""
        self._axis: Axis = "step"
        self._trends: dict[str, str] = {}
        self._changed: Changes | None = None
        self._capture: Capture | None = None
        self._captured: RunStatus | None = None  # how the run stood when that was read

    @property
    def run_id(self) -> str:
        return self._run_id

    @property
    def log_grows(self) -> bool:
        return self._run is not None and self._run.status.active

    def trail(self) -> tuple[str, ...]:
        return (self._run.name if self._run else self._run_id,)

    def body(self) -> ComposeResult:
        yield Lines([[(" reading …", "muted")], []], id="heading")
        yield Lines(id="vitals")
        yield Lines(id="changes")
        yield Tabs(_TABS)
        with Container(id="tab-metrics", classes="tab -shown panes"):
            yield FrameTable(METRIC_COLUMNS, empty="no metrics yet", id="metrics")
            yield RunChart(smoothing=0.0, empty="no curve yet", id="chart")
        with Container(id="tab-logs", classes="tab"):
            yield LogView(id="log")
        with Container(id="tab-system", classes="tab"):
            yield Lines(id="system")
        with Container(id="tab-params", classes="tab"):
            yield DetailPanel(id="facts")
        with Container(id="tab-files", classes="tab"):
            yield FrameTable(FILE_COLUMNS, empty="no files", id="files")

    def on_mount(self) -> None:
        super().on_mount()
        self.every(0.5, self._look)
        self.every(0.25, self._poll_log)

    # Reading

    async def load(self) -> None:
        run = await self.ask(lambda ws: ws.runs.get(self._run_id))
        first = self._run is None
        self._run = run
        if self._captured is not run.status:
            self._capture = await self.ask(lambda ws: ws.captures.known(run.id))
            self._captured = run.status
        self._tell(run)
        await self._tell_vitals(run)
        await self._tell_changes(run)
        if first:
            path = await self.ask(lambda ws: ws.runs.logs.path(run.id))
            self.query_one(LogView).show(path)
            self.log_read()
            self._choose(self.lab.view_state.get("run", "metric", ""))
        await self._draw()
        self._trends = await self.ask(lambda ws: trends(ws, run, listed_metrics(run)))
        self._list_metrics(run)
        if self.tabs.current == "files":
            await self._list_files()

    def _tell(self, run: Run) -> None:
        now = time.time()
        heading = run_heading(run, now)
        if self._capture is not None and self._capture.partial:
            heading[1].append((f"   {partial_note(self._capture)}", "fail"))
        self.query_one("#heading", Lines).show(heading)
        self._list_metrics(run)
        self.query_one("#facts", DetailPanel).set_pairs(
            [*run_facts(run, now), *(capture_facts(self._capture) if self._capture else ())]
        )
        self.tell_top()
        self.tell_keys()

    def _list_metrics(self, run: Run) -> None:
        metrics = {name: run.metrics[name] for name in listed_metrics(run)}
        self.query_one("#metrics", FrameTable).replace(ListSource(metric_rows(metrics, self._trends)))
        self.tabs.note("metrics", str(len(metrics)))

    async def _tell_vitals(self, run: Run) -> None:
        """What it uses, and which guards fired."""
        history, firings = await self.ask(lambda ws: _vitals(ws, run))
        self.log_view.set_clock(Clock([(one.log, one.at) for one in history.samples]))
        live = [row for row in [vitals_row(history)] if row and run.status.active]
        self.query_one("#vitals", Lines).show([*live, *firing_rows(firings)])
        self.query_one("#system", Lines).show(system_rows(history, run, self.size.width, time.time()))

    async def _tell_changes(self, run: Run) -> None:
        """What changed since the run before: found once, and the metrics beside it as of now."""
        changed = self._changed
        if changed is None or changed.run.status is not run.status:
            changed = await self.ask(lambda ws: ws.runs.changes(run.id))
        elif changed.parent is not None:
            changed = replace(changed, run=run, metrics=metric_changes(changed.parent, run))
        self._changed = changed
        most = _MOST_CHANGES if self.has_class("-tall") else _MOST_CHANGES - 2
        rows = summary_rows(changed, metric_order(one.name for one in changed.metrics), time.time(), most)
        self.query_one("#changes", Lines).show(rows)

    def _choose(self, metric: str) -> None:
        """Put the cursor on a metric, else on the first."""
        self.query_one("#metrics", FrameTable).move_to(metric)

    async def _draw(self) -> None:
        """The curves of the marked metrics, or of the one under the cursor."""
        run, table = self._run, self.query_one("#metrics", FrameTable)
        names = table.selection_keys
        if run is None or not names:
            return
        axis = self._axis
        series, events = await self.ask(lambda ws: run_curves(ws, run, names, axis))
        chart = self.query_one(RunChart)
        chart.set_options(events=events)
        chart.suggest_smoothing(usual_smoothing(series))
        chart.set_series(series)

    async def _list_files(self) -> None:
        files = await self.ask(lambda ws: ws.runs.files(self._run_id))
        self.query_one("#files", FrameTable).replace(ListSource(file_rows(files, time.time())))
        self.tabs.note("files", str(len(files)))

    async def _look(self) -> None:
        """Twice a second while it runs; what came with the end is told by the news of it."""
        if self._run is not None and self._run.status.active:
            await self.load()

    # What the parts say

    def on_frame_table_row_highlighted(self, event: RowHighlighted) -> None:
        if event.table.id == "metrics":
            self.lab.view_state.put("run", "metric", event.key)
            self.start(self._draw(), "draw")

    def on_frame_table_marks_changed(self, event: MarksChanged) -> None:
        if event.table.id == "metrics":
            self.start(self._draw(), "draw")

    def on_frame_table_row_selected(self, event: RowSelected) -> None:
        """Enter on a metric goes to its curve; enter on a file copies nothing and opens nothing."""
        if event.table.id == "metrics":
            self.query_one(RunChart).focus()

    def export_chart(self) -> None:
        exporting = import_module("lab.ui.screens.exporting")
        names = self.query_one("#metrics", FrameTable).selection_keys
        command = plot_command([self._run_id], names[0], self.query_one(RunChart).options, self._axis) if names else ""
        self.start(exporting.export_figure(self, self.query_one(RunChart).figure, command if len(names) == 1 else ""))

    def on_chart_view_axis_requested(self) -> None:
        self._axis = next_axis(self._axis, [self._run] if self._run else [])
        self.query_one(RunChart).set_axis(self._axis, "seconds" if self._axis == "time" else "number")
        self.start(self._draw(), "draw")

    def show_tab(self, key: str) -> None:
        self.tabs.choose(key)
        self._tab_shown()

    def _tab_shown(self) -> None:
        self.refresh_bindings()
        self.tell_keys()
        self.query_one("#changes").display = self.tabs.current == "metrics"
        if self.tabs.current == "files":
            self.start(self._list_files(), "files")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys of one tab do nothing on the others."""
        tab = _TAB_OF.get(action)
        if tab is not None and self.is_mounted and self.tabs.current != tab:
            return False
        return super().check_action(action, parameters)

    def hidden_actions(self) -> tuple[str, ...]:
        hidden = [
            f"run.{name}"
            for name, tab in (("next_metric", "metrics"), ("search", "logs"), ("filter", "logs"))
            if self.tabs.current != tab
        ]
        if self._run is not None:
            hidden += ["runs.register"] if self._run.status.active else ["runs.stop"]
        return tuple(hidden)

    # Actions

    def action_run_next_tab(self) -> None:
        self.tabs.step(1)
        self._tab_shown()

    def action_run_previous_tab(self) -> None:
        self.tabs.step(-1)
        self._tab_shown()

    def action_run_next_metric(self) -> None:
        self._step_metric(1)

    def action_run_previous_metric(self) -> None:
        self._step_metric(-1)

    def _step_metric(self, by: int) -> None:
        table = self.query_one("#metrics", FrameTable)
        if table.row_count:
            rows = table.source.window((table.cursor_index + by) % table.row_count, 1)
            table.move_to(rows[0].key)

    def action_run_changes(self) -> None:
        self.app.push_screen(ChangesScreen(self._run_id))

    def action_runs_reproduce(self) -> None:
        self.app.push_screen(ReproductionScreen(self._run_id))

    def action_runs_edit(self) -> None:
        if self._run is not None:
            self.start(launch_flows.edit_and_launch(self, self._run))

    def action_runs_again(self) -> None:
        if self._run is not None:
            self.start(launch_flows.launch_again(self, self._run))

    def action_runs_stop(self) -> None:
        if self._run is not None:
            self.start(flows.stop_runs(self, [self._run]))

    def action_runs_lineage(self) -> None:
        open_lineage(self, "run", self._run_id)

    def action_runs_register(self) -> None:
        if self._run is not None:
            self.start(flows.register(self, self._run, self._run.project))

    def action_runs_tag(self) -> None:
        if self._run is not None:
            self.start(flows.edit_tags(self, [self._run]))

    def action_runs_note(self) -> None:
        if self._run is not None:
            self.start(flows.edit_note(self, [self._run]))

    def action_runs_write(self) -> None:
        if self._run is not None:
            self.start(flows.write_note(self, self._run))

    def action_runs_rename(self) -> None:
        if self._run is not None:
            self.start(flows.rename(self, self._run))

    def action_runs_star(self) -> None:
        if self._run is not None:
            self.start(flows.star(self, [self._run]))

    def copies(self) -> Sequence[tuple[str, str]]:
        run = self._run
        if run is None:
            return ()
        return [*of_run(run), ("last 200 log lines", "\n".join(self.query_one(LogView).lines(200)))]


def _vitals(ws: Workspace, run: Run) -> tuple[SystemHistory, Sequence[Firing]]:
    return ws.runs.vitals.history(run), ws.runs.guards.fired(run) if run.guards else ()
