"""Data: datasets, and the versions of each as a timeline."""

from __future__ import annotations

import time
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.containers import Container

from lab.domain.datasets import Dataset, DatasetVersion
from lab.errors import LabError, NotFoundError, UsageError
from lab.ui import actions
from lab.ui.render import timeline
from lab.ui.render.glyphs import Row as Spans
from lab.ui.render.number import NOTHING, format_age, format_size
from lab.ui.render.rows import Cell, Column, ListSource, Row
from lab.ui.render.status import Mark, mark
from lab.ui.screens.list_screen import ListScreen, filter_spans, fits
from lab.ui.screens.parts import Lines
from lab.ui.screens.tabs import Tabs
from lab.ui.screens.version_actions import VersionActions
from lab.ui.widgets.frame_table import FrameTable
from lab.ui.widgets.table_messages import MarksChanged, RowHighlighted, RowSelected

if TYPE_CHECKING:
    from lab.workspace import Workspace

#: Rows shown of a table's content.
PREVIEW = 100
_MOST_FILES = 1000
#: How often working copies are compared with their latest versions, seconds.
_COPIES = 10.0

_COLUMNS = (
    Column("name", "dataset", min_width=10, max_width=30, sortable=False, flex=1),
    Column("latest", "latest", min_width=6, max_width=20, sortable=False),
    Column("copy", "working copy", width=12, sortable=False),
    Column("rows", "rows", min_width=6, max_width=13, align="right", sortable=False),
    Column("size", "size", width=8, align="right", sortable=False),
    Column("age", "age", width=8, sortable=False),
    Column("project", "project", max_width=18, sortable=False),
    Column("path", "path", max_width=40, sortable=False),
)
_SCHEMA_COLUMNS = (
    Column("name", "column", min_width=10, max_width=60, sortable=False),
    Column("type", "type", min_width=8, max_width=40, sortable=False, flex=1),
)
FILE_COLUMNS = (
    Column("path", "file", min_width=16, max_width=200, sortable=False, flex=1),
    Column("size", "size", width=9, align="right", sortable=False),
)


def dataset_row(one: Dataset, copy: Mark | None, now: float) -> Row:
    latest = one.latest
    aliases = " ".join(timeline.aliases_of(latest, one.aliases))
    verdict = timeline.verdict_mark(latest.verdict)
    bad = verdict is not None and verdict.token != "ok"
    cells = (
        Cell(one.name, "bold"),
        Cell(" ".join(part for part in (latest.label, verdict.glyph if bad and verdict else "", aliases) if part),
             verdict.token if bad and verdict else "accent"),
        Cell(copy.text, copy.token) if copy else Cell(""),
        Cell(NOTHING if latest.rows is None else f"{latest.rows:,}"),
        Cell(format_size(latest.bytes)),
        Cell(format_age(latest.created, now), "muted"),
        Cell(one.project, "muted"),
        Cell(one.path, "muted"),
    )  # fmt: skip
    return Row(one.id, cells)


def schema_rows(version: DatasetVersion) -> list[Row]:
    return [Row(str(index), (Cell(one.name), Cell(one.type, "muted"))) for index, one in enumerate(version.columns)]


def preview_columns(names: Sequence[str]) -> list[Column]:
    return [Column(str(index), name, min_width=4, max_width=24, sortable=False) for index, name in enumerate(names)]


def preview_rows(rows: Sequence[Sequence[str]]) -> list[Row]:
    return [Row(str(index), tuple(Cell(str(value)) for value in row)) for index, row in enumerate(rows)]


def file_rows(files: Sequence[tuple[str, int]]) -> list[Row]:
    return [Row(path, (Cell(path), Cell(format_size(size), "muted"))) for path, size in files[:_MOST_FILES]]


def copy_mark(ws: Workspace, one: Dataset) -> Mark | None:
    """How the working copy of a dataset differs from its latest version, on a core thread; None if it has none."""
    if not one.path:
        return None
    try:
        clean = ws.datasets.status(one.id)[1].clean
    except NotFoundError:
        return mark("fail", "gone")
    except LabError:  # unreadable, or just being written: told when it is added
        return mark("warn", "unreadable")
    return mark("ok", "same") if clean else mark("warn", "changed")


