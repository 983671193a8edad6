"""`lab runs values|system|files`: what the tabs of a run show, in full."""

from __future__ import annotations

import time
from argparse import Namespace

from lab.cli.context import Context
from lab.cli.declare import Declarations, argument
from lab.cli.formats import format_age, format_duration, format_local, format_utc, format_value
from lab.cli.shapes import listing
from lab.cli.tables import Column
from lab.domain.resources import format_size
from lab.domain.text import clean
from lab.errors import NotFoundError

commands = Declarations("Runs")

_REF = argument("ref", metavar="REF", completes="run", help="a run's name or id, or how one begins")
_SHOWN = 40  # lines that are shown to people; JSON has them all


@commands.add(
    "runs",
    "values",
    help="every value of a run's metrics, with step and time",
    example="lab runs values calm-otter-42 loss --json",
    arguments=(_REF, argument("metrics", metavar="METRIC", nargs="*", help="default: all of them")),
)
def values(context: Context, args: Namespace) -> int:
    runs = context.settled.runs
    run = runs.get(args.ref)
    known = runs.metric_names(run.id)
    unknown = [name for name in args.metrics if name not in known]
    if unknown:
        there = ", ".join(known) or "none"
        raise NotFoundError(f"{run.name} has no metric {clean(unknown[0], 60)!r}", f"there are: {clean(there, 300)}")
    found = {name: runs.history(run.id, name) for name in args.metrics or known}
    if context.out.json:
        items = (
            {"metric": name, "steps": list(one.steps), "times": [format_utc(at) for at in one.times],
             "values": list(one.values)}
            for name, one in found.items()
        )  # fmt: skip
        context.out.document({"id": run.id, "name": run.name, **listing(items)})
        return 0
    rows = [
        [clean(name, 40), f"{step:g}", format_local(at), format_value(value)]
        for name, one in found.items()
        for step, at, value in list(zip(one.steps, one.times, one.values, strict=True))[-_SHOWN:]
    ]
    columns = [Column("metric", keep=True), Column("step", right=True), Column("time"), Column("value", right=True)]
    context.out.table(columns, rows)
    hidden = sum(max(0, len(one.values) - _SHOWN) for one in found.values())
    if hidden:
        context.out.say(f"{hidden:,} earlier values are not shown: --json has them all")
    return 0


@commands.add(
    "runs",
    "system",
    help="what a run used of the machine, look by look",
    example="lab runs system calm-otter-42",
    arguments=(_REF,),
)
def system(context: Context, args: Namespace) -> int:
    run = context.settled.runs.get(args.ref)
    history = context.settled.runs.vitals.history(run)
    if context.out.json:
        items = (
            {"at": format_utc(one.at), "cpu": one.cpu, "memory": one.memory, "peak": one.peak, "read": one.read,
             "write": one.write, "cpu_time": one.cpu_time, "gpu": one.gpu, "gpu_memory": one.gpu_memory}
            for one in history.samples
        )  # fmt: skip
        context.out.document({"id": run.id, "name": run.name, "limit": history.limit, **listing(items)})
        return 0
    if not history.samples:
        context.out.say(f"nothing was noted of what {run.name} used")
        return 0
    names = ("time", "cpu", "memory", "read/s", "write/s", "cpu time")
    rows = [
        [format_local(one.at), f"{one.cpu:.2f}", format_size(one.memory), format_size(one.read),
         format_size(one.write), format_duration(one.cpu_time)]
        for one in history.samples[-_SHOWN:]
    ]  # fmt: skip
    context.out.table([Column(name, right=name != "time", keep=name == "time") for name in names], rows)
    return 0


@commands.add(
    "runs",
    "files",
    help="the files of a run's folder, without its copy of the code",
    example="lab runs files calm-otter-42",
    arguments=(_REF,),
)
def files(context: Context, args: Namespace) -> int:
    run = context.settled.runs.get(args.ref)
    found = context.settled.runs.files(run.id)
    if context.out.json:
        folder = str(context.settled.runs.folder(run.id).root)
        items = ({"path": path, "bytes": size, "changed": format_utc(at)} for path, size, at in found)
        context.out.document({"id": run.id, "name": run.name, "folder": folder, **listing(items)})
        return 0
    now = time.time()
    columns = [Column("path", keep=True, verbatim=True), Column("size", right=True), Column("changed")]
    context.out.table(columns, [[clean(path), format_size(size), format_age(at, now)] for path, size, at in found])
    return 0
