"""`lab sweeps …`: plans of many runs."""

from __future__ import annotations

import time
from argparse import Namespace

from lab.cli.context import Context
from lab.cli.declare import Declarations, argument
from lab.cli.formats import format_age, format_local, format_value
from lab.cli.queue_shapes import sweep_shape
from lab.cli.runtable import cell, columns_of, usual_columns
from lab.cli.shapes import listing, run_shape
from lab.cli.tables import Cell, Column, Styled
from lab.domain.axes import axis_text
from lab.domain.directions import Direction
from lab.domain.sweeps import Sweep, SweepState

commands = Declarations("Queue and sweeps")

STYLES = {
    SweepState.RUNNING: "run",
    SweepState.WAITING: "dim",
    SweepState.PAUSED: "warn",
    SweepState.STOPPED: "dim",
    SweepState.FAILED: "fail",
    SweepState.FINISHED: "ok",
}

_REF = argument("ref", metavar="SWEEP", completes="sweep", help="a sweep's name or id, or how one begins")


@commands.add("sweeps", "ls", help="list sweeps: progress, best value, state", example="lab sweeps ls")
def ls(context: Context, args: Namespace) -> int:
    sweeps = context.settled.sweeps.list()
    if context.out.json:
        context.out.document(listing(map(sweep_shape, sweeps)))
        return 0
    if not sweeps:
        context.out.say("no sweeps yet")
        context.out.hint("lab run ENTRY -p lr=0.1,0.01 --seeds 3")
        return 0
    now = time.time()
    columns = [Column("name", keep=True), Column("state"), Column("done", right=True), Column("best", right=True),
               Column("metric"), Column("age", right=True), Column("entry"), Column("what")]  # fmt: skip
    rows: list[list[Cell]] = [
        [
            sweep.name,
            Styled(sweep.state.value, STYLES[sweep.state]),
            f"{sweep.done}/{sweep.total}",
            format_value(sweep.best),
            sweep.metric,
            format_age(sweep.created, now),
            sweep.entry,
            plan_text(sweep),
        ]
        for sweep in sweeps
    ]
    context.out.table(columns, rows)
    return 0


@commands.add(
    "sweeps", "show", help="a sweep and its runs, the best first", example="lab sweeps show calm-otter-42",
    arguments=(_REF,),
)  # fmt: skip
def show(context: Context, args: Namespace) -> int:
    sweeps = context.settled.sweeps
    sweep = sweeps.get(args.ref)
    runs = sweeps.best_first(sweep)
    now = time.time()
    if context.out.json:
        context.out.document({**sweep_shape(sweep), "runs": [run_shape(run, now) for run in runs]})
        return 0
    out, plan = context.out, sweep.plan
    out.line(f"{sweep.name}  {sweep.state.value}  {sweep.done}/{sweep.total}", "bold")
    out.facts(
        [
            ("cause", sweep.cause),
            ("entry", sweep.entry),
            ("plan", plan_text(sweep)),
            ("seeds", ", ".join(map(str, plan.seeds)) if plan else ""),
            ("at a time", str(plan.jobs) if plan and plan.jobs else ""),
            ("on failure", plan.on_failure.text if plan else ""),
            ("best", f"{sweep.metric} {format_value(sweep.best)} in {sweep.best_run}" if sweep.best_run else ""),
            ("created", format_local(sweep.created)),
        ]
    )
    if runs:
        out.line()
        names = usual_columns(runs)
        out.table(columns_of(names, runs), [[cell(run, name, now) for name in names] for run in runs])
    out.hint(f"lab runs ls sweep:{sweep.name}")
    return 0


@commands.add(
    "sweeps",
    "stop",
    help="start no more runs of a sweep, and end those that run",
    example="lab sweeps stop calm-otter-42",
    arguments=(
        _REF,
        argument("--let-run", action="store_true", help="only start no more: what runs goes on to its end"),
    ),
)
def stop(context: Context, args: Namespace) -> int:
    return _tell(context, context.settled.sweeps.stop(args.ref, running=not args.let_run))


@commands.add(
    "sweeps", "pause", help="start no more runs of a sweep until it is resumed", example="lab sweeps pause calm-otter",
    arguments=(_REF,),
)  # fmt: skip
def pause(context: Context, args: Namespace) -> int:
    return _tell(context, context.settled.sweeps.hold(args.ref))


@commands.add(
    "sweeps", "resume", help="let a paused sweep go on", example="lab sweeps resume calm-otter", arguments=(_REF,)
)
def resume(context: Context, args: Namespace) -> int:
    sweep = context.settled.sweeps.hold(args.ref, held=False)
    context.ws.leave_to_driver()
    return _tell(context, sweep)


def _tell(context: Context, sweep: Sweep) -> int:
    if context.out.json:
        context.out.document(sweep_shape(sweep))
    else:
        context.out.line(f"{sweep.name}  {sweep.state.value}  {sweep.done}/{sweep.total}")
    return 0


def plan_text(sweep: Sweep) -> str:
    """`lr=0.1,0.01 depth=2..8, 5 seeds, random 20`; "" where there is no plan."""
    plan = sweep.plan
    if plan is None:
        return ""
    parts = [" ".join(f"{name}={axis_text(axis)}" for name, axis in plan.space.items())]
    parts += [f"{len(plan.seeds)} seeds"] if len(plan.seeds) > 1 else []
    parts += [f"{plan.method.value} {plan.trials}"] if plan.trials else []
    parts += [f"{plan.metric} {'max' if plan.goal is Direction.HIGHER else 'min'}"] if plan.metric else []
    return ", ".join(part for part in parts if part)
