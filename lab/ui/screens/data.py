"""Data: datasets with their versions, schema and first rows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.containers import Container

from lab.domain.datasets import Dataset, DatasetVersion
from lab.ui import actions
from lab.ui.render.glyphs import Row as Spans
from lab.ui.render.number import format_age, format_size
from lab.ui.render.rows import Cell, Column, ListSource, Row
from lab.ui.screens import flows
from lab.ui.screens.base import ListScreen, filter_spans, fits
from lab.ui.screens.parts import Lines
from lab.ui.screens.tabs import Tabs
from lab.ui.widgets.frame_table import FrameTable
from lab.ui.widgets.table_messages import RowHighlighted, RowSelected

if TYPE_CHECKING:
    from lab.workspace import Workspace

#: Rows shown of a table's content.
_PREVIEW = 100
_MOST_FILES = 1000

_COLUMNS = (
    Column("name", "dataset", min_width=10, max_width=30, sortable=False, flex=1),
    Column("project", "project", max_width=18, sortable=False),
    Column("latest", "latest", width=8, sortable=False),
    Column("rows", "rows", width=10, align="right", sortable=False),
    Column("size", "size", width=8, align="right", sortable=False),
    Column("age", "age", width=8, sortable=False),
    Column("path", "path", max_width=40, sortable=False),
)
_VERSION_COLUMNS = (
    Column("version", "version", width=8, sortable=False),
    Column("rows", "rows", width=10, align="right", sortable=False),
    Column("columns", "columns", width=7, align="right", sortable=False),
    Column("files", "files", width=7, align="right", sortable=False),
    Column("size", "size", width=8, align="right", sortable=False),
    Column("age", "age", width=8, sortable=False),
    Column("message", "message", min_width=8, max_width=60, sortable=False, flex=1),
    Column("id", "content", width=15, sortable=False),
)
_SCHEMA_COLUMNS = (
    Column("name", "column", min_width=10, max_width=60, sortable=False),
    Column("type", "type", min_width=8, max_width=40, sortable=False, flex=1),
)
_FILE_COLUMNS = (
    Column("path", "file", min_width=16, max_width=200, sortable=False, flex=1),
    Column("size", "size", width=9, align="right", sortable=False),
)


def dataset_row(one: Dataset, now: float) -> Row:
    latest = one.latest
    aliases = ",".join(name for name, number in one.aliases.items() if number == latest.number)
    cells = (
        Cell(one.name, "bold"),
        Cell(one.project, "muted"),
        Cell(f"{latest.label} {aliases}".strip(), "accent"),
        Cell("–" if latest.rows is None else f"{latest.rows:,}"),
        Cell(format_size(latest.bytes)),
        Cell(format_age(latest.created, now), "muted"),
        Cell(one.path, "muted"),
    )
    return Row(one.id, cells)


def version_row(one: DatasetVersion, now: float) -> Row:
    cells = (
        Cell(one.label, "accent"),
        Cell("–" if one.rows is None else f"{one.rows:,}"),
        Cell(str(len(one.columns)) if one.columns else "–"),
        Cell(f"{one.files:,}"),
        Cell(format_size(one.bytes)),
        Cell(format_age(one.created, now), "muted"),
        Cell(one.message),
        Cell(one.id, "muted"),
    )
    return Row(str(one.number), cells)


def schema_rows(version: DatasetVersion) -> list[Row]:
    return [Row(str(index), (Cell(one.name), Cell(one.type, "muted"))) for index, one in enumerate(version.columns)]


def preview_columns(names: Sequence[str]) -> list[Column]:
    return [Column(str(index), name, min_width=4, max_width=24, sortable=False) for index, name in enumerate(names)]


def preview_rows(rows: Sequence[Sequence[str]]) -> list[Row]:
    return [Row(str(index), tuple(Cell(str(value)) for value in row)) for index, row in enumerate(rows)]


def file_rows(files: Sequence[tuple[str, int]]) -> list[Row]:
    return [Row(path, (Cell(path), Cell(format_size(size), "muted"))) for path, size in files[:_MOST_FILES]]


class DataScreen(ListScreen):
    KIND = "data"
    MODE = "data"
    LIST = "datasets"
    NOUNS = frozenset({"datasets"})
    LEAD = "Versions"
    BINDINGS: ClassVar = actions.bindings(actions.of_screen("data"))

    def __init__(self) -> None:
        super().__init__()
        self._datasets: dict[str, Dataset] = {}
        self._versions: dict[str, DatasetVersion] = {}
        self._shown = ""

    def body(self) -> ComposeResult:
        yield Lines([[]], id="heading")
        yield FrameTable(_COLUMNS, empty="reading …", id="datasets")
        yield Tabs([("versions", "Versions"), ("schema", "Schema"), ("preview", "Preview"), ("files", "Files")])
        with Container(classes="lower"):
            with Container(id="tab-versions", classes="tab -shown"):
                yield FrameTable(_VERSION_COLUMNS, empty="", id="versions")
            with Container(id="tab-schema", classes="tab"):
                yield FrameTable(_SCHEMA_COLUMNS, empty="not a table: no schema", id="schema")
            with Container(id="tab-preview", classes="tab"):
                yield FrameTable((), empty="not a table: no preview", id="preview")
            with Container(id="tab-files", classes="tab"):
                yield FrameTable(_FILE_COLUMNS, empty="no files", id="files")

    def _table(self, name: str) -> FrameTable:
        return self.query_one(f"#{name}", FrameTable)

    @property
    def current(self) -> Dataset | None:
        return self._datasets.get(self._table("datasets").cursor_key or "")

    @property
    def version(self) -> DatasetVersion | None:
        """The version under the lower cursor, the latest of the dataset otherwise."""
        chosen = self._versions.get(self._table("versions").cursor_key or "")
        return chosen or (self.current.latest if self.current else None)

    async def load(self) -> None:
        datasets = await self.ask(lambda ws: list(ws.datasets.list()))
        kept = [one for one in datasets if fits(self.filter_text, one.name, one.project, one.path)]
        self._datasets = {one.id: one for one in kept}
        table = self._table("datasets")
        table.set_empty("no dataset fits the filter: esc clears it" if datasets else "no data yet: n takes a snapshot")
        table.replace(ListSource([dataset_row(one, time.time()) for one in kept]))
        row: Spans = [(f" {len(kept)} dataset{'s' if len(kept) != 1 else ''}", "bold")]
        row += filter_spans(self.filter_text)
        self.query_one("#heading", Lines).show([row])
        await self._load_versions()

    async def _load_versions(self) -> None:
        one = self.current
        versions = await self.ask(lambda ws: list(ws.datasets.versions(one.name, one.project))) if one else []
        if one is not self.current:
            return
        self._versions = {str(version.number): version for version in versions}
        self._table("versions").replace(ListSource([version_row(version, time.time()) for version in versions]))
        self.query_one(Tabs).note("versions", str(len(versions)) if versions else "")
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
            names, rows = await self.ask(lambda ws: _preview(ws, version))
            self._table("preview").set_columns(preview_columns(names))
            self._table("preview").replace(ListSource(preview_rows(rows)))
        elif tab == "files":
            files = await self.ask(lambda ws: list(ws.datasets.files(version)))
            self._table("files").replace(ListSource(file_rows(files)))
            self.query_one(Tabs).note("files", f"{len(files):,}")

    def on_frame_table_row_highlighted(self, event: RowHighlighted) -> None:
        if event.table.id == "datasets":
            self.start(self._load_versions(), "versions")
        elif event.table.id == "versions":
            self.start(self._load_content(), "content")

    def on_frame_table_row_selected(self, event: RowSelected) -> None:
        if event.table.id == "datasets":
            self.show_tab("versions")
            self._table("versions").focus()
        elif event.table.id == "versions":
            self.show_tab("preview")

    def show_tab(self, key: str) -> None:
        self.query_one(Tabs).choose(key)
        self.start(self._load_content(), "content")

    # Actions

    def action_data_add(self) -> None:
        one = self.current
        self.start(flows.add_data(self, one.name if one else "", one.path if one else ""))

    def action_data_filter(self) -> None:
        self.open_filter()

    def action_data_next_tab(self) -> None:
        self.show_tab(self.query_one(Tabs).step(1))

    def action_data_previous_tab(self) -> None:
        self.show_tab(self.query_one(Tabs).step(-1))

    def action_object_copy(self) -> None:
        one, version = self.current, self.version
        if one is not None and version is not None:
            what = [("name", one.name), ("version", f"{one.name}@{version.label}"), ("content id", version.id),
                    ("command", f"lab data show {one.id}")]  # fmt: skip
            self.start(flows.copy(self, what))


def _preview(ws: Workspace, version: DatasetVersion) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
    return ws.datasets.preview(version, _PREVIEW)
