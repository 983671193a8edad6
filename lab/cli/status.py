"""`lab status`: what Home shows: what needs somebody, what runs, waits and serves."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from lab.cli.context import Context
from lab.cli.declare import Declarations, argument
from lab.cli.formats import format_duration, format_utc
from lab.cli.shapes import run_shape
from lab.cli.tables import Cell, Column, Styled
from lab.domain.resources import format_size
from lab.domain.standing import Need, Standing, needs
from lab.domain.text import count_of

commands = Declarations("Project")


@commands.add(
    "status",
    help="what needs you now, what runs, waits and serves",
    example="lab status",
    arguments=(argument("--needs", action="store_true", help="exit 1 if anything needs somebody"),),
)
def status(context: Context, args: Namespace) -> int:
    ws, now = context.settled, time.time()
    standing = ws.standings.look(ws.standings.compare_copies(ws.datasets.list()))
    found = needs(standing, now)
    if context.out.json:
        context.out.document(standing_shape(standing, found, now))
    else:
        _draw(context, standing, found, now)
    return 1 if args.needs and found else 0


def standing_shape(standing: Standing, found: Sequence[Need], now: float) -> dict[str, Any]:
    """`needs` are the worst first; `counts` how many runs have each status; `queue_eta` seconds until the queue
    is empty, null where nobody knows; `free` bytes of disk."""
    return {
        "needs": [need_shape(need) for need in found],
        "running": [run_shape(run, now) for run in standing.running],
        "waiting": [{"name": name, "reason": reason} for name, reason in standing.waiting],
        "paused": standing.paused,
        "queue_eta": standing.queue_eta,
        "deployments": [
            {"id": one.id, "name": one.name, "model": one.model, "version": one.version, "status": one.status.value,
             "cause": one.cause, "url": one.url}
            for one in standing.deployments
        ],
        "counts": dict(standing.counts),
        "datasets": len(standing.datasets),
        "models": standing.models,
        "free": standing.free,
        "notices": list(standing.notices),
    }  # fmt: skip


def need_shape(need: Need) -> dict[str, Any]:
    """`kind` and `id` say what it is about; `since` is null for what is so now."""
    return {
        "level": need.level, "state": need.word, "kind": need.kind, "id": need.id, "name": need.name,
        "told": need.told, "todo": need.todo, "since": format_utc(need.at),
    }  # fmt: skip


def _draw(context: Context, standing: Standing, found: Sequence[Need], now: float) -> None:
    out = context.out
    rows: list[list[Cell]] = [[Styled(need.word, need.level), need.kind, need.name, need.told] for need in found]
    rows += [[Styled(run.status.value, "run"), "run", run.name, _left(run.eta).removeprefix(", ")]
             for run in standing.running]  # fmt: skip
    if standing.waiting:
        name, reason = standing.waiting[0]
        rows.append(
            [
                "waiting",
                "queue",
                count_of(len(standing.waiting), "run"),
                f"{name}: {reason or 'about to start'}{_left(standing.queue_eta)}",
            ]
        )
    rows += [
        [Styled(one.status.value, "ok"), "deployment", one.name, f"{one.model}:v{one.version}  {one.url}"]
        for one in standing.deployments
        if one.status.value == "ready"
    ]
    if rows:
        out.table([Column("state", keep=True), Column("what"), Column("name", keep=True), Column("told")], rows)
    else:
        out.say("nothing needs you")
    total = count_of(sum(standing.counts.values()), "run")
    out.say(f"{total}, {count_of(standing.models, 'model')}, {count_of(len(standing.datasets), 'dataset')}, "
            f"{format_size(standing.free)} free")  # fmt: skip


def _left(eta: float | None) -> str:
    return "" if eta is None else f", about {format_duration(eta)} left"
