"""`lab init`, `demo`, `doctor`, `rebuild`, `watch`: the project and the lab home as a whole."""

from __future__ import annotations

import signal
import threading
import time
from argparse import Namespace
from collections.abc import Sequence
from types import FrameType

from lab.cli.context import Context
from lab.cli.declare import Declarations, argument
from lab.cli.formats import format_duration
from lab.cli.shapes import check_shape, demo_shape, listing
from lab.cli.tables import Cell, Column, Styled
from lab.domain.demo import DemoStep
from lab.domain.event import Event

commands = Declarations("Project")


@commands.add(
    "init",
    help="write a lab.toml for a folder",
    example="lab init",
    arguments=(
        argument("folder", metavar="DIR", nargs="?", default=".", completes="path", help="default: this folder"),
    ),
)
def init(context: Context, args: Namespace) -> int:
    path = context.ws.projects.init(context.path(args.folder).resolve())
    if context.out.json:
        name = next(item.name for item in context.ws.projects.list() if item.root == str(path.parent))
        context.out.document({"id": name, "name": name, "path": str(path), "root": str(path.parent)})
        return 0
    context.out.line(str(path))
    context.out.hint("look it over, then: lab run ENTRY")
    return 0


@commands.add(
    "demo",
    help="see it all once: data, runs, model, deployment, predictions",
    example="lab demo",
    arguments=(
        argument(
            "--project",
            metavar="NAME",
            default="digits",
            completes="digits|breast-cancer|diabetes",
            help="digits, breast-cancer or diabetes (default: digits)",
        ),
        argument("--engine", metavar="E", default="", completes="docker|process", help="docker or process"),
    ),
)
def demo(context: Context, args: Namespace) -> int:
    out = context.out

    def done(step: DemoStep) -> None:
        mark = out.mark(step.ok)
        out.say(f"{mark} {step.name:<12} {format_duration(step.seconds):>7}  {step.detail}")

    try:
        report = context.open(args.engine).demo.run(args.project, on_step=done, progress=out.progress)
    except KeyboardInterrupt:
        out.say("interrupted; what runs goes on, and `lab demo` continues from here")
        raise
    if out.json:
        out.document(demo_shape(report))
    else:
        out.line(
            f"{report.metric} {report.accuracy:.4f} on held-out rows, answered by the deployment {report.deployment}"
        )
        out.hint("run `lab`, then press 5 for the deployment and 3 for the runs")
    return 0 if all(step.ok for step in report.steps) else 1


@commands.add("doctor", help="look at everything that Lab needs; exit 0 only if all is well", example="lab doctor")
def doctor(context: Context, args: Namespace) -> int:
    out = context.out
    checks = context.ws.doctor()
    if out.json:
        out.document(listing(check_shape(check) for check in checks))
    else:
        rows: list[list[Cell]] = [
            [Styled("ok" if item.ok else "no", "ok" if item.ok else "fail"), item.name, item.detail] for item in checks
        ]
        out.table([Column("", keep=True), Column("check", keep=True), Column("finding", keep=True)], rows)
        for check in checks:
            if not check.ok and check.hint:
                out.hint(f"{check.name}: {check.hint}")
    return 0 if all(check.ok for check in checks) else 1


@commands.add("rebuild", help="make the index anew from the files", example="lab rebuild")
def rebuild(context: Context, args: Namespace) -> int:
    began = time.monotonic()
    events = context.ws.rebuild()
    seconds = time.monotonic() - began
    if context.out.json:
        context.out.document({"events": events, "seconds": seconds})
    else:
        context.out.line(f"rebuilt from {events:,} events in {format_duration(seconds)}")
    return 0


@commands.add("watch", help="look after runs and deployments without a screen, until Ctrl-C", example="lab watch")
def watch(context: Context, args: Namespace) -> int:
    out, ended = context.out, threading.Event()
    began, seen = time.monotonic(), 0

    def tell(events: Sequence[Event]) -> None:
        nonlocal seen
        seen += len(events)
        for event in events:
            out.say(f"{event.type}  {event.subject}")

    def end(_signal: int, _frame: FrameType | None) -> None:
        ended.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    unsubscribe = context.ws.subscribe(tell)
    context.ws.start()
    out.say("watching; Ctrl-C ends it, and nothing that runs")
    ended.wait()
    unsubscribe()
    if out.json:
        out.document({"events": seen, "seconds": time.monotonic() - began})
    return 0
