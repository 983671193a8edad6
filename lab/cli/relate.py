"""`lab runs relate`: which parameter has how much to do with a metric, over all runs that fit a filter."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from lab.cli.context import Context
from lab.cli.declare import Declarations, argument
from lab.cli.formats import NOTHING
from lab.cli.output import Output
from lab.cli.shapes import Shape
from lab.cli.tables import Column
from lab.cli.values import count, parse_better, parse_filters
from lab.domain.directions import Direction, direction
from lab.domain.query import RunQuery
from lab.domain.relations import Tie, metric_axis, param_axes, ties
from lab.domain.runs import Run
from lab.errors import NotFoundError

commands = Declarations("Runs")


@commands.add(
    "runs",
    "relate",
    help="which parameter has how much to do with a metric",
    example="lab runs relate status:finished --metric val_accuracy",
    arguments=(
        argument("filter", metavar="FILTER", nargs="*", completes="filter", help="as for 'lab runs ls'"),
        argument("--metric", metavar="NAME", default="", completes="column", help="default: the one most runs have"),
        argument(
            "--better",
            metavar="METRIC=WAY",
            action="append",
            default=[],
            help="higher or lower is better (repeat), where the name does not tell",
        ),
        argument("--limit", metavar="N", type=count, default=500, help="the newest N runs (default: 500)"),
    ),
)
def relate(context: Context, args: Namespace) -> int:
    page = context.settled.runs.list(RunQuery(parse_filters(args.filter), limit=args.limit))
    shape = relation_shape(page.items, args.metric, parse_better(args.better))
    if context.out.json:
        context.out.document({**shape, "total": page.total})
    else:
        draw(context.out, shape)
    return 0


def relation_shape(runs: Sequence[Run], metric: str, better: dict[str, Direction]) -> Shape:
    """Parameters by the strength of their tie to the metric, each with the values that the runs have.

    Raises NotFoundError where no run has such a metric.
    """
    counts: dict[str, int] = {}
    for run in runs:
        for name in run.metrics:
            counts[name] = counts.get(name, 0) + 1
    chosen = metric or max(counts, key=lambda name: counts[name], default="")
    if chosen not in counts:
        raise NotFoundError(f"no run has a metric {metric!r}" if metric else "no run has a metric", "lab runs ls")
    way = better.get(chosen) or direction(chosen)
    axis = metric_axis(runs, chosen)
    found = ties(param_axes(runs), axis, way is Direction.LOWER)
    return {
        "metric": chosen,
        "direction": way.value,
        "runs": [{"id": run.id, "name": run.name, "value": axis.places[at]} for at, run in enumerate(runs)],
        "params": [_tie(one, len(runs)) for one in found],
    }


def _tie(one: Tie, runs: int) -> Shape:
    values = [None if one.axis.places[at] is None else one.axis.text(at) for at in range(runs)]
    return {"param": one.axis.title, "kind": one.axis.kind, "strength": one.strength, "rank": one.rank,
            "best": one.best, "runs": one.runs, "values": values}  # fmt: skip


def draw(out: Output, shape: Shape) -> None:
    """A line for each parameter, the strongest tie first."""
    known = sum(run["value"] is not None for run in shape["runs"])
    out.line(f"{shape['metric']} of {known} runs; {shape['direction']} is better", "bold")
    if not shape["params"]:
        out.say("these runs differ in no parameter")
        return
    columns = [Column("param", keep=True), Column("tie", right=True), Column("rank", right=True), Column("best at"),
               Column("runs", right=True), Column("axis")]  # fmt: skip
    out.table(
        columns,
        [
            [one["param"], f"{one['strength']:.2f}", NOTHING if one["rank"] is None else f"{one['rank']:+.2f}",
             one["best"], str(one["runs"]), one["kind"]]
            for one in shape["params"]
        ],
    )  # fmt: skip
