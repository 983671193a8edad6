"""`lab runs purge|prune`: runs out of the lab, by name or by what the project keeps."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable
from dataclasses import replace

from lab.cli.context import Context
from lab.cli.declare import Declarations, argument
from lab.cli.shapes import Shape
from lab.cli.tables import Column
from lab.cli.values import count, parse_filters
from lab.domain.expectations import parse_duration
from lab.domain.purge import Candidate, Purged, PurgePlan, refusal, size_sentence
from lab.domain.query import RunQuery
from lab.domain.resources import format_size
from lab.domain.retention import CHECKPOINTS, RUNS, Policy
from lab.domain.text import count_of
from lab.errors import UsageError

commands = Declarations("Runs")

_SHOWN = 20  # lines that are shown to people; JSON has them all
_MOST = 1_000_000
_APPLY = argument(
    "--apply", action="store_true", help="do it (default: only tell what would go, and why the rest stays)"
)
_NOW = argument("--now", action="store_true", help="erase at once and for ever, instead of keeping it for 14 days")


@commands.add(
    "runs",
    "purge",
    help="tell what room runs would free; --apply moves them to the trash",
    example="lab runs purge calm-otter-42 --apply",
    arguments=(
        argument("refs", metavar="REF", nargs="*", completes="run", help="runs by name or id"),
        argument(
            "--where",
            metavar="FILTER",
            action="append",
            default=[],
            completes="filter",
            help="all runs that fit, as for 'lab runs ls': archived:yes",
        ),
        argument("--force", action="store_true", help="also runs that models and deployments came from"),
        _APPLY,
        _NOW,
    ),
)
def purge(context: Context, args: Namespace) -> int:
    """Exit code 4 if a run that was named cannot go; those of a filter are left out then."""
    if not args.refs and not args.where:
        raise UsageError("which runs? name them, or give --where", "lab runs purge --where archived:yes")
    ws = context.settled
    runs = {run.id: run for run in (ws.runs.get(ref) for ref in args.refs)}
    if args.where:
        query = RunQuery(parse_filters(args.where), limit=_MOST)
        runs |= {run.id: run for run in ws.runs.list(query).items}
    plan = ws.purge.plan(list(runs.values()), force=args.force)
    if args.apply and not args.where and plan.stays:
        raise refusal(plan)
    done = ws.purge.apply(plan, now=args.now, progress=context.out.progress) if args.apply else None
    again = "lab runs purge " + " ".join([*args.refs, *(f"--where '{text}'" for text in args.where)]) + " --apply"
    return _tell(context, plan, done, again)


@commands.add(
    "runs",
    "prune",
    help="tell what the project's [retention] lets go; --apply moves it to the trash",
    example="lab runs prune --best accuracy=3 --last 10",
    arguments=(
        argument("--project", metavar="NAME", default="", help="another project than this one"),
        argument("--best", metavar="METRIC=N", action="append", default=[], help="keep the N best runs of each entry"),
        argument("--last", metavar="N", type=count, help="keep the N latest runs of each entry"),
        argument("--younger", metavar="AGE", default="", help="keep what is younger, such as 14d"),
        argument(
            "--drop",
            metavar="WHAT",
            choices=(CHECKPOINTS, RUNS),
            completes=f"{CHECKPOINTS}|{RUNS}",
            help=f"what the others lose: {CHECKPOINTS} (default), or {RUNS} as a whole",
        ),
        _APPLY,
        _NOW,
    ),
)
def prune(context: Context, args: Namespace) -> int:
    ws = context.settled
    project = args.project or ws.projects.name
    settings = ws.projects.settings_of(project)
    policy = _policy(args, settings.retention if settings else Policy())
    pruning = ws.retention.plan(project, policy)
    done = ws.retention.apply(pruning, now=args.now, progress=context.out.progress) if args.apply else None
    options = [f"--best {text}" for text in args.best]
    options += [
        f"--{name} {value}" for name in ("project", "last", "younger", "drop") if (value := getattr(args, name))
    ]
    return _tell(context, pruning.plan, done, " ".join(["lab runs prune", *options, "--apply"]))


def _policy(args: Namespace, policy: Policy) -> Policy:
    """What lab.toml says, and what was typed instead."""
    best = {}
    for word in args.best:
        metric, equals, number = word.rpartition("=")
        if not (metric and equals and number.isdecimal() and int(number)):
            raise UsageError(f"{word!r} does not say how many are kept", "write --best accuracy=3")
        best[metric] = int(number)
    return replace(
        policy,
        best=best or policy.best,
        last=policy.last if args.last is None else args.last,
        younger=parse_duration(args.younger) if args.younger else policy.younger,
        drop=args.drop or policy.drop,
    )


def _tell(context: Context, plan: PurgePlan, done: Purged | None, again: str) -> int:
    out = context.out
    if out.json:
        out.document({"plan": _plan_shape(plan), "done": _done_shape(done) if done else None})
        return 0
    if done is not None:
        place = "are free now" if done.erased else "are in the trash for 14 days, and free after that"
        out.line(f"{format_size(done.bytes)} of {count_of(len(done.runs), 'run')} {place}")
        if done.batch and not done.erased:
            out.hint(f"lab gc --undo {done.batch}")
        return 0
    out.line(size_sentence(plan) if plan.goes else "frees nothing", "bold")
    if plan.goes:
        out.table(
            [Column("goes", keep=True), Column("id"), Column("frees", right=True), Column("status")],
            [[item.run.name, item.run.id, format_size(item.bytes), _status(item)] for item in plan.goes[:_SHOWN]],
        )
        _more(context, plan.goes)
    if plan.code:
        out.line(f"of that {format_size(plan.code)} are code that no other run has")
    if plan.young:
        out.say(f"{format_size(plan.young)} of code were stored within a day: lab gc frees them later")
    if plan.stays:
        out.line(f"{len(plan.stays):,} stay{'s' if len(plan.stays) == 1 else ''}:")
        out.table(
            [Column("stays", keep=True), Column("because")],
            [[item.run.name, ", ".join(item.needs)] for item in plan.stays[:_SHOWN]],
        )
        _more(context, plan.stays)
    if plan.goes:
        out.hint(again)
    return 0


def _status(item: Candidate) -> str:
    return f"{item.run.status.value}, {len(item.names):,} files" if item.names else item.run.status.value


def _more(context: Context, items: tuple[Candidate, ...]) -> None:
    if len(items) > _SHOWN:
        context.out.say(f"and {len(items) - _SHOWN:,} more; --json lists them all")


def _plan_shape(plan: PurgePlan) -> Shape:
    return {
        "bytes": plan.bytes,
        "files": plan.files,
        "code_bytes": plan.code,
        "young_bytes": plan.young,
        "goes": _candidates(plan.goes),
        "stays": _candidates(plan.stays),
    }


def _candidates(items: Iterable[Candidate]) -> list[Shape]:
    return [
        {
            "id": item.run.id,
            "name": item.run.name,
            "bytes": item.bytes,
            "because": list(item.needs),
            "files": None if item.names is None else list(item.names),
        }
        for item in items
    ]


def _done_shape(done: Purged) -> Shape:
    return {
        "batch": None if done.erased else done.batch or None,
        "runs": [run.id for run in done.runs],
        "bytes": done.bytes,
        "files": done.files,
        "erased": done.erased,
    }
