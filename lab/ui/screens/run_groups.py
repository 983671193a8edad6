"""Runs in groups, as rows: a head with what the group's metrics come to, and its runs, fetched when they are seen."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from lab.domain.groups import GroupPage, RunGroup, Spread, pooled
from lab.domain.runs import Run
from lab.domain.text import count_of
from lab.ui.render.glyphs import glyphs
from lab.ui.render.number import format_number
from lab.ui.render.rows import Cell, Column, Row
from lab.ui.screens.run_pages import UNKNOWN
from lab.ui.widgets.detail import Pair

#: Keys of heads begin with this; no id does.
GROUP = f"{UNKNOWN}group "
_METRIC = "metric."
#: What a mean with its spread needs.
_SPREAD_WIDTH = 18
#: A group is named by its parameters.
_NAME_WIDTH = 48


class GroupedRuns:
    """A `RowSource` whose heads fold (see `Folding`). Looking at a run that is not known calls `want` with its id."""

    folded_at_first = True

    def __init__(
        self,
        page: GroupPage,
        columns: Sequence[Column],
        make: Callable[[Run], Row],
        want: Callable[[str], None],
    ) -> None:
        self.groups: Sequence[RunGroup] = page.items
        self.all_groups, self.total = page.total, page.runs  # groups, and runs in all of them
        self._make = make
        self._want = want
        self._columns = columns
        self._runs: dict[str, Run] = {}
        self._rows: dict[str, Row] = {}
        self.heads = tuple(
            GROUP + "\x1f".join("" if value is None else value for value in one.values) for one in page.items
        )
        self._at = {head: place for place, head in enumerate(self.heads)}
        self._home: dict[str, int] | None = None  # the place of each run's group
        self._folded: Collection[str] = ()
        self._starts: list[int] = []
        self._count = 0
        self.fold(frozenset(self.heads))

    def fold(self, folded: Collection[str]) -> None:
        """Leave out the runs below these heads."""
        self._folded, self._starts, self._count = folded, [], 0
        for head, group in zip(self.heads, self.groups, strict=True):
            self._starts.append(self._count)
            self._count += 1 if head in folded else 1 + len(group.runs)

    @property
    def known(self) -> Sequence[Run]:
        return list(self._runs.values())

    def put(self, runs: Sequence[Run]) -> None:
        """Take in runs as they are now."""
        for run in runs:
            self._runs[run.id] = run
            self._rows.pop(run.id, None)

    def update(self, run: Run) -> None:
        """Take in a later state of a run, where it is known."""
        if run.id in self._runs:
            self.put([run])

    def update_groups(self, groups: Sequence[RunGroup]) -> None:
        """Take in later metrics of all groups; they are the same ones in the same order."""
        self.groups = groups

    def keep(self, before: GroupedRuns) -> None:
        """Know what was known before, until it is read afresh."""
        self._runs = dict(before._runs)

    def recolumn(self, columns: Sequence[Column]) -> None:
        """Make all rows anew: the columns are others."""
        self._columns = columns
        self._rows.clear()

    def get(self, key: str | None) -> Run | None:
        return self._runs.get(key or "")

    def totals(self) -> Row | None:
        """What all runs together come to; None where groups are left out, or there is no more than one."""
        if len(self.groups) < max(2, self.all_groups):
            return None
        names = [column.id.removeprefix(_METRIC) for column in self._columns if column.id.startswith(_METRIC)]
        found = {name: [one.metrics[name] for one in self.groups if name in one.metrics] for name in names}
        metrics = {name: pooled(spreads) for name, spreads in found.items() if spreads}
        return Row("", _cells(self._columns, Cell(f"  {count_of(self.total, 'run')}"), Cell("all"), metrics))

    def group(self, key: str | None) -> RunGroup | None:
        """The group with that head."""
        place = self._at.get(key or "")
        return None if place is None else self.groups[place]

    def count(self) -> int:
        return self._count

    def window(self, offset: int, limit: int) -> Sequence[Row]:
        return [self._row(index) for index in range(offset, min(self._count, offset + limit))]

    def find(self, key: str) -> int | None:
        if key in self._at:
            return self._starts[self._at[key]]
        if self._home is None:
            self._home = {id: place for place, group in enumerate(self.groups) for id in group.runs}
        place = self._home.get(key)
        if place is None or self.heads[place] in self._folded:
            return None
        runs = self.groups[place].runs
        return self._starts[place] + 1 + runs.index(key)

    def _row(self, index: int) -> Row:
        place = bisect_right(self._starts, index) - 1
        group, below = self.groups[place], index - self._starts[place]
        if not below:
            return head_row(self.heads[place], group, self._columns, self.heads[place] in self._folded)
        id = group.runs[below - 1]
        run = self._runs.get(id)
        if run is None:
            self._want(id)
            return Row(f"{UNKNOWN}{id}", (Cell("…", "muted"),))
        if id not in self._rows:
            self._rows[id] = self._make(run)
        return self._rows[id]


def head_row(key: str, group: RunGroup, columns: Sequence[Column], folded: bool) -> Row:
    """What a group comes to: how many runs, its name, the mean of each metric and its standard deviation."""
    sign = glyphs().folded if folded else glyphs().unfolded
    lead = Cell(f"{sign} {count_of(group.n, 'run')}", "accent bold")
    return Row(key, _cells(columns, lead, Cell(group.name, "title"), group.metrics), head=True)


def _cells(columns: Sequence[Column], lead: Cell, name: Cell, metrics: Mapping[str, Spread]) -> tuple[Cell, ...]:
    """`lead` in the first column, unless that is the name's or a metric's."""
    cells = []
    for place, column in enumerate(columns):
        if column.id == "name":
            cells.append(name)
        elif column.id.startswith(_METRIC):
            cells.append(Cell(spread_text(metrics.get(column.id.removeprefix(_METRIC))), "bold"))
        else:
            cells.append(Cell("") if place else lead)
    return tuple(cells)


def spread_text(spread: Spread | None) -> str:
    """`0.9671 ± 0.0072`, or the mean alone of one value."""
    if spread is None:
        return ""
    return (
        format_number(spread.mean)
        if spread.sd is None
        else f"{format_number(spread.mean)} ± {format_number(spread.sd, 2)}"
    )


def group_columns(columns: Sequence[Column]) -> list[Column]:
    """With room for a spread beside each mean, and for names that say in what groups differ."""
    return [_roomy(column) for column in columns]


def _roomy(column: Column) -> Column:
    least = _SPREAD_WIDTH if column.id.startswith(_METRIC) else _NAME_WIDTH if column.id == "name" else 0
    return replace(column, max_width=max(column.max_width, least))


def group_facts(group: RunGroup) -> list[Pair]:
    """The side panel of a head."""
    pairs = [Pair(group.name), Pair("runs", f"{group.n:,}"), Pair("Metrics, mean ± standard deviation")]
    pairs += [
        Pair(name, f"{spread_text(one)}  {format_number(one.min)} … {format_number(one.max)}")
        for name, one in group.metrics.items()
    ]
    return pairs if group.metrics else [*pairs, Pair("metrics", "none yet", "muted")]
