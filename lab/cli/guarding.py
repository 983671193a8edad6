"""`lab runs guard`: when guards would have fired in runs that are over, or have in one that goes on."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from lab.cli.context import Context
from lab.cli.declare import Declarations, argument
from lab.cli.formats import format_duration, format_value
from lab.cli.shapes import listing, replay_shape
from lab.cli.tables import Column
from lab.cli.values import parse_guards
from lab.domain.guards import Firing, Guard
from lab.domain.runs import Run
from lab.errors import UsageError

commands = Declarations("Runs")


@commands.add(
    "runs",
    "guard",
    help="the step at which a condition would have held in runs",
    example="lab runs guard calm-otter-42 --when 'loss > 10 for 3' --when 'plateau(val_loss, 20)'",
    arguments=(
        argument("refs", metavar="REF", nargs="+", completes="run", help="runs"),
        argument(
            "--when",
            metavar="CONDITION",
            action="append",
            default=[],
            help="a condition (repeat); default: those that each run was launched with",
        ),
    ),
)
def guard(context: Context, args: Namespace) -> int:
    asked = parse_guards(args.when, "mark")
    runs = [context.settled.runs.get(ref) for ref in args.refs]
    found = [(run, *told) for run in runs for told in _replay(context, run, asked)]
    if context.out.json:
        context.out.document(listing(replay_shape(run, guard, firing) for run, guard, firing in found))
        return 0
    if not found:
        raise UsageError("these runs were launched without guards", "--when 'isnan(loss)' tries one")
    columns = [Column("run", keep=True), Column("guard", verbatim=True), Column("step", right=True),
               Column("after", right=True), Column("evidence")]  # fmt: skip
    context.out.table(columns, [_row(*one) for one in found])
    return 0


def _replay(context: Context, run: Run, asked: Sequence[Guard]) -> list[tuple[Guard, Firing | None]]:
    guards = asked or context.ws.runs.guards.of(run)
    return list(zip(guards, context.ws.runs.guards.replay(run, guards), strict=True))


def _row(run: Run, guard: Guard, firing: Firing | None) -> list[str]:
    if firing is None:
        return [run.name, guard.name, "", "", "would not have fired"]
    began = run.started if run.started is not None else run.created
    step = "" if firing.step is None else format_value(firing.step)
    return [run.name, guard.name, step, format_duration(max(0.0, firing.at - began)), firing.evidence]