class DataScreen(ListScreen, VersionActions):
    KIND = "data"
    MODE = "data"
    LIST = "datasets"
    NOUNS = frozenset({"datasets"})
    LEAD = "Open"
    BINDINGS: ClassVar = actions.bindings(actions.of_screen("data"))

    def __init__(self) -> None:
        super().__init__()
        self._datasets: dict[str, Dataset] = {}
        self._versions: dict[str, DatasetVersion] = {}
        self._copies: dict[str, Mark | None] = {}
        self._shown = ""
        self._comparing = False

    def body(self) -> ComposeResult:
        yield Lines([[]], id="heading")
        yield FrameTable(_COLUMNS, empty="reading …", id="datasets")
        yield Tabs([("versions", "Versions"), ("schema", "Schema"), ("preview", "Preview"), ("files", "Files")])
        with Container(classes="lower"):
            with Container(id="tab-versions", classes="tab -shown"):
                yield FrameTable(timeline.COLUMNS, empty="", id="versions")
            with Container(id="tab-schema", classes="tab"):
                yield FrameTable(_SCHEMA_COLUMNS, empty="not a table: no schema", id="schema")
            with Container(id="tab-preview", classes="tab"):
                yield FrameTable((), empty="not a table: no preview", id="preview")
            with Container(id="tab-files", classes="tab"):
                yield FrameTable(FILE_COLUMNS, empty="no files", id="files")

    def on_mount(self) -> None:
        super().on_mount()
        self.every(_COPIES, self._look_at_copies)

    def _table(self, name: str) -> FrameTable:
        return self.query_one(f"#{name}", FrameTable)

    @property
    def current(self) -> Dataset | None:
        return self._datasets.get(self._table("datasets").cursor_key or "")

    @property
    def version(self) -> DatasetVersion | None:
        """The version under the lower cursor, the latest of the dataset otherwise."""
        one, chosen = self.current, self._versions.get(self._table("versions").cursor_key or "")
        if one is None:
            return None
        # Just after the upper cursor has moved, the lower list still is another dataset's.
        return chosen if chosen and (chosen.project, chosen.dataset) == (one.project, one.name) else one.latest

    @property
    def path(self) -> str:
        return self.current.path if self.current else ""

    async def pair(self) -> tuple[str, str]:
        marked = [self._versions[key] for key in self._table("versions").marks if key in self._versions]
        if not marked:
            return await super().pair()
        if len(marked) != 2:
            raise UsageError(f"{len(marked)} versions are marked: two can be compared", "space marks, u clears")
        old, new = sorted(marked, key=lambda one: one.number)
        return old.ref, new.ref

    async def load(self) -> None:
        datasets = await self.ask(lambda ws: list(ws.datasets.list()))
        kept = [one for one in datasets if fits(self.filter_text, one.name, one.project, one.path)]
        self._datasets = {one.id: one for one in kept}
        table = self._table("datasets")
        table.set_empty("no dataset fits the filter: esc clears it" if datasets else "no data yet: n takes a snapshot")
        self._fill()
        row: Spans = [(f" {len(kept)} dataset{'s' if len(kept) != 1 else ''}", "bold")]
        row += filter_spans(self.filter_text)
        self.query_one("#heading", Lines).show([row])
        await self._load_versions()
        self.start(self._look_at_copies(), "live")

    def _fill(self) -> None:
        now = time.time()
        rows = [dataset_row(one, self._copies.get(one.id), now) for one in self._datasets.values()]
        self._table("datasets").replace(ListSource(rows))

    async def _look_at_copies(self) -> None:
        """Compare every working copy with its latest version, one after the other."""
        if self._comparing:
            return
        self._comparing = True
        try:
            await self._compare_copies()
        finally:
            self._comparing = False

    async def _compare_copies(self) -> None:
        for one in list(self._datasets.values()):
            found = await self.ask(lambda ws, one=one: copy_mark(ws, one))  # type: ignore[misc]
            if one.id not in self._copies or self._copies[one.id] != found:
                self._copies[one.id] = found
                self._fill()

    async def _load_versions(self) -> None:
        one = self.current
        known = await self.ask(lambda ws: list(ws.datasets.versions(one.name, one.project))) if one else []
        if one is not self.current:
            return
        versions = timeline.visible(known)
        self._versions = {str(version.number): version for version in versions}
        table = self._table("versions")
        aliases = one.aliases if one else {}
        table.replace(ListSource(timeline.version_rows(versions, aliases, time.time())))
        if one is not None and one.id != self._shown:  # cursor and marks were of versions of another dataset
            self._shown = one.id
            table.set_marks(())
            table.action_first()
        removed = len(known) - len(versions)
        note = f"{len(versions)}" + (f" ({removed} removed)" if removed else "")
        self.query_one(Tabs).note("versions", note if known else "")
        await self._load_content()

    async def _load_content(self) -> None:
        """What the shown tab says of the version."""
        version, tab = self.version, self.query_one(Tabs).current
        self._table("schema").replace(ListSource(schema_rows(version) if version else []))
        self.query_one(Tabs).note("schema", str(len(version.columns)) if version and version.columns else "")
        if version is None:
            self._table("preview").replace(ListSource())
            self._table("files").replace(ListSource())
        elif tab == "preview":
            names, rows = await self.ask(lambda ws: ws.datasets.preview(version, PREVIEW))
            self._table("preview").set_columns(preview_columns(names))
            self._table("preview").replace(ListSource(preview_rows(rows)))
        elif tab == "files":
            files = await self.ask(lambda ws: list(ws.datasets.files(version)))
            self._table("files").replace(ListSource(file_rows(files)))
            self.query_one(Tabs).note("files", f"{len(files):,}")

    def hidden_actions(self) -> tuple[str, ...]:
        return () if self._datasets else ("data.diff", "data.checkout", "data.alias")

    def on_frame_table_row_highlighted(self, event: RowHighlighted) -> None:
        if event.table.id == "datasets":
            self.start(self._load_versions(), "versions")
        elif event.table.id == "versions":
            self.start(self._load_content(), "content")

    def on_frame_table_marks_changed(self, event: MarksChanged) -> None:
        if event.table.id == "versions":
            told = f"{len(event.keys)} marked: c compares two" if event.keys else ""
            self.query_one(Tabs).note("versions", told or str(len(self._versions)))

    async def on_frame_table_row_selected(self, event: RowSelected) -> None:
        if event.table.id == "datasets":
            self.show_tab("versions")
            self._table("versions").focus()
        elif event.table.id == "versions":
            await self.open_version("profile")

    def show_tab(self, key: str) -> None:
        self.query_one(Tabs).choose(key)
        self.start(self._load_content(), "content")

    # Actions

    def action_data_filter(self) -> None:
        self.open_filter()

    async def action_data_disk(self) -> None:
        await self.app.push_screen(import_module("lab.ui.screens.disk").DiskScreen())

    def action_data_next_tab(self) -> None:
        self.show_tab(self.query_one(Tabs).step(1))

    def action_data_previous_tab(self) -> None:
        self.show_tab(self.query_one(Tabs).step(-1))
