"""One run: metrics as curves, logs, parameters and data, files; live while it runs."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.containers import Container

from lab.domain.capture import Capture
from lab.domain.changes import Changes, metric_changes
from lab.domain.figures import Event
from lab.domain.guards import Firing
from lab.domain.runs import MetricSummary, Run, RunStatus
from lab.domain.system import SystemHistory
from lab.ui import actions
from lab.ui.render.capture import capture_facts, partial_note
from lab.ui.render.changes import summary_rows
from lab.ui.render.number import format_age, format_number, format_size
from lab.ui.render.rows import Cell, Column, ListSource, Row
from lab.ui.render.series import Series
from lab.ui.render.system import firing_rows, system_rows, vitals_row
from lab.ui.screens import flows
from lab.ui.screens.base import LabScreen
from lab.ui.screens.copying import copy, of_run
from lab.ui.screens.curves import Axis, first_smoothing, next_axis, plot_command
from lab.ui.screens.curves import of_run as curve_of
from lab.ui.screens.lineage import open_lineage
from lab.ui.screens.parts import Lines, Prompt
from lab.ui.screens.reproduction import ReproductionScreen
from lab.ui.screens.run_cells import metric_order, run_facts, run_heading
from lab.ui.screens.run_changes import ChangesScreen
from lab.ui.screens.tabs import Tabs
from lab.ui.widgets.chart_view import ChartView
from lab.ui.widgets.detail import DetailPanel
from lab.ui.widgets.frame_table import FrameTable
from lab.ui.widgets.log_view import LogView
from lab.ui.widgets.table_messages import MarksChanged, RowHighlighted, RowSelected

if TYPE_CHECKING:
    from lab.workspace import Workspace

_METRIC_COLUMNS = (
    Column("metric", "metric", min_width=10, max_width=30, sortable=False, flex=1),
    Column("last", "last", width=8, align="right", sortable=False),
    Column("min", "min", width=8, align="right", sortable=False),
    Column("max", "max", width=8, align="right", sortable=False),
)
_FILE_COLUMNS = (
    Column("path", "file", min_width=16, max_width=200, flex=1, sortable=False),
    Column("size", "size", width=9, align="right", sortable=False),
    Column("age", "changed", width=9, sortable=False),
)
_TABS = (
    ("metrics", "Metrics"),
    ("logs", "Logs"),
    ("params", "Params & data"),
    ("files", "Files"),
    ("system", "System"),
)
#: Actions of one tab only.
_TAB_OF = {
    "run_next_metric": "metrics", "run_previous_metric": "metrics", "run_search": "logs", "run_filter": "logs",
}  # fmt: skip
#: At most so many files are listed.
_MOST_FILES = 1000
#: Lines on what changed; two fewer where the screen is short.
_MOST_CHANGES = 6

#: The sign of the prompt that asks for a filter of the log.
_ONLY = "&"

FileFact = tuple[str, int, float]


class RunChart(ChartView, inherit_bindings=False):
    """`n` and `N` are the screen's here: they choose the metric."""

    BINDINGS = [binding for binding in ChartView.BINDINGS if getattr(binding, "key", "") not in ("n", "N")]


def metric_rows(metrics: dict[str, MetricSummary]) -> list[Row]:
    return [
        Row(name, (Cell(name), *(Cell(format_number(value)) for value in (one.last, one.min, one.max))))
        for name, one in metrics.items()
    ]


def file_rows(files: Sequence[FileFact], now: float) -> list[Row]:
    return [
        Row(path, (Cell(path), Cell(format_size(size), "muted"), Cell(format_age(changed, now), "muted")))
        for path, size, changed in files
    ]


def list_files(folder: Path, most: int = _MOST_FILES) -> list[FileFact]:
    """Files below a run's folder (path, bytes, time of change) without its copy of the code; links are not followed."""
    found: list[FileFact] = []
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not (root == str(folder) and name == "code"))
        for name in sorted(names):
            path = Path(root) / name
            try:
                facts = path.lstat()
            except FileNotFoundError:  # a run may remove its own files at any time
                continue
            found.append((str(path.relative_to(folder)), facts.st_size, facts.st_mtime))
            if len(found) >= most:
                return found
    return found


