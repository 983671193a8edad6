"""Queue: runs that wait, why, and in which order."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult

from lab.domain.param_spec import ParamSpec
from lab.domain.queue import Waiting
from lab.errors import UsageError
from lab.ui import actions
from lab.ui.render.queue import QUEUE_COLUMNS, queue_heading, queue_row
from lab.ui.render.rows import ListSource
from lab.ui.screens.base import LabScreen
from lab.ui.screens.copying import of_run
from lab.ui.screens.flows import confirm
from lab.ui.screens.parts import Lines
from lab.ui.widgets.forms import FormScreen
from lab.ui.widgets.frame_table import FrameTable
from lab.ui.widgets.table_messages import RowHighlighted, RowSelected

if TYPE_CHECKING:
    from lab.workspace import Workspace

_EMPTY = "nothing waits: what is launched starts at once"


class QueueScreen(LabScreen):
    KIND = "queue"
    MODE = "runs"
    NOUNS = frozenset({"runs"})
    BINDINGS: ClassVar = actions.bindings(actions.of_screen("queue"))

    def __init__(self) -> None:
        super().__init__()
        self._items: Sequence[Waiting] = ()
        self._paused = False
        self._jobs = 0

    def trail(self) -> tuple[str, ...]:
        return ("Queue",)

    def body(self) -> ComposeResult:
        yield Lines([[(" reading …", "muted")]], id="heading")
        yield FrameTable(QUEUE_COLUMNS, empty="reading …", id="queue", pinned=2)

    @property
    def table(self) -> FrameTable:
        return self.query_one(FrameTable)

    async def load(self) -> None:
        self._items, self._paused, self._jobs = await self.ask(_read)
        self.table.set_empty(_EMPTY)
        self.table.replace(ListSource([queue_row(item, time.time()) for item in self._items]))
        self._tell()

    @property
    def current(self) -> Waiting | None:
        return next((item for item in self._items if item.run.id == self.table.cursor_key), None)

    def _tell(self) -> None:
        told = queue_heading(len(self._items), self._paused, self._jobs, self.current)
        self.query_one("#heading", Lines).show(told)

    def copies(self) -> Sequence[tuple[str, str]]:
        one = self.current
        about = [*of_run(one.run), ("why it waits", one.reason)] if one is not None else []
        return [*about, ("command of the queue", "lab queue ls")]

    def on_frame_table_row_highlighted(self, _: RowHighlighted) -> None:
        self._tell()

    def hidden_actions(self) -> tuple[str, ...]:
        return () if self._items else ("queue.cancel", "queue.hold", "queue.up", "queue.down", "queue.first")

    async def on_frame_table_row_selected(self, event: RowSelected) -> None:
        await self.lab.show_object("run", event.key)

    def _chosen(self) -> list[Waiting]:
        """Those that are marked, else the one under the cursor."""
        keys = set(self.table.selection_keys)
        chosen = [item for item in self._items if item.run.id in keys]
        if not chosen:
            raise UsageError("nothing waits", "n on Runs launches a run")
        return chosen

    async def _do(self, title: str, command: str, work: Callable[[Workspace], Any]) -> None:
        await self.ask(work)
        self.lab.jobs.note(title, command)
        self.reload()

    # Actions

    def action_queue_up(self) -> None:
        self.start(self._move(-1))

    def action_queue_down(self) -> None:
        self.start(self._move(1))

    def action_queue_first(self) -> None:
        self.start(self._move(0))

    async def _move(self, step: int) -> None:
        item = self._chosen()[0]
        to = 1 if not step else item.position + step
        if 1 <= to <= len(self._items):
            command = actions.command(actions.get("queue.up"), id=item.run.id, n=to)
            await self._do(f"{item.run.name} to place {to}", command, lambda ws: ws.queue.move(item.run.id, to))

    def action_queue_hold(self) -> None:
        self.start(self._hold())

    async def _hold(self) -> None:
        chosen = self._chosen()
        ids, held = [item.run.id for item in chosen], not chosen[0].held
        action = f"lab queue {'pause' if held else 'resume'} {' '.join(ids)}"
        await self._do("paused" if held else "resumed", action, lambda ws: ws.queue.hold(ids, held))

    def action_queue_pause(self) -> None:
        paused = not self._paused
        title = "the queue is paused" if paused else "the queue goes on"
        command = f"lab queue {'pause' if paused else 'resume'}"
        self.start(self._do(title, command, lambda ws: ws.queue.pause(paused)))

    def action_queue_jobs(self) -> None:
        self.start(self._limit())

    async def _limit(self) -> None:
        field = ParamSpec("jobs", "runs at a time", "number", self._jobs or "", help="empty: as many as have room",
                      validate=lambda value: None if value == int(value) >= 0 else "a whole number from 0")  # fmt: skip
        values = await self.app.push_screen_wait(FormScreen("How many runs go at a time", [field], submit="Set"))
        if values is not None:
            jobs = int(values.get("jobs", 0))
            command = actions.command(actions.get("queue.jobs"), n=jobs)
            await self._do(f"{jobs or 'any number of'} runs at a time", command, lambda ws: ws.queue.limit(jobs))

    def action_queue_cancel(self) -> None:
        self.start(self._cancel())

    async def _cancel(self) -> None:
        chosen = self._chosen()
        what = chosen[0].run.name if len(chosen) == 1 else f"{len(chosen)} runs"
        if not await confirm(self, f"Cancel {what}?", "What waits never starts.", "Never start", "x"):
            return
        ids = [item.run.id for item in chosen]
        self.table.set_marks([])
        command = actions.command(actions.get("queue.cancel"), ids=ids)
        await self._do(f"cancelled {what}", command, lambda ws: ws.queue.cancel(ids))


def _read(ws: Workspace) -> tuple[Sequence[Waiting], bool, int]:
    return ws.queue.list(), ws.queue.paused, ws.queue.jobs
