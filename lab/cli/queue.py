"""`lab queue …`: runs that wait for room."""

from __future__ import annotations

import threading
import time
from argparse import Namespace
from collections.abc import Sequence

from lab.cli.context import Context
from lab.cli.declare import Declarations, argument
from lab.cli.formats import format_age, format_value
from lab.cli.queue_shapes import waiting_shape
from lab.cli.shapes import listing, run_shape
from lab.cli.tables import Column
from lab.cli.values import count
from lab.domain.runs import Run

commands = Declarations("Queue and sweeps")

_REFS = argument("refs", metavar="REF", nargs="*", completes="run", help="waiting runs (default: the whole queue)")


@commands.add("queue", "ls", help="what waits, in which order, and why", example="lab queue ls")
def ls(context: Context, args: Namespace) -> int:
    queue = context.settled.queue
    items, paused = queue.list(), queue.paused
    now = time.time()
    if context.out.json:
        document = listing(waiting_shape(item, now) for item in items)
        context.out.document({**document, "paused": paused, "jobs": queue.jobs, "driven": queue.driven})
        return 0
    if paused:
        context.out.say("the queue is paused: lab queue resume")
    if queue.jobs:
        context.out.say(f"{_runs(queue.jobs)} at a time: lab queue jobs 0 lets go as many as have room")
    if not items:
        context.out.say("nothing waits")
        return 0
    columns = [Column("#", right=True), Column("name", keep=True), Column("why"), Column("age", right=True),
               Column("sweep"), Column("params")]  # fmt: skip
    rows = [
        [
            str(item.position), item.run.name, item.reason or "about to start", format_age(item.run.created, now),
            item.run.sweep, "  ".join(f"{name} {format_value(value)}" for name, value in item.run.params.items()),
        ]
        for item in items
    ]  # fmt: skip
    context.out.table(columns, rows)
    if queue.startable and not queue.driven:
        context.out.say("no Lab process starts them: lab queue resume")
    return 0


@commands.add(
    "queue",
    "pause",
    help="start nothing more, or not these runs; what runs goes on",
    example="lab queue pause",
    arguments=(_REFS,),
)
def pause(context: Context, args: Namespace) -> int:
    return _hold(context, args.refs, True)


@commands.add(
    "queue",
    "resume",
    help="let the queue, or these runs, start again",
    example="lab queue resume",
    arguments=(_REFS,),
)
def resume(context: Context, args: Namespace) -> int:
    return _hold(context, args.refs, False)


def _hold(context: Context, refs: Sequence[str], held: bool) -> int:
    queue = context.settled.queue
    runs = queue.hold(refs, held) if refs else ()
    if not refs:
        queue.pause(held)
    if not held:
        context.ws.leave_to_driver()
    if context.out.json:
        context.out.document({"paused": queue.paused, **listing(run_shape(run, time.time()) for run in runs)})
        return 0
    what = ", ".join(run.name for run in runs) or "the queue"
    context.out.line(f"{what} {'waits until you resume it' if held else 'goes on'}")
    return 0


@commands.add(
    "queue",
    "cancel",
    help="let waiting runs never start",
    example="lab queue cancel calm-otter-42",
    arguments=(argument("refs", metavar="REF", nargs="+", completes="run", help="waiting runs"),),
)
def cancel(context: Context, args: Namespace) -> int:
    return _tell(context, context.settled.queue.cancel(args.refs), "never starts")


@commands.add(
    "queue",
    "move",
    help="put a waiting run at another place; 1 is the first",
    example="lab queue move calm-otter-42 1",
    arguments=(
        argument("ref", metavar="REF", completes="run", help="a waiting run"),
        argument("position", metavar="N", type=count, help="its place, from 1"),
    ),
)
def move(context: Context, args: Namespace) -> int:
    return _tell(context, [context.settled.queue.move(args.ref, args.position)], f"is number {args.position}")


@commands.add(
    "queue",
    "jobs",
    help="how many runs go at a time, whatever room there is; 0 for as many as have room",
    example="lab queue jobs 2",
    arguments=(argument("jobs", metavar="N", type=count, nargs="?", help="so many (default: tell)"),),
)
def jobs(context: Context, args: Namespace) -> int:
    queue = context.ws.queue
    if args.jobs is not None:
        queue.limit(args.jobs)
        context.ws.leave_to_driver()
    if context.out.json:
        context.out.document({"jobs": queue.jobs})
    else:
        context.out.line(f"{_runs(queue.jobs)} at a time" if queue.jobs else "as many runs at a time as have room")
    return 0


def _runs(count: int) -> str:
    return f"{count} run{'' if count == 1 else 's'}"


def _tell(context: Context, runs: Sequence[Run], what: str) -> int:
    if context.out.json:
        context.out.document(listing(run_shape(run, time.time()) for run in runs))
        return 0
    for run in runs:
        context.out.line(f"{run.name} {what}")
    return 0


@commands.add(
    "queue",
    "drive",
    help="start what waits as soon as there is room, until nothing waits",
    example="lab queue drive",
)
def drive(context: Context, args: Namespace) -> int:
    ws = context.ws
    queue = ws.queue
    driver = ws.driver(until_empty=True)
    driver.run(threading.Event())
    context.tell_notices()
    if context.out.json:
        context.out.document({"waiting": queue.length, "driven": queue.driven})
    else:
        context.out.say("nothing waits that may start" if not queue.driven else "another Lab process drives the queue")
    return 0