class RunScreen(LabScreen):
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
        self._drawn = False
        self._changed: Changes | None = None
        self._capture: Capture | None = None
        self._captured: RunStatus | None = None  # how the run stood when that was read
        self._sought = ""  # in the log, once it is shown

    def trail(self) -> tuple[str, ...]:
        return (self._run.name if self._run else self._run_id,)

    def body(self) -> ComposeResult:
        yield Lines([[(" reading …", "muted")], []], id="heading")
        yield Lines(id="vitals")
        yield Lines(id="changes")
        yield Tabs(_TABS)
        with Container(id="tab-metrics", classes="tab -shown panes"):
            yield FrameTable(_METRIC_COLUMNS, empty="no metrics yet", id="metrics")
            yield RunChart(smoothing=0.0, empty="no curve yet", id="chart")
        with Container(id="tab-logs", classes="tab"):
            yield LogView(id="log")
        with Container(id="tab-system", classes="tab"):
            yield Lines(id="system")
        with Container(id="tab-params", classes="tab"):
            yield DetailPanel(id="facts")
        with Container(id="tab-files", classes="tab"):
            yield FrameTable(_FILE_COLUMNS, empty="no files", id="files")

    def on_mount(self) -> None:
        super().on_mount()
        self.every(0.5, "live", self._look)
        self.every(0.25, "log", self._poll_log)

    @property
    def tabs(self) -> Tabs:
        return self.query_one(Tabs)

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
            self._seek()
            self._choose(self.lab.view_state.get("run", "metric", ""))
        await self._draw()
        if self.tabs.current == "files":
            await self._list_files()

    def _tell(self, run: Run) -> None:
        now = time.time()
        heading = run_heading(run, now)
        if self._capture is not None and self._capture.partial:
            heading[1].append((f"   {partial_note(self._capture)}", "fail"))
        self.query_one("#heading", Lines).show(heading)
        metrics = {name: run.metrics[name] for name in metric_order(run.metrics)}
        table = self.query_one("#metrics", FrameTable)
        table.replace(ListSource(metric_rows(metrics)))
        self.query_one("#facts", DetailPanel).set_pairs(
            [*run_facts(run, now), *(capture_facts(self._capture) if self._capture else ())]
        )
        self.tabs.note("metrics", str(len(metrics)))
        self.tell_top()
        self.tell_keys()

    async def _tell_vitals(self, run: Run) -> None:
        """What it uses, and which guards fired."""
        history, firings = await self.ask(lambda ws: _vitals(ws, run))
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
        series, events = await self.ask(lambda ws: _curves(ws, run, names, axis))
        chart = self.query_one(RunChart)
        chart.set_options(events=events)
        if not self._drawn:
            chart.set_options(smoothing=first_smoothing(series))
            self._drawn = True
        chart.set_series(series)

    async def _list_files(self) -> None:
        files = await self.ask(lambda ws: list_files(ws.runs.folder(self._run_id).root))
        self.query_one("#files", FrameTable).replace(ListSource(file_rows(files, time.time())))
        self.tabs.note("files", str(len(files)))

    async def _look(self) -> None:
        """Twice a second while it runs; what came with the end is told by the news of it."""
        if self._run is not None and self._run.status.active:
            await self.load()

    async def _poll_log(self) -> None:
        if self.tabs.current == "logs":
            self.query_one(LogView).poll()
            self._note_log()

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

    def action_run_search(self) -> None:
        self.ask_filter(self.query_one(LogView).search_text, "a text in the log; capitals count if there are any")

    def action_run_filter(self) -> None:
        self.query_one(Prompt).ask(_ONLY, self.query_one(LogView).filter_text, "only lines with this text")

    def prompt_done(self, sign: str, text: str) -> None:
        view = self.query_one(LogView)
        if sign == _ONLY:
            view.filter(text)
            self._note_log()
        else:
            view.search(text)

    def _note_log(self) -> None:
        """Beside the tab's name: what the log is filtered by."""
        view = self.query_one(LogView)
        count, all_known = view.matches
        self.tabs.note(
            "logs", f"{_ONLY}{view.filter_text} {count:,}{'' if all_known else '…'}" if view.filter_text else ""
        )

    def show_log(self, text: str) -> None:
        """The log, at the last line with `text`; as soon as it is read."""
        self._sought = text
        self.show_tab("logs")
        if self._run is not None:
            self._seek()

    def _seek(self) -> None:
        if self._sought:
            self.query_one(LogView).search(self._sought)
            self._sought = ""

    def on_log_view_search_ended(self, event: LogView.SearchEnded) -> None:
        if not event.found:
            self.lab.tell(f"nothing in the log has {event.text!r}")

    def close_inner(self) -> bool:
        view = self.query_one(LogView)
        if self.tabs.current == "logs" and (view.search_text or view.filter_text):
            if view.search_text:
                view.clear_search()
            else:
                view.filter("")
                self._note_log()
            return True
        return False

    def action_runs_edit(self) -> None:
        if self._run is not None:
            self.start(flows.edit_and_launch(self, self._run))

    def action_runs_again(self) -> None:
        if self._run is not None:
            self.start(flows.launch_again(self, self._run))

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
            self.start(flows.edit_tags(self, self._run))

    def action_runs_note(self) -> None:
        if self._run is not None:
            self.start(flows.edit_note(self, self._run))

    def action_runs_rename(self) -> None:
        if self._run is not None:
            self.start(flows.rename(self, self._run))

    def action_runs_star(self) -> None:
        if self._run is not None:
            self.start(flows.star(self, self._run))

    def action_object_copy(self) -> None:
        run = self._run
        if run is not None:
            log = "\n".join(self.query_one(LogView).lines(200))
            self.start(copy(self, [*of_run(run), ("last 200 log lines", log)]))


def _vitals(ws: Workspace, run: Run) -> tuple[SystemHistory, Sequence[Firing]]:
    return ws.runs.vitals.history(run), ws.runs.guards.fired(run) if run.guards else ()


def _curves(ws: Workspace, run: Run, names: Sequence[str], axis: Axis) -> tuple[list[Series], tuple[Event, ...]]:
    series = [curve_of(ws, run, name, axis, index, name) for index, name in enumerate(names)]
    return series, tuple(ws.drawings.events(run, axis))
