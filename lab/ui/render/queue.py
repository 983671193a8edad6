"""What waits, and sweeps, as rows and headings. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence

from lab.domain.axes import axis_text
from lab.domain.directions import Direction
from lab.domain.queue import Waiting
from lab.domain.sweeps import Sweep, SweepState
from lab.ui.render.glyphs import Row as Spans
from lab.ui.render.number import format_age, format_number
from lab.ui.render.rows import Cell, Column, Row
from lab.ui.render.sparkline import bar
from lab.ui.render.status import Level, mark

QUEUE_COLUMNS = (
    Column("position", "#", width=4, sortable=False),
    Column("name", "name", min_width=10, max_width=24, sortable=False),
    Column("why", "why it waits", min_width=40, max_width=90, sortable=False, flex=1),
    Column("params", "parameters", min_width=10, max_width=40, sortable=False),
    Column("sweep", "sweep", min_width=6, max_width=20, sortable=False),
    Column("age", "asked", width=8, sortable=False),
)
SWEEP_COLUMNS = (
    Column("state", "state", min_width=10, sortable=False),
    Column("name", "name", min_width=10, max_width=24, sortable=False),
    Column("done", "done", min_width=18, sortable=False),
    Column("best", "best", min_width=8, max_width=30, sortable=False),
    Column("best_run", "best run", min_width=8, max_width=24, sortable=False),
    Column("failed", "failed", width=7, sortable=False),
    Column("plan", "plan", min_width=10, max_width=80, sortable=False, flex=1),
    Column("age", "age", width=8, sortable=False),
)

_LEVELS: dict[SweepState, Level] = {
    SweepState.RUNNING: "run",
    SweepState.WAITING: "idle",
    SweepState.PAUSED: "warn",
    SweepState.STOPPED: "idle",
    SweepState.FAILED: "fail",
    SweepState.FINISHED: "ok",
}


def queue_row(item: Waiting, now: float) -> Row:
    run = item.run
    params = " ".join(f"{name}={value}" for name, value in run.params.items())
    cells = (
        Cell(str(item.position), "muted"),
        Cell(run.name, "bold"),
        Cell(item.reason or "about to start", "warn" if item.held else ""),
        Cell(params, "muted"),
        Cell(run.sweep, "accent"),
        Cell(format_age(run.created, now), "muted"),
    )
    return Row(run.id, cells)


def queue_heading(waiting: int, paused: bool, jobs: int, current: Waiting | None) -> list[Spans]:
    """How many wait, and in full why the run under the cursor does; `jobs` may go at a time, 0 for no limit."""
    first: Spans = [(f" {waiting:,} wait{'s' if waiting == 1 else ''}", "bold")]
    first += [(f"   {jobs} at a time", "muted")] if jobs else []
    first += [("   the queue is paused: P lets it go on", "warn")] if paused else []
    if current is None:
        return [first]
    return [first, [(f" {current.run.name} ", "bold"), (current.reason or "is about to start", "muted")]]


def sweep_row(sweep: Sweep, now: float) -> Row:
    sign = mark(_LEVELS[sweep.state], sweep.state.value)
    best = "" if sweep.best is None else f"{sweep.metric} {format_number(sweep.best)}"
    cells = (
        Cell(sign.text, sign.token),
        Cell(sweep.name, "bold" if sweep.state.active else ""),
        Cell(f"{sweep.done}/{sweep.total} {bar(sweep.done / sweep.total if sweep.total else 0.0, 8)}", sign.token),
        Cell(best),
        Cell(sweep.best_run, "accent"),
        Cell(str(sweep.failed) if sweep.failed else "", "fail"),
        Cell(plan_text(sweep), "muted"),
        Cell(format_age(sweep.created, now), "muted"),
    )
    return Row(sweep.name, cells)


def sweeps_heading(sweeps: Sequence[Sweep]) -> Spans:
    going = sum(sweep.state.active for sweep in sweeps)
    spans: Spans = [(f" {len(sweeps):,} sweep{'' if len(sweeps) == 1 else 's'}", "bold")]
    return [*spans, (f"   {going} going on", "run")] if going else spans


def plan_text(sweep: Sweep) -> str:
    """`train lr=0.1,0.01 depth=2..8 × 5 seeds, 20 at random, retry 2`."""
    plan = sweep.plan
    if plan is None:
        return sweep.entry
    words = [sweep.entry, *(f"{name}={axis_text(axis)}" for name, axis in plan.space.items())]
    parts = [" ".join(words) + (f" × {len(plan.seeds)} seeds" if len(plan.seeds) > 1 else "")]
    parts += [f"{plan.trials} {plan.method.value}"] if plan.trials else []
    parts += [f"{plan.metric} {'max' if plan.goal is Direction.HIGHER else 'min'}"] if plan.metric else []
    parts += [plan.on_failure.text] if plan.on_failure.what != "continue" else []
    parts += [f"early stop by {plan.pruner.value}"] if plan.pruner else []
    return ", ".join(parts) + (f": {sweep.cause}" if sweep.cause else "")
