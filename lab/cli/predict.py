"""`lab predict`: a whole table through a model."""

from __future__ import annotations

import time
from argparse import Namespace
from pathlib import Path

from lab.cli.context import Context
from lab.cli.declare import Declarations, argument
from lab.cli.fate import DETACHED, detach
from lab.cli.formats import format_duration, log_line
from lab.cli.shapes import run_shape
from lab.cli.values import count
from lab.domain.batch import CHUNK, BatchRequest
from lab.domain.resources import format_size
from lab.domain.runs import Run, RunStatus

commands = Declarations("Models")


@commands.add(
    "predict",
    help="predict a whole table with a model, in a container, as a run",
    example="lab predict digits@champion data.parquet -o predicted.parquet",
    arguments=(
        argument("ref", metavar="MODEL@ALIAS", completes="model", help="NAME (the latest), NAME:v3 or NAME@ALIAS"),
        argument("source", metavar="INPUT", completes="path", help="a table, a folder of them, or a dataset's NAME@V"),
        argument(
            "-o", "--output", metavar="FILE", required=True, completes="path",
            help="where to: .parquet, .csv, .tsv or .jsonl; the input's columns, then the predictions",
        ),
        argument("--chunk", metavar="N", type=count, default=CHUNK, help=f"rows held at a time (default: {CHUNK})"),
        argument("--name", metavar="NAME", default="", help="the run's name (default: one is made up)"),
        argument("--engine", metavar="E", default="", completes="docker|process", help="docker or process"),
    ),
)  # fmt: skip
def predict(context: Context, args: Namespace) -> int:
    out, ws = context.out, context.ws
    target = context.path(args.output)
    request = BatchRequest(args.ref, args.source, target, args.chunk, args.name, args.engine)
    run = ws.batch.launch(request, context.folder, out.progress)
    context.tell_notices()
    if run.status is RunStatus.QUEUED:
        out.say(f"{run.name} {ws.queue.reason(run.id) or 'is about to start'}")
        ws.drive()
    try:
        ended = _watch(context, run)
    except KeyboardInterrupt:
        detach(context, run)
        out.hint(f"its predictions will be in {_made(context, run, target)}")
        return DETACHED
    ws.batch.fetch(ended, target)
    if out.json:
        out.document({**run_shape(ended, time.time()), "output": str(target)})
        return 0
    rows = int(ended.metrics["rows"].last) if "rows" in ended.metrics else 0
    took = format_duration(ended.duration(time.time()))
    out.line(f"{target}  {rows:,} rows  {format_size(target.stat().st_size)}  {took}  by run {ended.name}")
    return 0


def _watch(context: Context, run: Run) -> Run:
    """Tell how far it is until it ends."""
    for line in context.ws.runs.logs.follow(run.id, lambda: False):
        if line.startswith("batch "):
            context.out.progress(log_line(line))
    return context.ws.runs.wait(run.id, None)


def _made(context: Context, run: Run, target: Path) -> Path:
    return context.ws.runs.folder(run.id).artifacts / f"predictions{target.suffix.lower()}"
