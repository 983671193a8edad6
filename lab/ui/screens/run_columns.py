"""The columns of the run table: chosen, moved, hidden, pinned, remembered for the project, described, filtered by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lab.domain.query import Condition, Node, RunQuery, write_filter, write_orders
from lab.domain.query_names import meaning
from lab.domain.runs import Run
from lab.errors import UsageError
from lab.ui import actions
from lab.ui.screens import flows
from lab.ui.screens.column_choice import ColumnsScreen, Layout, choices, hidden, moved, pinned
from lab.ui.screens.describe import describe_runs
from lab.ui.screens.list_screen import ListScreen
from lab.ui.screens.run_cells import OWN_COLUMNS
from lab.ui.widgets.frame_table import FrameTable

#: Fields of which one value can be asked for as it stands in a run.
_SAME = ("status", "name", "entry", "project", "engine", "sweep", "seed", "image", "code", "cause", "reproduces")


class RunColumns(ListScreen):
    """The verbs of columns. A subclass gives the table, the run under the cursor, the query, and `rearrange`."""

    def __init__(self) -> None:
        super().__init__()
        self._layout = Layout()
        self._every: tuple[Sequence[str], Sequence[str]] = ((), ())  # all parameters and metrics that there are

    # What a subclass gives

    @property
    def table(self) -> FrameTable:
        raise NotImplementedError

    @property
    def current(self) -> Run | None:
        """The run under the cursor."""
        raise NotImplementedError

    def query_now(self, limit: int) -> RunQuery:
        """Filter and order of what is shown."""
        raise NotImplementedError

    def rearrange(self) -> None:
        """Show the columns of the layout."""
        raise NotImplementedError

    # Which there are

    def keep_layout(self, layout: Layout, cursor: int | None = None, show: bool = True) -> None:
        """Have these columns, and remember them for the project."""
        self._layout = layout
        self.lab.view_state.put("runs", "layout", layout.to_json())
        if show:
            self.rearrange()
        if cursor is not None:
            self.table.move_column_cursor(cursor)

    def remembered(self) -> Layout:
        return Layout.from_json(self.lab.view_state.get("runs", "layout"))

    @property
    def _shown(self) -> list[str]:
        return [column.id for column in self.table.columns]

    def action_runs_columns(self) -> None:
        self.start(self._choose_columns())

    async def _choose_columns(self) -> None:
        every = choices(OWN_COLUMNS, *self._every)
        chosen = await self.app.push_screen_wait(ColumnsScreen(every, self._shown))
        if chosen is not None:
            self.keep_layout(replace(self._layout, ids=chosen))

    def move_column(self, by: int) -> None:
        at = self.table.column_index
        self.keep_layout(moved(self._layout, self._shown, at, by), at + by)

    def hide_column(self) -> None:
        at = self.table.column_index
        self.keep_layout(hidden(self._layout, self._shown, at), at)

    def action_runs_pin_column(self) -> None:
        self.keep_layout(pinned(self._layout, self.table.column_index))

    def action_runs_save_view(self) -> None:
        query = self.query_now(1)
        orders = write_orders((query.order, *query.then))
        self.start(flows.save_view(self, self.filter_text, orders, self._shown if self._layout.ids else ()))

    # What is in one

    def action_runs_describe(self) -> None:
        self.start(self._describe())

    async def _describe(self) -> None:
        column = self.table.cursor_column
        if column is None or column.id == "eta":
            return
        query = self.query_now(1)
        one = await self.ask(lambda ws: ws.runs.describe(column.id, query))
        command = actions.command(actions.get("runs.describe"), key=column.id, filter=self.filter_text)
        self.lab.jobs.note("column", command)
        await describe_runs(self, one, column.title)

    def show_same(self) -> None:
        """Only runs that have the same in the cursor's column."""
        self.start(self._same())

    async def _same(self) -> None:
        column, run = self.table.cursor_column, self.current
        if column is None or run is None:
            return
        condition = same(run, column.id)
        if condition is None:
            raise UsageError(f"a filter for one value of {column.title} would find one run", "write a range after /")
        conditions: tuple[Node, ...] = self.query_now(1).conditions
        if condition not in conditions:
            self.apply_filter(write_filter((*conditions, condition)))


def same(run: Run, key: str) -> Condition | None:
    """The condition that a run has the value of this one in a column; None for what no other run will have."""
    what = meaning(key, run.params, run.metrics)
    if what.kind in ("param", ""):
        value: Any = run.params.get(what.name)
        return Condition(key, "=", _written(value)) if what.name in run.params and value is not None else None
    if what.kind == "field" and what.name in _SAME:
        value = getattr(run, what.name)
        return Condition(what.name, "=", _written(value)) if value != "" else None
    return None


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
