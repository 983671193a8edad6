"""`lab runs diff|reseed`: a run beside the one before it, and more of the same with other seeds."""

from __future__ import annotations

import time
from argparse import Namespace

from lab.cli.changing import draw
from lab.cli.context import Context
from lab.cli.declare import Declarations, argument
from lab.cli.shapes import listing, run_shape
from lab.cli.values import count
from lab.cli.verdict_shapes import run_changes_shape
from lab.domain.runs import RunStatus
from lab.errors import UsageError

commands = Declarations("Runs")


@commands.add(
    "runs",
    "diff",
    help="what changed since the run before: code, data, environment, parameters",
    example="lab runs diff calm-otter-42",
    arguments=(
        argument("ref", metavar="RUN", completes="run", help="a run's name or id, or how one begins"),
        argument(
            "other",
            metavar="OTHER",
            nargs="?",
            default="",
            completes="run",
            help="the run before (default: the last earlier one of its entry)",
        ),
        argument("--brief", action="store_true", help="without the text of the code"),
    ),
)
def diff(context: Context, args: Namespace) -> int:
    runs = context.settled.runs
    changed = runs.changes(args.ref, args.other)
    text = () if args.brief else runs.code_diff(changed)
    if context.out.json:
        context.out.document(run_changes_shape(changed, text))
    else:
        draw(context.out, changed, text)
    return 0


@commands.add(
    "runs",
    "reseed",
    help="launch runs again with seeds that they have not had",
    example="lab runs reseed calm-otter-42 brisk-heron-07 --more 2",
    arguments=(
        argument("refs", metavar="REF", nargs="+", completes="run", help="one run of each group of seeds, or more"),
        argument("--more", metavar="N", type=count, default=1, help="so many seeds for each group (default: 1)"),
    ),
)
def reseed(context: Context, args: Namespace) -> int:
    if not args.more:
        raise UsageError("--more 0 launches nothing", "lab runs reseed REF --more 2")
    ws = context.settled
    comparison = ws.runs.compare(args.refs)
    requests = ws.runs.more_seeds(comparison, dict.fromkeys(range(len(comparison.groups)), args.more))
    launched = []
    for request in requests:
        launched.append(ws.queue.launch(request, context.out.progress))
        if not context.out.json:
            context.out.line(f"{launched[-1].id}  {launched[-1].name}  seed {launched[-1].seed}")
    context.tell_notices()
    if any(run.status is RunStatus.QUEUED for run in launched):
        context.tell_driver()
    if context.out.json:
        context.out.document(listing(run_shape(run, time.time()) for run in launched))
    return 0
