"""Runs: all of them, filtered and sorted by the index, read page by page."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.containers import Container

from lab.domain.groups import SEEDS
from lab.domain.metric_order import metric_order
from lab.domain.query import Node, Order, Page, QueryError, RunQuery, parse_filter, parse_orders, write_orders
from lab.domain.runs import Run
from lab.domain.sheets import Sheet
from lab.domain.text import count_of
from lab.domain.views import RunView
from lab.errors import LabError, UsageError
from lab.ui import actions
from lab.ui.render.glyphs import Row as Spans
from lab.ui.render.rows import Row, window_around
from lab.ui.screens import flows
from lab.ui.screens.compare import CompareScreen
from lab.ui.screens.copying import of_run
from lab.ui.screens.finding import holds
from lab.ui.screens.list_screen import filter_spans
from lab.ui.screens.parts import Lines
from lab.ui.screens.relations import MOST_RUNS, RelationsScreen
from lab.ui.screens.run_cells import run_columns, run_row, run_summary, view_columns
from lab.ui.screens.run_detail import RunScreen
from lab.ui.screens.run_grouping import RunGrouping
from lab.ui.screens.run_groups import GroupedRuns, group_columns, group_facts
from lab.ui.screens.run_pages import PAGE, UNKNOWN, RunPages, pages_of
from lab.ui.screens.run_table import RunTable
from lab.ui.widgets.detail import DetailPanel
from lab.ui.widgets.frame_table import FrameTable
from lab.ui.widgets.table_messages import MarksChanged, RowSelected, SortRequested

if TYPE_CHECKING:
    from lab.workspace import Workspace

#: A comparison of more runs than this cannot be read.
_MOST_COMPARED = 50

_EMPTY = "no runs yet: n launches one"
_NO_MATCH = "no run fits the filter: esc clears it"


class RunsScreen(RunGrouping):
    KIND = "runs"
    MODE = "runs"
    LIST = "runs"
    NOUNS = frozenset({"runs"})
    FILTER_HINT = "status:failed  lr<0.01 or loss.min<0.1  or a text;  / again finds without hiding"
    BINDINGS: ClassVar = actions.bindings(actions.of_screen("runs"))

    def __init__(self) -> None:
        super().__init__()
        self._params: Sequence[str] = ()
        self._metrics: Sequence[str] = ()
        self._orders: tuple[Order, ...] = (Order(),)
        self._conditions: tuple[Node, ...] = ()
        self._pages: RunPages | GroupedRuns = RunPages(0, lambda run: run_row(run, (), 0.0), self._want)
        self._wanted: set[int] = set()
        self._fetching = False
        self._known = False
        self._asked: RunQuery | None = None  # filter and order of what is shown
        self._away = ""  # the run that the cursor was put on, while it does not fit the filter
        self._stand_in: str | None = None  # the one that the cursor is on meanwhile

    def body(self) -> ComposeResult:
        yield Lines([[]], id="heading")
        with Container(classes="panes"):
            yield RunTable(run_columns((), ()), empty="reading …", pinned=2, sorts=False, id="runs")
            yield DetailPanel(flow=True, id="summary", classes="side below", empty="no run under the cursor")

    def on_mount(self) -> None:
        super().on_mount()
        order = self.lab.view_state.get("runs", "order", "-created")
        self._order_by(parse_orders(order) if order else (Order(),))
        self._layout = self.remembered()
        self.every(0.5, self._look)

    @property
    def table(self) -> RunTable:
        return self.query_one(RunTable)

    @property
    def current(self) -> Run | None:
        """The run under the cursor."""
        return self._pages.get(self.table.cursor_key)

    def run_of(self, key: str) -> Run | None:
        return self._pages.get(key)

    # Reading

    async def load(self) -> None:
        try:
            self._conditions = parse_filter(self.filter_text)
        except QueryError as error:
            self._say_where(error)
            return
        pages = self._near()
        query = self._query_of(pages)
        try:
            (params, metrics), page = await self.ask(lambda ws: (ws.runs.keys(), ws.runs.list(query)))
        except LabError as error:
            self.say(flows.sentence(error))
            return
        self.say()
        await self._show(query, params, metrics, pages, page)

    def query_now(self, limit: int) -> RunQuery:
        """The last filter that could be understood, and the order."""
        return RunQuery(self._conditions, self._orders[0], limit, then=self._orders[1:])

    def _query_of(self, pages: range) -> RunQuery:
        """What these pages hold."""
        return replace(self.query_now(len(pages) * PAGE), offset=pages.start * PAGE)

    def _say_where(self, error: QueryError) -> None:
        """What is wrong with the filter, below a caret at the place."""
        above, below = error.detail.split("\n")
        told: list[Spans] = [[(f" {above}", "muted")], [(f" {below} ", "warn bold"), (flows.sentence(error), "warn")]]
        self.query_one("#trouble", Lines).show(told)

    def _order_by(self, orders: tuple[Order, ...]) -> None:
        self._orders = orders
        self.table.set_sorts([(order.key, order.descending) for order in orders])

    def apply_view(self, view: RunView) -> None:
        """Filter, order and columns of a saved view."""
        self.keep_layout(replace(self._layout, ids=view.columns), show=False)
        self._order_by(parse_orders(view.sort) if view.sort else (Order(),))
        self.apply_filter(view.filter)

    async def _show(
        self, query: RunQuery, params: Sequence[str], metrics: Sequence[str], pages: range, page: Page
    ) -> None:  # fmt: skip
        self._columns(page.items, params, metrics)
        key, asked = self._away or self.table.cursor_key, replace(query, offset=0, limit=0)
        moved, self._asked = self._asked not in (None, asked), asked
        if self.group_key:
            self._pages = await self.read_groups(self._orders, self._pages)
        else:
            fresh = RunPages(page.total, self.run_as_row, self._want)
            fresh.put_all(pages, page.items)
            if moved and key is not None and not query.conditions:  # it is there, and is to be seen at once
                await self._read_around(fresh, query, key)
            self._pages = fresh
        self._known = True
        self.table.set_empty(_NO_MATCH if query.conditions else _EMPTY)
        self.table.replace(self._pages)
        self.tell_totals()
        if moved and key is not None and not key.startswith(UNKNOWN):
            self._stay_on(key)
            if self._away and query.conditions and not self.group_key:
                self.start(self._look_further(fresh, query), "place")
        self._tell()

    async def _look_further(self, shown: RunPages, query: RunQuery) -> None:
        """Whether the cursor's run fits the filter, beyond what is in view; nobody who types waits for that."""
        key = self._away
        await self._read_around(shown, query, key)
        if shown is self._pages and key == self._away:
            self.table.update_source()
            self._stay_on(key)
            self._tell()

    async def _read_around(self, fresh: RunPages, query: RunQuery, key: str) -> None:
        """Know the page of the cursor's run, so that the cursor can go with it."""
        if not key or key.startswith(UNKNOWN) or fresh.find(key) is not None or len(fresh.known) == fresh.total:
            return
        place = await self.ask(lambda ws: ws.runs.place(query, key))
        if place is not None:
            pages = pages_of(place, place)
            asked = replace(query, offset=pages.start * PAGE, limit=PAGE)
            fresh.put_all(pages, (await self.ask(lambda ws: ws.runs.list(asked))).items)

    def _stay_on(self, key: str) -> None:
        """The cursor goes where its run is now. While that does not fit the filter it is at the top, and goes back to
        the run afterwards unless the user has put it on another one meanwhile."""
        self._away = "" if self.table.move_to(key) else key
        if self._away:
            self.table.action_first()
            self._stand_in = self.table.cursor_key

    def _columns(self, runs: Sequence[Run], params: Sequence[str], metrics: Sequence[str]) -> None:
        """Columns for what the visible runs have; first what they differ in."""
        used = dict.fromkeys(name for run in runs for name in run.params) or dict.fromkeys(params)
        differing = [name for name in used if len({str(run.params.get(name)) for run in runs}) > 1]
        self._params = [*differing, *(name for name in used if name not in differing)]
        self._metrics = metric_order(name for run in runs for name in run.metrics) or metric_order(metrics)
        known = [*params, *self._params], [*metrics, *self._metrics]
        self._every = tuple(dict.fromkeys(known[0])), tuple(dict.fromkeys(known[1]))
        ids = self._layout.ids
        usual = run_columns(self._params, self._metrics, eta=any(run.eta is not None for run in runs))
        columns = view_columns(ids, *known) if ids else usual
        columns = group_columns(columns) if self.group_key else columns
        if columns != list(self.table.columns):
            self.table.set_columns(columns)
            self._pages.recolumn(columns)
        self.table.set_pinned(self._layout.pinned)

    def run_as_row(self, run: Run) -> Row:
        return run_row(run, self.table.columns, time.time())

    def _near(self) -> range:
        """Pages with the rows that the table asks for to show what is in view."""
        offset, limit = window_around(self.table.scroll_offset.y, self.table.size.height)
        return pages_of(offset, offset + limit - 1)

    def _want(self, page: int) -> None:
        """A row without its run was drawn: read its page soon."""
        self._wanted.add(page)
        if not self._fetching:
            self._fetching = True
            self.call_later(lambda: self.start(self._fetch(), "fetch"))

    async def _fetch(self) -> None:
        try:
            while self._wanted:
                around = self._near()  # where a key may have led from there, the table has asked for a bit more
                near = self._wanted.intersection(range(around.start - len(around), around.stop + len(around)))
                self._wanted.clear()
                if near:
                    await self._read(range(min(near), max(near) + 1))
        finally:
            self._fetching = False

    async def _read(self, pages: range) -> None:
        """Read some pages of what is shown, as they are now."""
        shown, query = self._pages, self._query_of(pages)
        if not isinstance(shown, RunPages):
            return
        page = await self.ask(lambda ws: ws.runs.list(query))
        if shown is self._pages:
            shown.put_all(pages, page.items)
            shown.total = page.total
            self.table.update_source()
            self._tell()

    async def _look(self) -> None:
        """Live values of the runs in view that are running. The index knows nothing new of those."""
        shown, top = self._pages, self.table.scroll_offset.y
        rows = shown.window(top, self.table.size.height)
        going = [run for row in rows if (run := shown.get(row.key)) is not None and run.status.active]
        groups = shown.groups if isinstance(shown, GroupedRuns) and any(one.going for one in shown.groups) else ()
        if going or groups:
            now, grouped = await self.ask(lambda ws: (ws.runs.now(going), ws.runs.groups_now(groups)))
            if shown is self._pages:
                for run in now:
                    shown.update(run)
                if groups and isinstance(shown, GroupedRuns):
                    shown.update_groups(grouped)
                    self.tell_totals()
                self.table.update_source()
                self._tell_summary()

    async def rows_with(self, table: FrameTable, needle: str, offset: int, limit: int) -> Sequence[int]:
        """Read from the index, a part at a time: most rows of a large lab are not known here."""
        if isinstance(self._pages, GroupedRuns):
            return await super().rows_with(table, needle, offset, limit)
        query, columns, now = replace(self.query_now(limit), offset=offset), table.columns, time.time()

        def look(ws: Workspace) -> list[int]:
            runs = ws.runs.list(query).items
            return [offset + at for at, run in enumerate(runs) if holds(run_row(run, columns, now), needle)]

        return await self.ask(look)

    # Telling

    def _tell(self) -> None:
        total, marked = self._pages.total, len(self.table.marks)
        row: Spans = [(f" {total:,} run{'s' if total != 1 else ''}", "bold")]
        if isinstance(self._pages, GroupedRuns):
            by = "all but the seed" if self.group_key == SEEDS else self.group_key.removeprefix("param.")
            shown, there = len(self._pages.groups), self._pages.all_groups
            row += [(f" in {count_of(there, 'group')}", "bold"), (f" by {by}", "muted")]
            row += [(f"   the first {shown:,} are shown", "warn")] if shown < there else []
        row += filter_spans(self.filter_text)
        row += [(f"   {marked:,} marked", "accent")] if marked else []
        keys = [order.key.removeprefix("metric.").removeprefix("param.") for order in self._orders]
        row += [(f"   sorted by {', '.join(keys)}", "muted")]
        self.query_one("#heading", Lines).show([row])
        self._tell_summary()
        self.tell_keys()

    def _tell_summary(self) -> None:
        run, key = self.current, self.table.cursor_key
        group = self._pages.group(key) if isinstance(self._pages, GroupedRuns) else None
        facts = group_facts(group) if group is not None else run_summary(run, time.time()) if run else []
        self.query_one("#summary", DetailPanel).set_pairs(facts)

    def hidden_actions(self) -> tuple[str, ...]:
        if not self._known or not self._pages.total:
            return ("runs.compare", "runs.register", "runs.edit", "runs.stop")
        run = self.current
        return () if run is not None and run.status.active else ("runs.stop",)

    def filter_changed(self) -> None:
        """At once: while one question is under way, no more than the last of further ones waits."""
        self.table.scroll_to(y=0, animate=False, immediate=True)
        self.reload(at_once=True)

    # What the table says

    def on_frame_table_sort_requested(self, event: SortRequested) -> None:
        event.stop()
        self._orders = tuple(Order(column, reverse) for column, reverse in event.sorts)
        self.lab.view_state.put("runs", "order", write_orders(self._orders))
        self.reload()

    def on_frame_table_marks_changed(self, event: MarksChanged) -> None:
        known = [key for key in event.keys if not key.startswith(UNKNOWN)]
        if len(known) < len(event.keys):
            self.table.set_marks(known)
        self._tell()

    def on_frame_table_row_highlighted(self) -> None:
        if self.table.cursor_key != self._stand_in:
            self._away = ""
        self._tell_summary()
        self.tell_keys()

    def on_frame_table_row_selected(self, event: RowSelected) -> None:
        if not event.key.startswith(UNKNOWN):
            self.app.push_screen(RunScreen(event.key))

    async def existing(self, keys: Sequence[str]) -> Sequence[str]:
        return await self.ask(lambda ws: ws.runs.still_there(keys))

    def rearrange(self) -> None:
        self._columns(self._pages.known, *self._every)
        self.table.update_source()

    # Actions

    def action_runs_filter(self) -> None:
        self.open_filter()

    def action_runs_compare(self) -> None:
        self.start(self._compare())

    async def _compare(self) -> None:
        async with self.marking:
            marks = self.table.marks
        if len(marks) < 2:
            raise UsageError("a comparison needs two runs or more", "mark them with space, then press c")
        if len(marks) > _MOST_COMPARED:
            raise UsageError(f"{len(marks)} runs do not fit beside each other", f"mark at most {_MOST_COMPARED}")
        self.lab.jobs.note("comparison", actions.command(actions.get("runs.compare"), ids=marks))
        await self.app.push_screen(CompareScreen(marks))

    def action_runs_relate(self) -> None:
        query = self.query_now(MOST_RUNS)
        command = actions.command(actions.get("runs.relate"), filter=self.filter_text, metric="NAME")
        self.lab.jobs.note("parameters", command)
        self.app.push_screen(RelationsScreen(query, self.filter_text))

    def export_table(self, table: FrameTable) -> None:
        """All runs that fit, with the columns shown, whatever was read of them."""
        query, columns = self.query_now(1), [column.id for column in table.columns]

        async def sheet() -> Sheet:
            return await self.ask(lambda ws: ws.exports.of_runs(query, columns))

        exporting = import_module("lab.ui.screens.exporting")
        self.start(exporting.export_sheet(self, "runs", sheet, self._as_command()))

    def _as_command(self) -> str:
        """What is shown, as a command: filter, order and columns."""
        columns = write_orders(tuple(Order(column.id, False) for column in self.table.columns))
        words = ["lab", "runs", "ls", *self.filter_text.split(), "--sort", write_orders(self._orders)]
        grouped = ["--group-by", self.group_key] if self.group_key else ["--columns", columns]
        return shlex.join([*words, *grouped])

    def copies(self) -> Sequence[tuple[str, str]]:
        run = self.current
        return [*(of_run(run) if run is not None else ()), ("command of this table", self._as_command())]
