"""What is done to the runs of the run table: the marked ones, or the one under the cursor."""

from __future__ import annotations

from asyncio import Lock
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from lab.domain.runs import Run
from lab.ui.screens import flows, launch_flows, purge_flows
from lab.ui.screens.base import LabScreen
from lab.ui.screens.lineage import open_lineage
from lab.ui.screens.reproduction import ReproductionScreen
from lab.ui.screens.run_columns import RunColumns
from lab.ui.screens.run_pages import UNKNOWN

#: At most so many runs are marked at once.
MOST_MARKS = 1000


class RunVerbs(RunColumns):
    """The verbs that need no more than the runs. A subclass knows them by the keys of its rows."""

    @cached_property
    def marking(self) -> Lock:
        """Held while it is found out what is marked: a verb typed at once behind `*` is about all of it."""
        return Lock()

    def run_of(self, key: str) -> Run | None:
        """The run of a row, None while it is not known, and of what is no run."""
        raise NotImplementedError

    def mark_all(self) -> None:
        """Mark all runs that fit the filter; the first ones of very many."""
        self.start(self._mark(0, None), "mark")

    def mark_range(self, first: int, last: int) -> None:
        """Mark the runs of these rows, whether they are known or not, beside those that are marked."""
        self.start(self._mark(first, last + 1 - first, self.table.marks), "mark")

    async def _mark(self, offset: int, count: int | None, kept: Sequence[str] = ()) -> None:
        query = replace(self.query_now(MOST_MARKS if count is None else min(count, MOST_MARKS)), offset=offset)
        async with self.marking:
            page = await self.ask(lambda ws: ws.runs.list(query))
            self.table.set_marks([*kept, *(run.id for run in page.items)])
        wanted = page.total if count is None else count
        if wanted > len(page.items):
            self.lab.tell(f"marked the first {len(page.items):,} of {wanted:,}")

    def action_runs_launch(self) -> None:
        self.start(launch_flows.launch(self, self.current))

    def action_runs_edit(self) -> None:
        self._with_current(launch_flows.edit_and_launch)

    def action_runs_again(self) -> None:
        self._with_current(launch_flows.launch_again)

    def action_runs_tag(self) -> None:
        self._with_marked(flows.edit_tags)

    def action_runs_note(self) -> None:
        self._with_marked(flows.edit_note)

    def action_runs_write(self) -> None:
        self._with_current(flows.write_note)

    def action_runs_rename(self) -> None:
        self._with_current(flows.rename)

    def action_runs_reproduce(self) -> None:
        run = self.current
        if run is not None:
            self.app.push_screen(ReproductionScreen(run.id))

    def action_runs_star(self) -> None:
        self._with_marked(flows.star)

    def action_runs_archive(self) -> None:
        self._with_marked(flows.archive)

    def action_runs_purge(self) -> None:
        self.start(self._purge())

    async def _purge(self) -> None:
        async with self.marking:
            ids = [key for key in self.table.selection_keys if not key.startswith(UNKNOWN)]
        if ids:
            await purge_flows.purge(self, ids)

    def action_runs_lineage(self) -> None:
        if self.current is not None:
            open_lineage(self, "run", self.current.id)

    def action_runs_register(self) -> None:
        run = self.current
        if run is not None:
            self.start(flows.register(self, run, run.project))

    def action_runs_stop(self) -> None:
        self._with_marked(flows.stop_runs)

    def _with_current(self, flow: Callable[[LabScreen, Run], Coroutine[Any, Any, None]]) -> None:
        run = self.current
        if run is not None:
            self.start(flow(self, run))

    def _with_marked(self, flow: Callable[[LabScreen, Sequence[Run]], Coroutine[Any, Any, None]]) -> None:
        self.start(self._of_marked(flow))

    async def _of_marked(self, flow: Callable[[LabScreen, Sequence[Run]], Coroutine[Any, Any, None]]) -> None:
        async with self.marking:
            runs = [run for key in self.table.selection_keys if (run := self.run_of(key)) is not None]
        if runs:
            await flow(self, runs)
