"""Disk: what takes how much room, what could be freed and why the rest stays, and the trash."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.containers import Container

from lab.domain.text import count_of
from lab.errors import UsageError
from lab.ui import actions
from lab.ui.bridge import NOUNS
from lab.ui.jobs import Job
from lab.ui.render import disk
from lab.ui.render.number import format_size
from lab.ui.render.rows import ListSource, Row
from lab.ui.screens import purge_flows
from lab.ui.screens.base import LabScreen
from lab.ui.screens.flows import confirm
from lab.ui.screens.parts import Lines
from lab.ui.screens.tabs import Tabs
from lab.ui.widgets.frame_table import FrameTable
from lab.ui.widgets.table_messages import RowSelected

if TYPE_CHECKING:
    from lab.workspace import Workspace


#: The id that the store writes behind a name which several runs or deployments have.
_SEVERAL = re.compile(r" \(([0-9a-z]+)\)$")


class DiskScreen(LabScreen):
    """Everything is counted when it is opened, and when it is asked for; not whenever something changes."""

    KIND = "disk"
    MODE = "data"
    LEAD = "Open"
    BINDINGS: ClassVar = actions.bindings(actions.of_screen("disk"))

    def __init__(self) -> None:
        super().__init__()
        self._plan: disk.Plan | None = None
        self._batches: Sequence[disk.Batch] = ()

    def trail(self) -> tuple[str, ...]:
        return ("Disk",)

    def body(self) -> ComposeResult:
        yield Lines([[(" counting …", "muted")]], id="heading")
        yield Tabs([("owners", "Who holds what"), ("plan", "What could be freed"), ("trash", "Trash")])
        with Container(id="tab-owners", classes="tab -shown"):
            yield FrameTable(disk.OWNER_COLUMNS, empty="counting …", id="owners", pinned=2)
        with Container(id="tab-plan", classes="tab"):
            yield Lines(id="plan-line")
            yield FrameTable(disk.GC_COLUMNS, empty="looking what is needed …", id="plan", pinned=2)
        with Container(id="tab-trash", classes="tab"):
            yield FrameTable(disk.TRASH_COLUMNS, empty="the trash is empty", id="trash")

    @property
    def tabs(self) -> Tabs:
        return self.query_one(Tabs)

    def _table(self, name: str) -> FrameTable:
        return self.query_one(f"#{name}", FrameTable)

    def hear(self, nouns: frozenset[str]) -> None:
        if nouns >= NOUNS:  # only when everything is asked for afresh: counting walks the whole store
            self.reload()

    async def _read_again(self) -> None:
        """Ages are not worth a walk through the store."""

    async def load(self) -> None:
        usage, free, owned, totals = await self.ask(_usage)
        self.query_one("#heading", Lines).show([disk.usage_heading(usage, free)])
        self._table("owners").set_empty("nothing is stored yet")
        self._table("owners").set_totals(totals)
        self._table("owners").replace(owned)
        self._batches = await self.ask(lambda ws: ws.store.batches())
        self._table("trash").replace(ListSource(disk.trash_rows(self._batches, time.time())))
        self.tabs.note("trash", str(len(self._batches)) if self._batches else "")
        plan, rows = await self.ask(_plan)
        self._plan = plan
        self.query_one("#plan-line", Lines).show(disk.plan_heading(plan))
        self._table("plan").set_empty("nothing is stored yet")
        self._table("plan").replace(rows)
        freeable = plan.object_bytes + plan.cache_bytes
        self.tabs.note("plan", format_size(freeable) if freeable else "")

    def hidden_actions(self) -> tuple[str, ...]:
        plan = self._plan
        nothing = plan is None or not (plan.object_bytes + plan.cache_bytes)
        return (*(("disk.collect",) if nothing else ()), *(() if self._batches else ("disk.restore",)))

    async def on_frame_table_row_selected(self, event: RowSelected) -> None:
        kind, _, name = event.key.partition(" ")
        if event.table.id == "owners" and kind == "dataset":
            await self.app.push_screen(import_module("lab.ui.screens.dataset").DatasetScreen(name))
        elif event.table.id == "owners" and kind == "run":
            await self.lab.show_object("run", await self.ask(lambda ws: ws.runs.get(_id(name) or name).id))
        elif event.table.id == "owners" and kind == "model":
            await self.lab.show_object("model", name.rpartition(":")[0])
        elif event.table.id == "owners" and kind == "deployment":
            id = _id(name)
            await self.lab.show_object("deployment", id or await self.ask(lambda ws: ws.deployments.get(name).id))

    def copies(self) -> Sequence[tuple[str, str]]:
        verb = {"owners": "lab disk", "plan": "lab gc", "trash": "lab gc --trash"}[self.tabs.current]
        key = self._table(self.tabs.current).cursor_key or ""
        return [("command", verb), ({"owners": "holder", "plan": "content", "trash": "batch"}[self.tabs.current], key)]

    def show_tab(self, key: str) -> None:
        self.tabs.choose(key)

    # Actions

    def action_disk_next_tab(self) -> None:
        self.tabs.step(1)

    def action_disk_previous_tab(self) -> None:
        self.tabs.step(-1)

    def action_disk_collect(self) -> None:
        self.start(self._collect())

    async def _collect(self) -> None:
        plan = self._plan
        if plan is None:
            return
        if not plan.object_bytes + plan.cache_bytes:
            raise UsageError("nothing to free: all that is there is needed", "D on Data removes a version first")
        trash, caches = format_size(plan.object_bytes), format_size(plan.cache_bytes)
        consequence = (f"{trash} go to the trash for 14 days, where U brings them back; their room is free after that. "
                       f"{caches} of caches are free at once and are made again when needed.")  # fmt: skip
        if not await confirm(self, f"Free {trash} and {caches} of caches?", consequence, "Free", "F"):
            return
        intended = plan

        async def work(job: Job) -> str:
            freed = await self.lab.bridge.ask(lambda ws: ws.store.collect(intended, job.say))  # type: ignore[arg-type]
            self._again()
            return f"{format_size(freed.bytes)} are in the trash, {format_size(freed.cache_bytes)} are free"

        self.lab.background("freeing space", actions.command(actions.get("disk.collect")), work)

    def action_disk_restore(self) -> None:
        chosen = self._table("trash").cursor_key if self.tabs.current == "trash" else None
        batch = chosen or next((one.id for one in self._batches), None)
        if batch is None:
            self.lab.tell("the trash is empty")
            return

        async def work(_: Job) -> str:
            back = await self.lab.bridge.ask(lambda ws: ws.store.restore(batch))
            self._again()
            runs = f"{count_of(len(back.runs), 'run')}, " if back.runs else ""
            return f"{runs}{back.objects:,} objects and {back.manifests:,} lists are back from the trash"

        command = actions.command(actions.get("disk.restore"), batch=batch)
        self.lab.background(f"bringing back {batch}", command, work)

    def action_disk_prune(self) -> None:
        self.start(purge_flows.prune(self, "P", self._again))

    def action_runs_purge(self) -> None:
        self.start(self._purge())

    async def _purge(self) -> None:
        kind, _, name = (self._table("owners").cursor_key or "").partition(" ")
        if kind != "run" or self.tabs.current != "owners":
            raise UsageError("no run under the cursor", "purge takes runs: the first tab lists who holds what")
        await purge_flows.purge(self, [_id(name) or name], self._again)

    def _again(self) -> None:
        """Count once more, if this is still there."""
        if self.is_mounted:
            self.reload()


def _id(holder: str) -> str:
    """The id behind a name that several have, "" for a name that means one."""
    found = _SEVERAL.search(holder)
    return found[1] if found else ""


# Every run and every content is a row: they are made on the core's threads, not on the loop.


def _usage(ws: Workspace) -> tuple[disk.Usage, int, ListSource, Row]:
    usage = ws.store.usage()
    free = shutil.disk_usage(ws.home.root).free
    return usage, free, ListSource(disk.owner_rows(usage)), disk.owner_totals(usage)


def _plan(ws: Workspace) -> tuple[disk.Plan, ListSource]:
    plan = ws.store.plan()
    return plan, ListSource(disk.plan_rows(plan, ws.store.owners()))
