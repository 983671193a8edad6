"""`lab runs reproduce`: run it again as it was, and say whether the same comes out."""

from __future__ import annotations

from argparse import Namespace

from lab.cli.context import Context
from lab.cli.declare import Declarations, argument
from lab.cli.fate import DETACHED
from lab.cli.formats import NOTHING, format_delta, format_value
from lab.cli.reproduction_shapes import preflight_shape, reproduction_shape
from lab.cli.tables import Cell, Column, Styled
from lab.cli.values import count, parse_params
from lab.domain.capture import Cause
from lab.domain.reproduction import (
    SWAPS,
    Agreement,
    Attempt,
    PredictionVerdict,
    Preflight,
    Reproduction,
    cause_name,
    parse_tolerance,
    short_value,
    tell,
)
from lab.errors import NotFoundError, UsageError

commands = Declarations("Runs")

_STYLES = {Agreement.IDENTICAL: "ok", Agreement.WITHIN: "ok", Agreement.DIFFERENT: "fail", Agreement.UNKNOWN: "warn"}
_WORDS = {Agreement.WITHIN: "within tolerance", Agreement.UNKNOWN: "not known"}
_SHOWN = 30  # lines of each table; JSON has them all


@commands.add(
    "runs",
    "reproduce",
    help="run it again from its capture: the same? exit 0 yes, 1 no, 3 something is missing",
    example="lab runs reproduce calm-otter-42 --tolerance 0.1% --repeat 3",
    arguments=(
        argument("ref", metavar="REF", completes="run", help="a run's name or id, or how one begins"),
        argument(
            "--tolerance",
            metavar="T",
            action="append",
            default=[],
            help="how far last values may be off: abs=1e-6, rel=0.001 or 0.1%%, sigma=2 (of the run's seeds); repeat",
        ),
        argument("--repeat", metavar="N", type=count, default=1, help="so many times; tells σ of what is not the same"),
        argument(
            "--swap",
            metavar="FACTOR",
            default="",
            completes="|".join(SWAPS),
            help="take code, data, env or params from now and all else from the capture: what does it change? "
            "data=sales@v3 names a version",
        ),
        argument(
            "-p", "--param", metavar="K=V", action="append", default=[], completes="param", help="with --swap params"
        ),
        argument("--check", action="store_true", help="only look whether all is there"),
        argument("--last", action="store_true", help="the verdict on what was reproduced before; runs nothing"),
    ),
)
def reproduce(context: Context, args: Namespace) -> int:
    if (args.check or args.last) and (args.repeat != 1 or args.param or (args.last and (args.swap or args.check))):
        raise UsageError("--check and --last run nothing", "leave out --repeat, --swap and -p")
    room = context.settled.reproductions
    if args.check:
        return _check(context, room.preflight(args.ref, args.swap))
    tolerance = parse_tolerance(args.tolerance)
    if args.last:
        found = room.judge(args.ref, tolerance, keep=True)
        if not found.attempts:
            raise NotFoundError(f"{found.run.name} was not reproduced yet", f"lab runs reproduce {found.run.name}")
    else:
        plan = room.plan(tolerance, args.repeat, args.swap, parse_params(args.param))
        try:
            found = room.reproduce(args.ref, plan, context.out.progress)
        except KeyboardInterrupt:
            context.out.say(f"detached; the run goes on: lab runs reproduce {args.ref} --last tells the verdict then")
            return DETACHED
        context.tell_notices()
    if context.out.json:
        context.out.document(reproduction_shape(found))
    else:
        _draw(context, found)
    return 0 if found.attempts and found.badge.reproduced else 1


