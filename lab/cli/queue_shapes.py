"""JSON shapes of sweeps and of what waits in the queue."""

from __future__ import annotations

from lab.cli.formats import format_utc
from lab.cli.shapes import Shape, run_shape
from lab.domain.axes import axis_text
from lab.domain.queue import Waiting
from lab.domain.sweeps import Sweep


def waiting_shape(item: Waiting, now: float) -> Shape:
    """A run with its `position` from 1 and the `reason` why it waits, "" when it is about to start."""
    return {**run_shape(item.run, now), "position": item.position, "reason": item.reason, "held": item.held}


def sweep_shape(sweep: Sweep) -> Shape:
    """`params` are as they are typed; what only a plan knows is null for runs that merely share a sweep's name."""
    plan = sweep.plan
    return {
        "id": sweep.id,
        "name": sweep.name,
        "project": sweep.project,
        "entry": sweep.entry,
        "state": sweep.state.value,
        "cause": sweep.cause,
        "done": sweep.done,
        "total": sweep.total,
        "queued": sweep.queued,
        "running": sweep.running,
        "finished": sweep.finished,
        "failed": sweep.failed,
        "metric": sweep.metric,
        "best": sweep.best,
        "best_run": sweep.best_run,
        "created": format_utc(sweep.created),
        "ended": format_utc(sweep.ended),
        "method": plan.method.value if plan else None,
        "params": {name: axis_text(axis) for name, axis in plan.space.items()} if plan else None,
        "seeds": list(plan.seeds) if plan else None,
        "jobs": plan.jobs if plan else None,
        "on_failure": plan.on_failure.text if plan else None,
        "early_stop": bool(plan.pruner) if plan else None,
        "pruner": plan.pruner.value if plan else None,
    }
