"""`lab runs describe`: one column over many runs."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict

from lab.cli.context import Context
from lab.cli.declare import Declarations, argument
from lab.cli.formats import format_value
from lab.cli.tables import Column
from lab.cli.values import parse_filters
from lab.domain.describe import Described
from lab.domain.query import RunQuery
from lab.domain.text import clean, count_of

commands = Declarations("Runs")

_BAR = 30


@commands.add(
    "runs",
    "describe",
    help="how a column is spread: mean, quartiles, histogram, commonest values",
    example="lab runs describe val_accuracy status:finished lr<0.1",
    arguments=(
        argument("key", metavar="COLUMN", completes="column", help="a field, parameter, metric, or metric.min"),
        argument("filter", metavar="FILTER", nargs="*", completes="filter", help="as in lab runs ls"),
    ),
)
def describe(context: Context, args: Namespace) -> int:
    one = context.settled.runs.describe(args.key, RunQuery(parse_filters(args.filter)))
    if context.out.json:
        context.out.document(described_shape(one))
        return 0
    parts = [count_of(one.runs, "run"), f"{one.distinct:,} distinct"]
    parts += [f"{one.missing:,} without it"] if one.missing else []
    parts += [f"{one.odd:,} NaN or infinite"] if one.odd else []
    context.out.line(f"{clean(one.key)}: {', '.join(parts)}")
    if one.numbers is not None:
        numbers = one.numbers
        spread = f" ± {format_value(numbers.sd)}" if numbers.sd is not None else ""
        context.out.line(f"mean {format_value(numbers.mean)}{spread}")
        context.out.line(
            f"min {format_value(numbers.low)}, quartiles {format_value(numbers.q1)}, {format_value(numbers.median)}, "
            f"{format_value(numbers.q3)}, max {format_value(numbers.high)}"
        )
    bars: list[tuple[str, int]] = list(one.values)
    if one.numbers is not None and not one.counted:
        bars = [(format_value(edge), n) for edge, n in zip(one.numbers.edges, one.numbers.bins, strict=True)]
    most = max((n for _, n in bars), default=1)
    context.out.table(
        [
            Column("from" if len(bars) != len(one.values) else "value", keep=True),
            Column("runs", right=True),
            Column(""),
        ],
        [[clean(label, 40), f"{n:,}", "#" * max(round(n / most * _BAR), bool(n))] for label, n in bars],
    )
    return 0


def described_shape(one: Described) -> dict[str, object]:
    """`bins` count in as many stretches of equal width from `low` to `high`; times are seconds, sizes bytes."""
    return {**asdict(one), "values": [{"value": value, "runs": n} for value, n in one.values]}