def _check(context: Context, flight: Preflight) -> int:
    if context.out.json:
        context.out.document(preflight_shape(flight))
        return 0 if flight.ready else NotFoundError.exit_code
    out = context.out
    if flight.ready:
        how = "; its environment is gone and will be made again" if flight.rebuild else ""
        out.line(f"{flight.run.name}  all is there{how}", "ok")
        out.hint(f"lab runs reproduce {flight.run.name}")
    else:
        out.line(f"{flight.run.name}  cannot be reproduced", "fail")
        rows: list[list[Cell]] = [[lack.what, lack.message] for lack in flight.missing]
        out.table([Column("missing", keep=True), Column("what", keep=True)], rows)
        for hint in dict.fromkeys(lack.hint for lack in flight.missing if lack.hint):
            out.hint(hint)
    for note in flight.notes:
        out.say(note)
    return 0 if flight.ready else NotFoundError.exit_code


def _draw(context: Context, found: Reproduction) -> None:
    out = context.out
    out.line(f"{found.run.name}  {tell(found)}", "ok" if found.attempts and found.badge.reproduced else "fail")
    several = len(found.attempts) > 1
    _table(
        context,
        ["run"] * several + ["metric", "then", "now", "off by", "verdict", "parts at step"],
        [[*_who(attempt, several), *row] for attempt in found.attempts for row in _metrics(attempt)],
    )
    _table(
        context,
        ["run"] * several + ["predictions", "samples", "equal", "farthest off", "verdict"],
        [[*_who(attempt, several), *_predicted(item)] for attempt in found.attempts for item in attempt.predictions],
    )
    _table(
        context,
        ["run"] * several + ["file", "kind", "verdict"],
        [
            [*_who(attempt, several), item.path, item.kind, _verdict(item.agreement)]
            for attempt in found.attempts
            for item in attempt.outputs
            if not several or item.agreement is not Agreement.IDENTICAL
        ],
    )
    _table(
        context,
        ["differs", "what", "then", "now"],
        [[cause_name(item.cause), item.name, _text(item.old), _text(item.new)] for item in found.causes],
    )
    if any(item.cause is Cause.CODE for item in found.causes):
        out.hint(f"lab runs diff {found.attempts[-1].run.name} {found.run.name}")
    for attempt in found.attempts:
        if attempt.rebuilt:
            out.say(f"env: rebuilt for {attempt.run.name}: the image was gone")
    if found.missing and not (found.attempts and found.badge.reproduced):
        out.say("not known of the first run: " + "; ".join(found.missing))
    if found.deterministic is False and len(found.attempts) == 1:
        out.hint(f"lab runs reproduce {found.run.name} --repeat 3")


def _who(attempt: Attempt, several: bool) -> list[Cell]:
    return [attempt.run.name] if several else []


def _metrics(attempt: Attempt) -> list[list[Cell]]:
    return [
        [
            item.name,
            NOTHING if item.old is None else format_value(item.old),
            NOTHING if item.new is None else format_value(item.new),
            "" if item.agreement is Agreement.IDENTICAL else format_delta(item.new, item.old),
            _verdict(item.agreement),
            "" if item.step is None else f"{item.step:g}",
        ]
        for item in attempt.metrics
    ]


def _predicted(item: PredictionVerdict) -> list[Cell]:
    if item.note:
        return [item.file, "", "", item.note, _verdict(item.agreement)]
    off = "" if item.off is None else format_value(item.off)
    return [item.file, f"{item.common:,}", f"{item.equal:,}", off, _verdict(item.agreement)]


def _verdict(agreement: Agreement) -> Styled:
    return Styled(_WORDS.get(agreement, agreement.value), _STYLES[agreement])


def _text(value: object) -> str:
    return NOTHING if value is None else short_value(value)


def _table(context: Context, titles: list[str], rows: list[list[Cell]]) -> None:
    if rows:
        context.out.line()
        context.out.table([Column(title, keep=at < 2) for at, title in enumerate(titles)],
                          rows[:_SHOWN])  # fmt: skip
        if len(rows) > _SHOWN:
            context.out.say(f"and {len(rows) - _SHOWN} more; --json has them all")
