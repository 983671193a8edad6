"""What `lab runs ls` asks for: filter, order, columns and saved view put together; groups as a table."""

from __future__ import annotations

import difflib
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass

from lab.cli.context import Context
from lab.cli.formats import format_value
from lab.cli.shapes import listing, run_group_shape
from lab.cli.tables import Column
from lab.cli.values import parse_filters
from lab.domain.groups import SEEDS, RunGroup, Spread
from lab.domain.query import Condition, Order, RunQuery, leaves, parse_filter, parse_orders
from lab.domain.query_names import known, nearest
from lab.domain.runs import Run, RunStatus
from lab.domain.text import clean


@dataclass(frozen=True)
class Asked:
    """`columns` are empty and `sorted` false where nothing was said."""

    query: RunQuery
    columns: tuple[str, ...]
    sorted: bool


def table_query(context: Context, args: Namespace) -> Asked:
    """The saved view, if one is named, and what was typed: both filters must hold, the typed order goes first."""
    view = context.ws.runs.view(context.ws.projects.name, args.view) if args.view else None
    conditions = parse_filters(args.filter)
    sort, columns = args.sort or "", tuple(args.columns or ())
    if view is not None:
        conditions = (*parse_filter(view.filter), *conditions)
        sort, columns = sort or view.sort, columns or view.columns
    orders = parse_orders(sort) if sort else (Order(),)
    return Asked(RunQuery(conditions, orders[0], args.limit, args.offset, orders[1:]), columns, bool(sort))


def known_names(context: Context, runs: Sequence[Run]) -> tuple[list[str], list[str]]:
    """All parameters and metrics, also of runs that are still going."""
    params, metrics = context.ws.runs.keys()
    return list(params), [*metrics, *dict.fromkeys(name for run in runs for name in run.metrics)]


def tell_unknown(context: Context, query: RunQuery, params: Sequence[str], metrics: Sequence[str]) -> None:
    """Say which names, and which statuses, in a filter that found nothing are of nothing."""
    statuses = [status.value for status in RunStatus]
    for leaf in leaves(query.conditions):
        if isinstance(leaf, Condition) and leaf.key == "status" and not any(leaf.value in name for name in statuses):
            close = difflib.get_close_matches(leaf.value, statuses, 1) or [", ".join(statuses)]
            context.out.say(f"there is no status {leaf.value!r}: did you mean {close[0]}?")
        if leaf.key and not known(leaf.key, params, metrics):
            near = nearest(leaf.key, params, metrics)
            context.out.say(f"no run has {leaf.key!r}" + (f": did you mean {near}?" if near else ""))


def list_groups(context: Context, asked: Asked, keys: Sequence[str], limit: int, offset: int) -> int:
    """One line for each group; `--columns` says which metrics."""
    query = asked.query
    groups = context.settled.runs.group(query, keys, query.orders if asked.sorted else ())
    shown = groups[offset : offset + limit]
    if context.out.json:
        context.out.document(listing((run_group_shape(group, keys) for group in shown), len(groups)))
        return 0
    if not shown:
        context.out.say(f"none of the {len(groups)} groups is on this page" if groups else "no run matches")
        return 0
    metrics = asked.columns or tuple(dict.fromkeys(name for group in groups for name in group.metrics))
    heads = ["runs alike but for the seed"] if list(keys) == [SEEDS] else keys
    columns = [*(Column(head, keep=True, verbatim=True) for head in heads), Column("n", right=True)]
    for name in metrics:
        columns += [Column(name, right=True, verbatim=True), Column("min … max", right=True, verbatim=True)]
    rows = [[*map(_value, group.values), str(group.n), *_spreads(group, metrics)] for group in shown]
    context.out.table(columns, rows)
    if len(groups) > len(shown):
        context.out.say(f"{offset + 1} to {offset + len(shown)} of {len(groups)} groups")
    return 0


def _value(text: str | None) -> str:
    return "none" if text is None else clean(text, 60)


def _spreads(group: RunGroup, metrics: Sequence[str]) -> list[str]:
    cells: list[str] = []
    for name in metrics:
        spread = group.metrics.get(name.removeprefix("metric."))
        cells += (
            (spread_text(spread), f"{format_value(spread.min)} … {format_value(spread.max)}") if spread else ("", "")
        )
    return cells


def spread_text(spread: Spread) -> str:
    """`0.93 ± 0.012`; of one value there is no ±."""
    mean = f"{spread.mean:.4g}"
    return mean if spread.sd is None else f"{mean} ± {spread.sd:.2g}"
