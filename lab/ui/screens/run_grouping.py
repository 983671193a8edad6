"""The run table in groups that fold: by what differs in the seed alone, or by what stands in a column."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from lab.domain.groups import SEEDS
from lab.domain.query import Order
from lab.domain.query_names import known
from lab.domain.runs import Run
from lab.domain.seeds import is_seed
from lab.ui.render.rows import Row
from lab.ui.screens.pick import Item, PickScreen
from lab.ui.screens.run_groups import GroupedRuns, group_columns
from lab.ui.screens.run_verbs import RunVerbs

#: So many groups are shown: nobody reads more, and each is kept.
_MOST = 1000
_NOT = "not"
_FIELDS = ("entry", "project", "status", "sweep", "engine", "tags")


class RunGrouping(RunVerbs):
    """Groups of the Runs screen. A subclass makes the rows of runs and shows what was read."""

    def __init__(self) -> None:
        super().__init__()
        self._wanted_runs: set[str] = set()
        self._fetching_runs = False

    # What a subclass gives

    def run_as_row(self, run: Run) -> Row:
        raise NotImplementedError

    # What it uses

    @property
    def group_key(self) -> str:
        """What the table is grouped by, "" for nothing."""
        key: str = self.lab.view_state.get("runs", "group", "")
        return key

    async def read_groups(self, orders: Sequence[Order], before: object) -> GroupedRuns:
        """The groups of all runs that fit the filter; what was known of their runs in `before` is read afresh."""
        query, key = self.query_now(_MOST), self.group_key
        groups = await self.ask(lambda ws: ws.runs.group(query, [key], orders))
        made = GroupedRuns(groups, group_columns(self.table.columns), self.run_as_row, self._want_run)
        if isinstance(before, GroupedRuns):
            made.keep(before)
            await self.read_again(made)
        return made

    async def read_again(self, pages: GroupedRuns) -> None:
        """The runs that are known, as they are now."""
        ids = [run.id for run in pages.known]
        if ids:
            pages.put(await self.ask(lambda ws: ws.runs.many(ids)))

    def _want_run(self, id: str) -> None:
        """A row without its run was drawn: read it soon, with others."""
        self._wanted_runs.add(id)
        if not self._fetching_runs:
            self._fetching_runs = True
            self.call_later(lambda: self.start(self._fetch_runs(), "fetch"))

    async def _fetch_runs(self) -> None:
        try:
            while self._wanted_runs:
                ids = sorted(self._wanted_runs)
                self._wanted_runs.clear()
                runs = await self.ask(lambda ws, ids=ids: ws.runs.many(ids))  # type: ignore[misc]
                pages = self.table.given
                if isinstance(pages, GroupedRuns):
                    pages.put(runs)
                    self.table.update_source()
        finally:
            self._fetching_runs = False

    def tell_totals(self) -> None:
        """Below groups, what all of them come to."""
        pages = self.table.given
        self.table.set_totals(pages.totals() if isinstance(pages, GroupedRuns) else None)

    def marked_of(self, key: str) -> Sequence[str]:
        """The runs of the group with that head."""
        pages = self.table.given
        group = pages.group(key) if isinstance(pages, GroupedRuns) else None
        return group.runs if group is not None else ()

    def action_runs_group(self) -> None:
        self.start(self._choose_group(), "dialog")

    async def _choose_group(self) -> None:
        column, params_metrics = self.table.cursor_column, self._every
        keys = [SEEDS]
        if column is not None and column.id.startswith("param."):
            keys.append(column.id)
        keys += [key for key in _FIELDS if known(key, *params_metrics)]
        keys += [f"param.{name}" for name in params_metrics[0] if f"param.{name}" not in keys and not is_seed(name)]
        items = [Item(key, "seeds: all that differs in nothing else" if key == SEEDS else key.removeprefix("param."),
                      help="mean ± standard deviation over seeds" if key == SEEDS else "") for key in keys]  # fmt: skip
        if self.group_key:
            items.insert(0, Item(_NOT, "no groups", help="one row per run"))
        chosen = await self.app.push_screen_wait(PickScreen("Group runs by", items))
        if chosen is not None:
            self.group_by("" if chosen == _NOT else chosen)

    def group_by(self, key: str) -> None:
        """Have groups by a field or parameter, or by seeds; "" for none."""
        self.lab.view_state.put("runs", "group", key)
        if key:
            words = ["lab", "runs", "ls", *self.filter_text.split(), "--group-by", key]
            self.lab.jobs.note("groups of runs", shlex.join(words))
        self.table.scroll_to(y=0, animate=False)
        self.reload()
