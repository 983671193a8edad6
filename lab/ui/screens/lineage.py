"""Lineage from a run, a model or a deployment: back to data files and code, and on to what came of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult

from lab.domain.lineage import Lineage
from lab.ui import actions
from lab.ui.bridge import NOUNS as ALL
from lab.ui.render.origins import COLUMNS, origin_heading, origin_rows
from lab.ui.render.rows import ListSource
from lab.ui.screens.base import LabScreen
from lab.ui.screens.copying import command
from lab.ui.screens.parts import Lines
from lab.ui.widgets.frame_table import FrameTable
from lab.ui.widgets.table_messages import RowSelected

if TYPE_CHECKING:
    from lab.workspace import Workspace

_NOUNS = {"run": "runs", "model": "models", "deployment": "deployments"}


def open_lineage(screen: LabScreen, kind: str, key: str) -> None:
    """Show where a `run`, `model` (by version) or `deployment` comes from, and what came of it."""
    screen.app.push_screen(LineageScreen(kind, key))


class LineageScreen(LabScreen):
    KIND = "lineage"
    MODE = "runs"
    LEAD = "Open"
    NOUNS = ALL
    BINDINGS: ClassVar = actions.bindings(actions.of_screen("lineage"))

    def __init__(self, kind: str, key: str) -> None:
        super().__init__()
        self._kind, self._key = kind, key
        self._found: Lineage | None = None
        self._files = True

    def trail(self) -> tuple[str, ...]:
        return (self._found.data if self._found else self._key, "lineage")

    def body(self) -> ComposeResult:
        yield Lines([[(" reading …", "muted")]], id="heading")
        yield FrameTable(COLUMNS, empty="reading …", id="tree", pinned=1)

    async def load(self) -> None:
        kind, key = self._kind, self._key
        self._found = await self.ask(lambda ws: _lineage(ws, kind, key))
        self._show()
        self.tell_top()

    def _show(self) -> None:
        if self._found is not None:
            self.query_one("#heading", Lines).show([origin_heading(self._kind, self._found)])
            rows = origin_rows(self._kind, self._found, time.time(), files=self._files)
            self.query_one("#tree", FrameTable).replace(ListSource(rows))

    def action_lineage_files(self) -> None:
        self._files = not self._files
        self._show()

    def copies(self) -> Sequence[tuple[str, str]]:
        found = self._found
        if found is None:
            return ()
        what = [command("lab", _NOUNS[self._kind], "lineage", self._key), ("name", found.data)]
        what += [(f"data {one.ref}", one.id) for one in found.versions]
        return [*what, *(("code", one.tree) for one in found.code)]

    def action_lineage_copy(self) -> None:
        self.action_object_copy()

    async def on_frame_table_row_selected(self, event: RowSelected) -> None:
        self.start(self._open(event.key))

    async def _open(self, key: str) -> None:
        """Go to what a line is about."""
        kind, _, name = key.partition(" ")
        if kind == "version":
            await self.app.push_screen(import_module("lab.ui.screens.dataset").DatasetScreen(name, "lineage"))
        elif kind == "file":
            ref, _, path = name.partition(" ")
            screen = import_module("lab.ui.screens.dataset").DatasetScreen(ref)
            await self.app.push_screen(screen.about_file(path))
        elif kind == "code":
            await self.app.push_screen(import_module("lab.ui.screens.run_changes").ChangesScreen(name))
        elif kind == "text":
            digest, _, path = name.partition(" ")
            place = await self.ask(lambda ws: ws.search.file(digest))
            await self.app.push_screen(import_module("lab.ui.screens.file_view").FileScreen(place, (path,)))
        elif kind == "model":
            await self.lab.show_object(kind, name.rpartition(":")[0])
        elif kind in ("run", "deployment"):
            await self.lab.show_object(kind, name)


def _lineage(ws: Workspace, kind: str, key: str) -> Lineage:
    if kind == "run":
        return ws.lineage.of_run(ws.runs.get(key))
    if kind == "model":
        return ws.lineage.of_model(ws.models.get(key))
    return ws.lineage.of_deployment(ws.deployments.get(key))
