"""Sweeps: each a row with its progress and best value, opened into its runs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult

from lab.domain.sweeps import Sweep
from lab.errors import UsageError
from lab.ui import actions
from lab.ui.jobs import Job
from lab.ui.render.queue import SWEEP_COLUMNS, sweep_row, sweeps_heading
from lab.ui.render.rows import ListSource
from lab.ui.screens.base import LabScreen
from lab.ui.screens.copying import command
from lab.ui.screens.flows import confirm
from lab.ui.screens.parts import Lines
from lab.ui.widgets.frame_table import FrameTable
from lab.ui.widgets.table_messages import RowHighlighted, RowSelected


class SweepsScreen(LabScreen):
    KIND = "sweeps"
    MODE = "runs"
    NOUNS = frozenset({"runs"})
    LEAD = "Its runs"
    BINDINGS: ClassVar = actions.bindings(actions.of_screen("sweeps"))

    def __init__(self) -> None:
        super().__init__()
        self._sweeps: Sequence[Sweep] = ()

    def trail(self) -> tuple[str, ...]:
        return ("Sweeps",)

    def body(self) -> ComposeResult:
        yield Lines([[(" reading …", "muted")]], id="heading")
        yield FrameTable(SWEEP_COLUMNS, empty="reading …", id="sweeps", pinned=2)

    async def load(self) -> None:
        self._sweeps = await self.ask(lambda ws: ws.sweeps.list())
        self.query_one("#heading", Lines).show([sweeps_heading(self._sweeps)])
        table = self.query_one(FrameTable)
        table.set_empty(
            "no sweeps yet: in the launch form, a parameter with several values (0.1,0.01 or 2..8) makes one"
        )
        table.replace(ListSource([sweep_row(sweep, time.time()) for sweep in self._sweeps]))

    @property
    def current(self) -> Sweep | None:
        key = self.query_one(FrameTable).cursor_key
        return next((sweep for sweep in self._sweeps if sweep.name == key), None)

    def copies(self) -> Sequence[tuple[str, str]]:
        one = self.current
        about = [("name", one.name), command("lab", "sweeps", "show", one.name)] if one is not None else []
        return [*about, ("command of all sweeps", "lab sweeps ls")]

    def hidden_actions(self) -> tuple[str, ...]:
        sweep = self.current
        return () if sweep is not None and sweep.state.active else ("sweeps.stop", "sweeps.hold")

    def on_frame_table_row_highlighted(self, _: RowHighlighted) -> None:
        self.tell_keys()

    async def on_frame_table_row_selected(self, event: RowSelected) -> None:
        await self.lab.go("runs")
        if isinstance(self.lab.screen, LabScreen):
            self.lab.screen.apply_filter(f"sweep:{event.key}")

    # Actions

    def action_sweeps_stop(self) -> None:
        self.start(self._stop())

    async def _stop(self) -> None:
        sweep = self._active()
        consequence = f"{sweep.queued} that wait never start, {sweep.running} that run end now. What was logged stays."
        if not await confirm(self, f"Stop sweep {sweep.name}?", consequence, "Stop", "x"):
            return

        async def work(_: Job) -> str:
            stopped = await self.lab.bridge.ask(lambda ws: ws.sweeps.stop(sweep.name))
            return f"{stopped.name} is stopped: {stopped.done} of {stopped.total} done"

        self.lab.background(f"stopping {sweep.name}", actions.command(actions.get("sweeps.stop"), ref=sweep.name), work)

    def action_sweeps_hold(self) -> None:
        self.start(self._hold())

    async def _hold(self) -> None:
        sweep = self._active()
        held = not sweep.held
        await self.ask(lambda ws: ws.sweeps.hold(sweep.name, held))
        self.lab.jobs.note(f"sweep {sweep.name}", f"lab sweeps {'pause' if held else 'resume'} {sweep.name}")
        self.lab.tell(f"{sweep.name} {'starts no more for now' if held else 'goes on'}")
        self.reload()

    def _active(self) -> Sweep:
        sweep = self.current
        if sweep is None or not sweep.state.active:
            raise UsageError("the sweep is over", "enter shows its runs")
        return sweep
