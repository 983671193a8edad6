"""Two versions of a dataset beside each other: what changed, worst first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.containers import Container

from lab.domain.datasets import DatasetVersion
from lab.domain.diffs import DatasetDiff
from lab.errors import LabError, UsageError
from lab.ui import actions
from lab.ui.render import datadiff
from lab.ui.render.rows import ListSource
from lab.ui.screens.base import LabScreen
from lab.ui.screens.parts import Lines
from lab.ui.screens.tabs import Tabs
from lab.ui.widgets.detail import DetailPanel
from lab.ui.widgets.frame_table import FrameTable
from lab.ui.widgets.table_messages import RowHighlighted, RowSelected

if TYPE_CHECKING:
    from lab.ui.app import LabApp
    from lab.workspace import Workspace


class DiffScreen(LabScreen):
    KIND = "diff"
    MODE = "data"
    LEAD = "Details"
    BINDINGS: ClassVar = actions.bindings(actions.of_screen("diff"))

    def __init__(self, old: str, new: str) -> None:
        super().__init__()
        self._old, self._new = old, new
        self._diff: DatasetDiff | None = None
        self._said = ""

    def trail(self) -> tuple[str, ...]:
        return (f"{self._dataset} {self._old.rpartition('@')[2]} → {self._new.rpartition('@')[2]}",)

    @property
    def _dataset(self) -> str:
        """The dataset, as far as both sides are versions of one."""
        old, new = (ref.rpartition("@")[0].rpartition("/")[2] for ref in (self._old, self._new))
        return old if old == new else f"{old}, {new}"

    def body(self) -> ComposeResult:
        yield Lines([[(" comparing …", "muted")]], id="heading")
        yield Tabs([(datadiff.FILES, datadiff.TITLES[datadiff.FILES])])
        with Container(classes="panes"):
            with Container(id="tab-files", classes="tab -shown"):
                yield FrameTable(datadiff.FILE_COLUMNS, empty="comparing …", id="files", pinned=2)
            with Container(id="tab-schema", classes="tab"):
                yield FrameTable(datadiff.SCHEMA_COLUMNS, empty="the same columns", id="schema")
            with Container(id="tab-rows", classes="tab"):
                yield Lines(id="rows-line")
                yield FrameTable((), empty="no row differs", id="rows", pinned=2)
            with Container(id="tab-drift", classes="tab"):
                yield FrameTable(datadiff.DRIFT_COLUMNS, empty="no distribution to compare", id="drift")
            with Container(id="tab-images", classes="tab"):
                yield FrameTable(datadiff.IMAGE_COLUMNS, empty="no pictures", id="images")
            yield DetailPanel(empty="", id="facts", classes="drawer")

    def on_mount(self) -> None:
        super().on_mount()
        self.every(0.25, self._tell_progress)

    @property
    def tabs(self) -> Tabs:
        return self.query_one(Tabs)

    def _table(self, name: str) -> FrameTable:
        return self.query_one(f"#{name}", FrameTable)

    # Reading

    async def _read_again(self) -> None:
        """Versions never change, so neither does what lies between them."""

    async def load(self) -> None:
        old, new = self._old, self._new
        try:
            diff = await self.ask(lambda ws: self._compare(ws, old, new))
        except LabError:
            self.query_one("#heading", Lines).show([])
            self._table("files").set_empty("these versions could not be compared")
            raise
        if (old, new) == (self._old, self._new):
            refs = (old, new)
            self.lab.jobs.note(f"{old} and {new} compared", actions.command(actions.get("data.diff"), refs=refs))
            self._fill(diff)

    def _compare(self, ws: Workspace, old: str, new: str) -> DatasetDiff:
        first: DatasetVersion = ws.datasets.get(old)
        return ws.findings.diff(first, ws.datasets.get(new), progress=self._hear)

    def _hear(self, text: str) -> None:
        """Progress, from a core thread: one attribute, so nothing to lock."""
        self._said = text

    async def _tell_progress(self) -> None:
        if self._diff is None and self._said:
            self.query_one("#heading", Lines).show([[(" comparing: ", "muted"), (self._said, "")]])

    def _fill(self, diff: DatasetDiff) -> None:
        first = self._diff is None
        self._diff = diff
        self.query_one("#heading", Lines).show(datadiff.summary_rows(diff, self._dataset))
        found = datadiff.sections(diff)
        self.tabs.offer([(one.key, datadiff.TITLES[one.key]) for one in found])
        for one in found:
            self.tabs.note(one.key, f"{one.count:,}" if one.count else "–")
        self._table("files").set_empty("no file differs")
        self._table("files").replace(ListSource(datadiff.file_rows(diff.files)))
        self._table("schema").replace(ListSource(datadiff.schema_rows(diff.schema) if diff.schema else []))
        self._table("drift").replace(ListSource(datadiff.drift_rows(diff.drifts)))
        self._table("images").replace(ListSource(datadiff.image_rows(diff.images) if diff.images else []))
        rows = diff.rows
        self.query_one("#rows-line", Lines).show(datadiff.rows_heading(rows) if rows else [])
        self._table("rows").set_columns(datadiff.row_columns(rows) if rows else ())
        self._table("rows").replace(ListSource(datadiff.row_rows(rows) if rows else []))
        if first:
            self.show_tab(datadiff.worst(found))

    # What the parts say

    def on_frame_table_row_highlighted(self, event: RowHighlighted) -> None:
        self._tell_facts(event.table, event.key)

    def on_frame_table_row_selected(self, event: RowSelected) -> None:
        if self._tell_facts(event.table, event.key):
            self.add_class("-open")
            if self.has_class("-narrow"):
                self.query_one("#facts").focus()

    def _tell_facts(self, table: FrameTable, key: str) -> bool:
        """Show all of a row or of a column's drift; whether there is more than the table shows."""
        diff, panel = self._diff, self.query_one("#facts", DetailPanel)
        if diff is None or f"tab-{self.tabs.current}" != (table.parent.id if table.parent else ""):
            return False
        if table.id == "rows" and diff.rows is not None:
            panel.set_pairs(datadiff.row_facts(diff.rows, key))
        elif table.id == "drift":
            panel.set_pairs(datadiff.drift_facts(diff.drifts[int(key)]))
        else:
            panel.set_pairs(())
            return False
        panel.scroll_home(animate=False)
        return True

    def close_inner(self) -> bool:
        if self.has_class("-open"):
            self.remove_class("-open")
            self._table(self.tabs.current).focus()
            return True
        return False

    def show_tab(self, key: str) -> None:
        self.remove_class("-open")
        self.tabs.choose(key)
        table = self._table(key)
        if self.focused is not None:
            table.focus()
        self.set_class(key in (datadiff.ROWS, datadiff.DRIFT), "-facts")
        if table.cursor_key is not None:
            self._tell_facts(table, table.cursor_key)

    # Actions

    def action_diff_next_tab(self) -> None:
        self.show_tab(self.tabs.step(1))

    def action_diff_previous_tab(self) -> None:
        self.show_tab(self.tabs.step(-1))

    def action_diff_swap(self) -> None:
        self._old, self._new = self._new, self._old
        self._diff, self._said = None, ""
        self.query_one("#heading", Lines).show([[(" comparing …", "muted")]])
        self.tell_top()
        self.reload()

    def copies(self) -> Sequence[tuple[str, str]]:
        command = actions.command(actions.get("data.diff"), refs=(self._old, self._new))
        summary = self.query_one("#heading", Lines).plain
        return [("command", command), ("summary", summary), ("old", self._old), ("new", self._new)]


async def open_diff(app: LabApp, rest: str) -> None:
    """`:diff A B`."""
    refs = rest.split()
    if len(refs) != 2:
        raise UsageError("which versions? :diff needs two", "such as :diff digits@v1 digits@v2")
    old, new = await app.bridge.ask(lambda ws: [ws.datasets.get(ref).ref for ref in refs])
    await app.push_screen(DiffScreen(old, new))
