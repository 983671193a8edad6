"""Home: what needs you now."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult

from lab.domain.datasets import Dataset
from lab.domain.deployments import Deployment, Health
from lab.domain.guards import Firing
from lab.domain.query import Condition, RunQuery
from lab.domain.runs import Run, RunStatus
from lab.ui import actions
from lab.ui.render.glyphs import Row as Spans
from lab.ui.render.glyphs import glyphs
from lab.ui.render.number import format_age, format_duration, format_number, format_size
from lab.ui.render.rows import Cell, Column, ListSource, Row
from lab.ui.render.status import deployment_mark, mark, run_mark
from lab.ui.screens.base import LabScreen
from lab.ui.screens.parts import Lines
from lab.ui.screens.run_cells import headline, progress_text
from lab.ui.widgets.frame_table import FrameTable
from lab.ui.widgets.table_messages import RowSelected

if TYPE_CHECKING:
    from lab.workspace import Workspace

#: A run that failed longer ago than this, seconds, no longer needs anyone.
_RECENT = 86400.0
_RUNNING, _FAILED, _FIRED, _LATEST, _DATASETS = 20, 5, 5, 5, 8
#: Below this many free bytes the disk needs you.
_LOW_DISK = 2 * 1024**3

_COLUMNS = (
    Column("state", "state", min_width=11, sortable=False),
    Column("kind", "what", sortable=False),
    Column("name", "name", min_width=10, max_width=26, sortable=False),
    Column("detail", "detail", min_width=12, max_width=200, sortable=False, flex=1),
    Column("when", "when", width=9, sortable=False),
)
_EMPTY = """Nothing here yet. Three ways to begin:

D   watch Lab carry a model through its life, on real digits   (lab demo)
i   make this folder a project                                 (lab init)
n   launch a run of this project                               (lab run)
"""


@dataclass(frozen=True)
class Picture:
    """What Home shows, read at one time."""

    counts: Mapping[str, int]
    running: Sequence[Run]
    waiting: Sequence[tuple[str, str]]  # name and reason of what waits, the first first
    failed: Sequence[Run]
    fired: Sequence[tuple[Firing, Run]]
    latest: Sequence[Run]
    deployments: Sequence[Deployment]
    health: Mapping[str, Health]
    datasets: Sequence[Dataset]
    models: int
    free: int
    notices: Sequence[str]


def read_picture(ws: Workspace) -> Picture:
    """Everything that Home needs, in one go on a core thread."""
    now = time.time()
    return Picture(
        counts=ws.runs.counts(),
        running=_active(ws),
        waiting=_waiting(ws),
        failed=[run for run in _by_status(ws, RunStatus.FAILED, _FAILED)
                + _by_status(ws, RunStatus.INTERRUPTED, _FAILED) + _by_status(ws, RunStatus.LOST, _FAILED)
                if now - (run.ended or run.created) < _RECENT][:_FAILED],
        fired=_fired(ws),
        latest=_by_status(ws, RunStatus.FINISHED, _LATEST),
        deployments=[one for one in ws.deployments.list() if one.status.active or one.status.value == "failed"][:20],
        health={},
        datasets=ws.datasets.list(),
        models=len(ws.models.list()),
        free=shutil.disk_usage(ws.home.root).free,
        notices=[*ws.notices, *ws.problems()],
    )  # fmt: skip


def _fired(ws: Workspace) -> list[tuple[Firing, Run]]:
    """Guards that fired of late; a run that one stopped is told once."""
    found = {}
    for firing in reversed(ws.runs.guards.recent(_RECENT, _FIRED)):
        if firing.run not in found or firing.do == "stop":
            found[firing.run] = firing
    return [(firing, ws.runs.get(id)) for id, firing in reversed(found.items())]


def _by_status(ws: Workspace, status: RunStatus, limit: int) -> list[Run]:
    return list(ws.runs.list(RunQuery((Condition("status", "=", status.value),), limit=limit)).items)


def _active(ws: Workspace) -> list[Run]:
    return _by_status(ws, RunStatus.RUNNING, _RUNNING) + _by_status(ws, RunStatus.CREATED, _RUNNING)


def _waiting(ws: Workspace) -> list[tuple[str, str]]:
    """Nothing of the queue is loaded where nothing waits."""
    return [(item.run.name, item.reason) for item in ws.queue.list()] if ws.runs.counts().get("queued") else []


def home_rows(picture: Picture, now: float) -> list[Row]:
    """What runs, what failed, what serves, what has ended, what data there is: the most urgent first."""
    rows = [_running_row(run, now) for run in picture.running]
    rows += [_fired_row(firing, run, now) for firing, run in picture.fired]
    rows += [_waiting_row(picture.waiting)] if picture.waiting else []
    rows += [_failed_row(run, now) for run in picture.failed]
    rows += [_deployment_row(one, picture.health.get(one.id), now) for one in picture.deployments]
    rows += [_ended_row(run, now) for run in picture.latest]
    rows += [_dataset_row(one, now) for one in picture.datasets[:_DATASETS]]
    return rows


def _running_row(run: Run, now: float) -> Row:
    sign = run_mark(run.status)
    detail = "   ".join(part for part in (progress_text(run), headline(run)) if part)
    elapsed = format_duration(now - (run.started or run.created))
    return _row("run", run.id, Cell(sign.text, sign.token), "run", Cell(run.name, "bold"), Cell(detail), elapsed)


def _waiting_row(waiting: Sequence[tuple[str, str]]) -> Row:
    """All that waits, in one row: the reason of the first is why the others wait too."""
    name, reason = waiting[0]
    sign = run_mark(RunStatus.QUEUED)
    return _row("queue", "all", Cell(sign.text, sign.token), "queue", Cell(f"{len(waiting):,} waiting", "bold"),
                Cell(f"{reason or 'about to start'} ({name})"), "")  # fmt: skip


def _failed_row(run: Run, now: float) -> Row:
    sign = run_mark(run.status)
    detail = Cell(run.cause or "no cause known", sign.token)
    return _row("run", run.id, Cell(sign.text, sign.token), "run", Cell(run.name), detail, format_age(run.ended, now))


def _fired_row(firing: Firing, run: Run, now: float) -> Row:
    sign = mark("warn", "stopped" if firing.do == "stop" else "guard")
    detail = Cell(f"guard '{firing.guard}': {firing.evidence}", sign.token)
    return _row("run", run.id, Cell(sign.text, sign.token), "run", Cell(run.name), detail, format_age(firing.at, now))


def _ended_row(run: Run, now: float) -> Row:
    sign = run_mark(run.status)
    detail = Cell(headline(run, 3) or run.cause, "muted")
    return _row("run", run.id, Cell(sign.text, sign.token), "run", Cell(run.name), detail, format_age(run.ended, now))


def _deployment_row(one: Deployment, health: Health | None, now: float) -> Row:
    sign = deployment_mark(one.status)
    parts = [f"{one.model}:v{one.version}", one.url if one.status.active else one.cause]
    if health is not None and health.rate:
        parts.append(f"{format_number(health.rate, 3)} requests/s")
    if health is not None and health.p95 is not None:
        parts.append(f"p95 {format_duration(health.p95)}")
    detail = Cell("   ".join(part for part in parts if part))
    return _row("deployment", one.id, Cell(sign.text, sign.token), "deployment", Cell(one.name), detail,
                format_age(one.created, now))  # fmt: skip


def _dataset_row(one: Dataset, now: float) -> Row:
    sign = mark("ok", one.latest.label)
    rows = "" if one.latest.rows is None else f"{one.latest.rows:,} rows   "
    detail = Cell(f"{rows}{format_size(one.latest.bytes)}   {one.path}", "muted")
    return _row("dataset", one.id, Cell(sign.text, sign.token), "data", Cell(one.name), detail,
                format_age(one.latest.created, now))  # fmt: skip


def _row(kind: str, key: str, state: Cell, word: str, name: Cell, detail: Cell, when: str) -> Row:
    return Row(f"{kind} {key}", (state, Cell(word, "muted"), name, detail, Cell(when, "muted")))


def home_heading(picture: Picture) -> Spans:
    """One line of counts."""
    counts = picture.counts
    bad = sum(counts.get(status, 0) for status in ("failed", "interrupted", "lost"))
    running = counts.get("running", 0) + counts.get("created", 0)
    ready = sum(one.status.value == "ready" for one in picture.deployments)
    parts = [
        *([(f"{running} running", "run")] if running else []),
        *([(f"{counts['queued']:,} waiting", "idle")] if counts.get("queued") else []),
        *([(f"{bad:,} failed", "fail" if picture.failed else "muted")] if bad else []),
        *([(f"{ready} serving", "ok")] if ready else []),
        (_count(sum(counts.values()), "run"), ""),
        (_count(picture.models, "model"), ""),
        (_count(len(picture.datasets), "dataset"), ""),
        (f"{format_size(picture.free)} free", "warn bold" if picture.free < _LOW_DISK else "muted"),
    ]
    spans: Spans = [(" ", "")]
    for index, (text, token) in enumerate(parts):
        spans += [(text, token)] if not index else [(" · ", "muted"), (text, token)]
    return spans


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def notice_rows(notices: Sequence[str], most: int = 3) -> list[Spans]:
    """Warnings, newest last; how many more there are."""
    rows: list[Spans] = [[(f" {glyphs().warn} {notice}", "warn")] for notice in notices[-most:]]
    if len(notices) > most:
        rows.append([(f"   and {len(notices) - most} more: lab doctor tells all", "muted")])
    return rows


class HomeScreen(LabScreen):
    KIND = "home"
    MODE = "home"
    NOUNS = frozenset({"runs", "deployments", "datasets", "models", "projects"})
    BINDINGS: ClassVar = actions.bindings(actions.of_screen("home"))

    def __init__(self) -> None:
        super().__init__()
        self._picture: Picture | None = None

    def body(self) -> ComposeResult:
        yield Lines([[(" opening the lab …", "muted")]], id="heading")
        yield Lines(id="notices")
        yield FrameTable(_COLUMNS, empty="", id="now", pinned=0)

    def on_mount(self) -> None:
        super().on_mount()
        self.every(0.5, "live", self._look_at_runs)
        self.every(1.0, "health", self._look_at_deployments)

    async def load(self) -> None:
        before = self._picture.health if self._picture else {}
        picture = await self.ask(read_picture)
        self._picture = replace(picture, health=before)
        self._fill()

    def hidden_actions(self) -> tuple[str, ...]:
        return ("home.init",) if self.lab.project else ("home.launch",)

    def _fill(self) -> None:
        picture = self._picture
        if picture is None:
            return
        self.query_one("#heading", Lines).show([home_heading(picture)])
        self.query_one("#notices", Lines).show(notice_rows([*self.lab.notices, *picture.notices]))
        table = self.query_one(FrameTable)
        table.set_empty(_EMPTY)
        at_top = table.cursor_index == 0
        table.replace(ListSource(home_rows(picture, time.time())))
        if at_top:  # what comes in above is what is wanted here, so the cursor does not go down with its row
            table.action_first()

    async def _look_at_runs(self) -> None:
        """Progress of what runs, twice a second."""
        if self._picture is not None and self._picture.running:
            running = await self.ask(_active)
            self._picture = replace(self._picture, running=running)
            self._fill()

    async def _look_at_deployments(self) -> None:
        if self._picture is not None:
            up = [one.id for one in self._picture.deployments if one.status.active]
            if up:
                health = await self.ask(lambda ws: {id: ws.deployments.health(id) for id in up})
                self._picture = replace(self._picture, health=health)
                self._fill()

    async def on_frame_table_row_selected(self, event: RowSelected) -> None:
        kind, _, key = event.key.partition(" ")
        await self.lab.show_object(kind, key)

    def action_home_launch(self) -> None:
        self._flow("launch")

    def action_home_init(self) -> None:
        self._flow("init_project")

    def action_home_demo(self) -> None:
        self._flow("demonstrate")

    def _flow(self, name: str) -> None:
        """Dialogs load when one is first asked for: the first paint does not wait for them."""
        self.start(getattr(import_module("lab.ui.screens.flows"), name)(self))
