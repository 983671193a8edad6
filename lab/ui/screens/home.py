"""Home: what needs you now."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Container

from lab.domain.deployments import Health
from lab.domain.standing import Standing
from lab.ui import actions
from lab.ui.render.rows import ListSource
from lab.ui.screens.base import LabScreen
from lab.ui.screens.home_cells import (
    COLUMNS,
    Line,
    about,
    command_of,
    heading,
    home_lines,
    home_rows,
    notice_rows,
    opened_by,
)
from lab.ui.screens.parts import Lines
from lab.ui.screens.run_cells import run_summary
from lab.ui.widgets.detail import DetailPanel, Pair
from lab.ui.widgets.frame_table import FrameTable
from lab.ui.widgets.table_messages import RowSelected

_EMPTY = """Nothing here yet. Three ways to begin:

D   watch Lab carry a model through its life, on real digits   (lab demo)
i   make this folder a project                                 (lab init)
n   launch a run of this project                               (lab run)
"""
#: How often working copies are compared with their versions, seconds.
_COPIES = 10.0
#: The health shown may be so old, seconds: who keeps its history has looked by then.
_WITHIN = 1.5


class HomeScreen(LabScreen):
    KIND = "home"
    MODE = "home"
    NOUNS = frozenset({"runs", "deployments", "datasets", "models", "projects"})
    BINDINGS: ClassVar = actions.bindings(actions.of_screen("home"))

    def __init__(self) -> None:
        super().__init__()
        self._standing: Standing | None = None
        self._health: dict[str, Health] = {}
        self._lines: dict[str, Line] = {}

    def body(self) -> ComposeResult:
        yield Lines([[(" opening the lab …", "muted")]], id="heading")
        yield Lines(id="notices")
        with Container(classes="panes"):
            yield FrameTable(COLUMNS, empty="", id="now", pinned=0)
            yield DetailPanel(flow=True, id="summary", classes="side below", empty="")
        yield Lines([[], []], id="about")

    def on_mount(self) -> None:
        super().on_mount()
        self.every(0.5, self._look_at_runs)
        self.every(2.0, self._look_at_deployments)
        self.every(_COPIES, self._look_at_copies)

    async def load(self) -> None:
        first = self._standing is None
        copies = self._standing.copies if self._standing else {}
        self._standing = await self.ask(lambda ws: ws.standings.look(copies))
        self._fill()
        if first:
            self.start(self._look_at_copies(), "copies")

    def hidden_actions(self) -> tuple[str, ...]:
        return ("home.init",) if self.lab.project else ("home.launch",)

    def _fill(self) -> None:
        standing, now = self._standing, time.time()
        if standing is None:
            return
        lines = home_lines(standing, self._health, now)
        self._lines = {line.key: line for line in lines}
        self.query_one("#heading", Lines).show([heading(standing, now)])
        self.query_one("#notices", Lines).show(notice_rows([*self.lab.notices, *standing.notices]))
        table = self.query_one(FrameTable)
        table.set_empty(_EMPTY)
        at_top = table.cursor_index == 0
        table.replace(ListSource(home_rows(lines)))
        if at_top:  # what comes in above is what is wanted here, so the cursor does not go down with its row
            table.action_first()
        self._tell_about()

    def on_frame_table_row_highlighted(self) -> None:
        self._tell_about()

    def _tell_about(self) -> None:
        """The line under the cursor: in full below, the object beside where there is room."""
        line = self._lines.get(self.query_one(FrameTable).cursor_key or "")
        self.query_one("#about", Lines).show(about(line))
        self.query_one("#summary", DetailPanel).set_pairs(self._facts(line) if line else [])

    def copies(self) -> Sequence[tuple[str, str]]:
        line = self._lines.get(self.query_one(FrameTable).cursor_key or "")
        if line is None:
            return [("command", "lab status")]
        told = [("id", line.id), ("name", line.name), ("command", command_of(line)), ("what is told", line.told)]
        return [*told, ("command of Home", "lab status")]

    def _facts(self, line: Line) -> list[Pair]:
        standing, now = self._standing, time.time()
        if standing is None:
            return []
        if line.kind == "run":
            runs = [*standing.running, *standing.failed, *standing.latest, *(run for _, run in standing.fired)]
            run = next((run for run in runs if run.id == line.id), None)
            return run_summary(run, now) if run is not None else []
        if line.kind == "deployment":
            one = next((one for one in standing.deployments if one.id == line.id), None)
            cells = import_module("lab.ui.screens.deployment_cells")
            return cells.deployment_facts(one, self._health.get(line.id), (), now) if one is not None else []
        return [Pair(line.name), Pair("state", line.state.text, line.state.token), Pair("told", line.told)]

    async def _look_at_runs(self) -> None:
        """Progress of what runs, twice a second. What begins and what ends is news, and read afresh with the rest."""
        before = self._standing
        if before is not None and before.running:
            running = await self.ask(lambda ws: ws.runs.now(before.running))
            if self._standing is before:
                self._standing = replace(before, running=running)
                self._fill()

    async def _look_at_deployments(self) -> None:
        if self._standing is not None:
            up = [one.id for one in self._standing.deployments if one.status.active]
            if up:
                self._health = await self.ask(lambda ws: {id: ws.deployments.health(id, _WITHIN) for id in up})
                self._fill()

    async def _look_at_copies(self) -> None:
        """Which working copies differ from their latest version: a look at the files, so it comes after the rest."""
        if self._standing is not None and self._standing.datasets:
            datasets = self._standing.datasets
            copies = await self.ask(lambda ws: ws.standings.compare_copies(datasets))
            if copies != self._standing.copies:
                self._standing = replace(self._standing, copies=copies)
                self._fill()

    async def on_frame_table_row_selected(self, event: RowSelected) -> None:
        kind, id = opened_by(event.key)
        if kind == "runs":
            await self.lab.go(kind)
            if isinstance(self.app.screen, LabScreen):
                self.app.screen.apply_filter(id)
        else:
            await self.lab.show_object(kind, id)

    def action_home_launch(self) -> None:
        self._flow("launch", "launch_flows")

    def action_home_init(self) -> None:
        self._flow("init_project")

    def action_home_write(self) -> None:
        self._flow("edit_settings")

    def action_home_demo(self) -> None:
        self._flow("demonstrate")

    def _flow(self, name: str, module: str = "flows") -> None:
        """Dialogs load when one is first asked for: the first paint does not wait for them."""
        self.start(getattr(import_module(f"lab.ui.screens.{module}"), name)(self))
