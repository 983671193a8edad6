"""Waiting for a run: what it prints meanwhile, how it ended, and Ctrl-C, which leaves it running."""

from __future__ import annotations

import time

from lab.cli.context import Context
from lab.cli.formats import format_duration, format_value, log_line
from lab.cli.queue_shapes import sweep_shape
from lab.cli.runtable import STYLES
from lab.cli.shapes import run_shape
from lab.domain.runs import Run, RunStatus
from lab.domain.sweeps import Sweep, SweepState
from lab.errors import LabError

_POLL = 0.2  # seconds between two looks at a sweep

#: The exit code of a command that Ctrl-C ended.
DETACHED = 130


def see_through(context: Context, run: Run, *, follow: bool, timeout: float | None = None) -> int:
    """Wait until `run` has ended, showing its log with `follow`, and tell its fate: 0 finished, 1 anything else.

    Ctrl-C detaches. Raises LabError when it goes on after `timeout` seconds.
    """
    try:
        context.out.say(f"{run.name} ({run.id}) is {run.status.value}")
        if follow:
            for line in context.ws.runs.logs.follow(run.id, _never):
                context.out.log(log_line(line))
        ended = context.ws.runs.wait(run.id, timeout)
    except KeyboardInterrupt:
        detach(context, run)
        if context.out.json:
            context.out.document(run_shape(context.ws.runs.get(run.id), time.time()))
        return DETACHED
    if ended.status.active:
        raise LabError(
            f"{run.name} is still {ended.status.value} after {format_duration(timeout)}", f"lab runs wait {run.name}"
        )
    for firing in context.ws.runs.guards.fired(ended) if ended.guards else ():
        context.out.say(f"guard '{firing.guard}' fired: {firing.evidence}")
    if context.out.json:
        context.out.document(run_shape(ended, time.time()))
    else:
        tell(context, ended)
    return 0 if ended.status is RunStatus.FINISHED else 1


def see_sweep_through(context: Context, sweep: Sweep) -> int:
    """Wait until `sweep` is over, telling of each run that ends: 0 if all of them finished or were stopped early, else
    1. Ctrl-C detaches."""
    told: set[str] = set()
    try:
        while True:
            context.ws.refresh()
            sweep = context.ws.sweeps.get(sweep.name)
            for run in context.ws.sweeps.runs(sweep):
                if run.id not in told and not run.status.active:
                    told.add(run.id)
                    context.out.say(f"{sweep.done}/{sweep.total}  {_fate(run)}")
            if not sweep.state.active:
                break
            context.tell_notices()
            time.sleep(_POLL)
    except KeyboardInterrupt:
        context.out.say(f"detached; the sweep goes on: lab sweeps show {sweep.name}")
        if context.out.json:
            context.out.document(sweep_shape(sweep))
        return DETACHED
    if context.out.json:
        context.out.document(sweep_shape(sweep))
    else:
        best = f"  best {sweep.metric} {format_value(sweep.best)} in {sweep.best_run}" if sweep.best_run else ""
        context.out.line(f"{sweep.name}  {sweep.state.value}  {sweep.done}/{sweep.total}{best}")
        context.out.hint(f"lab sweeps show {sweep.name}")
    return 0 if sweep.state is SweepState.FINISHED and not sweep.failed else 1


def _fate(run: Run) -> str:
    metrics = "  ".join(f"{name} {format_value(summary.last)}" for name, summary in list(run.metrics.items())[:6])
    took = format_duration(run.duration(time.time()))
    return f"{run.name}  {run.cause or run.status.value}  {took}  {metrics}".rstrip()


def detach(context: Context, run: Run) -> None:
    """Say that only the looking has ended."""
    context.out.say(f"detached; the run goes on: lab runs logs {run.name} --follow")


def tell(context: Context, run: Run) -> None:
    """One line on how a run ended, and where to look when it failed."""
    context.out.line(_fate(run), STYLES[run.status])
    if run.status in (RunStatus.FAILED, RunStatus.INTERRUPTED, RunStatus.LOST):
        context.out.hint(f"lab runs logs {run.name} --tail 20")


def _never() -> bool:
    return False
