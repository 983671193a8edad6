"""`lab runs …`: what has run, what runs, and what to make of it."""

from __future__ import annotations

import shlex
import time
from argparse import Namespace

from lab.cli import capture_shapes
from lab.cli.context import Context
from lab.cli.declare import Declarations, argument
from lab.cli.fate import see_through, tell
from lab.cli.formats import format_duration, format_local, format_value
from lab.cli.runtable import STYLES
from lab.cli.shapes import run_detail, run_shape
from lab.cli.tables import Column
from lab.cli.values import positive
from lab.domain.capture import Capture
from lab.domain.resources import format_size
from lab.domain.runs import IMPORTED, Run, RunSpec
from lab.domain.text import count_of
from lab.errors import NotFoundError

commands = Declarations("Runs")

_REF = argument("ref", metavar="REF", completes="run", help="a run's name or id, or how one begins")


@commands.add("runs", "show", help="everything about one run", example="lab runs show calm-otter-42", arguments=(_REF,))
def show(context: Context, args: Namespace) -> int:
    run = context.settled.runs.get(args.ref)
    folder = str(context.settled.runs.folder(run.id).root)
    spec = _spec(context, run)
    capture = context.ws.captures.known(run.id) if spec else None
    if context.out.json:
        firings = context.ws.runs.guards.fired(run) if run.guards else ()
        context.out.document(run_detail(run, spec, folder, time.time(), capture, firings))
        return 0
    out = context.out
    out.line(f"{run.name}  {run.cause or run.status.value}", STYLES[run.status])
    out.facts(
        [
            ("id", run.id),
            ("project", run.project),
            ("entry", run.entry),
            ("command", shlex.join(spec.shown) if spec else ""),
            ("status", run.status.value),
            ("engine", run.engine),
            ("image", run.image),
            ("created", format_local(run.created)),
            ("started", format_local(run.started)),
            ("ended", format_local(run.ended)),
            ("took", format_duration(run.duration(time.time()))),
            ("eta", format_duration(run.eta) if run.eta is not None else ""),
            ("memory", _memory(run)),
            ("cpu time", format_duration(run.cpu_time) if run.cpu_time is not None else ""),
            ("seed", str(run.seed)),
            ("sweep", run.sweep),
            ("data", ", ".join(f"{name}@{version}" for name, version in run.datasets.items())),
            ("code", _code(spec)),
            ("badge", _badge(run)),
            ("reproduces", _reproduces(run)),
            ("tags", ", ".join(run.tags)),
            ("notes", run.notes),
            ("starred", "yes" if run.starred else ""),
            ("archived", "yes" if run.archived else ""),
            ("folder", folder),
        ]
    )
    for firing in context.ws.runs.guards.fired(run) if run.guards else ():
        out.line(f"guard '{firing.guard}' fired ({firing.do}): {firing.evidence}", "warn")
    if run.params:
        out.line()
        out.table([Column("param", keep=True), Column("value")], [[k, format_value(v)] for k, v in run.params.items()])
    if run.metrics:
        out.line()
        titles = ("last", "min", "max", "mean", "count")
        out.table(
            [Column("metric", keep=True), *(Column(title, right=True) for title in titles)],
            [[name, *(format_value(getattr(item, title)) for title in titles)] for name, item in run.metrics.items()],
        )
    if capture is not None:
        _tell_capture(context, capture)
    return 0


def _tell_capture(context: Context, capture: Capture) -> None:
    """What went into the run beyond what stands above, and what it left."""
    context.out.line()
    context.out.line("capture", "bold")
    context.out.facts(capture_shapes.facts(capture))
    rows = capture_shapes.outputs(capture)
    if rows:
        context.out.line()
        context.out.table(
            [Column("output", keep=True), Column("kind"), Column("size", right=True), Column("sha256")], rows
        )
        if len(capture.outputs) > len(rows):
            context.out.say(f"the first {len(rows)} of {len(capture.outputs)} outputs; --json has all")


def _spec(context: Context, run: Run) -> RunSpec | None:
    if run.engine == IMPORTED:  # nobody asked Lab to run it
        return None
    try:
        return context.settled.runs.spec(run.id)
    except NotFoundError as error:
        context.out.say(error.message)
        return None


def _memory(run: Run) -> str:
    parts = [] if run.peak_memory is None else [f"peak {format_size(run.peak_memory)}"]
    return ", ".join([*parts, *([f"at most {format_size(run.memory)}"] if run.memory else [])])


def _badge(run: Run) -> str:
    return f"{run.badge.value}: {run.badge_note}" if run.badge_note else run.badge.value


def _reproduces(run: Run) -> str:
    return f"{run.reproduces}, but {run.swapped} not as there" if run.swapped else run.reproduces


def _code(spec: RunSpec | None) -> str:
    if spec is None:
        return ""
    commit = f", commit {spec.code.commit[:12]}{' with changes' if spec.code.dirty else ''}" if spec.code.commit else ""
    partial = f", PARTIAL: {len(spec.code.skipped)} left out for their size" if spec.code.partial else ""
    return f"{count_of(spec.code.files, 'file')}, {format_size(spec.code.size)}{commit}{partial}"


@commands.add("runs", "stop", help="end a run", example="lab runs stop calm-otter-42", arguments=(_REF,))
def stop(context: Context, args: Namespace) -> int:
    run = context.settled.runs.stop(args.ref)
    if context.out.json:
        context.out.document(run_shape(run, time.time()))
    else:
        tell(context, run)
    return 0


@commands.add(
    "runs",
    "wait",
    help="wait for a run's end; exit 0 only if it finished",
    example="lab runs wait calm-otter-42",
    arguments=(_REF, argument("--timeout", metavar="SECONDS", type=positive, help="give up after so long")),
)
def wait(context: Context, args: Namespace) -> int:
    return see_through(context, context.settled.runs.get(args.ref), follow=False, timeout=args.timeout)
