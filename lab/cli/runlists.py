"""`lab runs ls`: filter, order, columns and saved view put together; runs or groups as a table.

In a file of its own since it is asked for all day, and waits for what it imports.
"""

from __future__ import annotations

import difflib
import time
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from lab.cli.context import Context
from lab.cli.declare import Declarations, argument
from lab.cli.formats import format_value
from lab.cli.runtable import cell, check_columns, columns_of, kept, usual_columns
from lab.cli.shapes import listing, run_group_shape, run_shape
from lab.cli.tables import Column
from lab.cli.values import count, parse_columns, parse_filters
from lab.dataclass import dataclass
from lab.domain.groups import SEEDS, RunGroup, Spread
from lab.domain.query import Condition, Order, RunQuery, leaves, parse_filter, parse_orders
from lab.domain.query_names import known, nearest
from lab.domain.resources import format_size
from lab.domain.runs import Run, RunStatus
from lab.domain.text import clean, count_of

commands = Declarations("Runs")


@dataclass(frozen=True)
class Asked:
    """`columns` are empty and `sorted` false where nothing was said."""

    query: RunQuery
    columns: tuple[str, ...]
    sorted: bool


@commands.add(
    "runs",
    "ls",
    help="list runs: filter, sort, group, page",
    example="lab runs ls status:finished 'lr<0.1' tag:best --sort -accuracy",
    arguments=(
        argument(
            "filter",
            metavar="FILTER",
            nargs="*",
            completes="filter",
            help="status:failed, lr<0.01, loss.min<0.1, tag:best, model=forest, created>-7d, or text; joined by "
            "and, or, not, parentheses; without these all must hold",
        ),
        argument(
            "--sort",
            metavar="KEY,KEY",
            completes="column",
            help="fields, parameters, metrics or their statistics (loss.min); -KEY for the largest first "
            "(default: -created)",
        ),
        argument(
            "--group-by",
            metavar="KEY,KEY",
            type=parse_columns,
            completes="column",
            help="one line for each value of KEY, with mean ± sd, min and max of the metrics; the key 'seeds' puts "
            "together runs that differ in the seed alone",
        ),
        argument("--limit", metavar="N", type=count, default=50, help="at most so many (default: 50)"),
        argument("--offset", metavar="N", type=count, default=0, help="leave out the first N"),
        argument("--columns", metavar="A,B", type=parse_columns, completes="column", help="show these columns"),
        argument("--view", metavar="NAME", completes="view", help="a saved view; what is typed besides goes before it"),
        argument("--export", metavar="FILE", default="", help="write all that fit to a .csv, .parquet, .json, .html or "
                 ".svg file, whatever the page"),
        argument("--force", action="store_true", help="write over a file that is there"),
    ),
)  # fmt: skip
def ls(context: Context, args: Namespace) -> int:
    asked = table_query(context, args)
    if args.group_by:
        return list_groups(context, asked, args.group_by)
    query = asked.query
    if args.export:
        return _export(context, asked, Path(args.export).expanduser(), overwrite=args.force)
    page = context.settled.runs.list(query)
    now = time.time()
    params, metrics = known_names(context, page.items) if asked.columns or not context.out.json else ((), ())
    if asked.columns:
        check_columns(asked.columns, params, metrics)
    if context.out.json:
        context.out.document(listing((_shape(run, asked.columns, now) for run in page.items), page.total))
        return 0
    names = asked.columns or usual_columns(page.items)
    if not page.items:
        tell_unknown(context, query, params, metrics)
        _nothing(context, page.total, filtered=bool(query.conditions))
        return 0
    context.out.table(columns_of(names, page.items), [[cell(run, name, now) for name in names] for run in page.items])
    if page.total > len(page.items):
        last = query.offset + len(page.items)
        context.out.say(f"{query.offset + 1} to {last} of {page.total} runs; --limit and --offset show others")
    return 0


def _shape(run: Run, columns: Sequence[str], now: float) -> dict[str, object]:
    """A run, and what it has in the columns that were asked for."""
    asked = {"columns": {name: kept(run, name, now) for name in columns}} if columns else {}
    return {**run_shape(run, now), **asked}


def _export(context: Context, asked: Asked, path: Path, *, overwrite: bool) -> int:
    sheet = context.settled.exports.of_runs(asked.query, asked.columns)
    size = context.ws.exports.sheet(sheet, path, overwrite=overwrite)
    if context.out.json:
        context.out.document(
            {"path": str(path), "bytes": size, "runs": len(sheet.rows), "columns": list(sheet.columns)}
        )
    else:
        context.out.line(f"{clean(str(path))}  {count_of(len(sheet.rows), 'run')}, {format_size(size)}")
    return 0


def _nothing(context: Context, total: int, *, filtered: bool) -> None:
    if total:
        context.out.say(f"none of the {total} runs is on this page")
    elif filtered:
        context.out.say("no run matches")
        context.out.hint("lab runs ls")
    else:
        context.out.say("no runs yet")
        context.out.hint("lab run ENTRY, or lab demo to see one")


def table_query(context: Context, args: Namespace) -> Asked:
    """The saved view, if one is named, and what was typed: both filters must hold, the typed order goes first."""
    view = context.ws.runs.views.get(context.ws.projects.name, args.view) if args.view else None
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


def list_groups(context: Context, asked: Asked, keys: Sequence[str]) -> int:
    """One line for each group; `--columns` says which metrics."""
    query = asked.query
    page = context.settled.runs.group(query, keys, query.orders if asked.sorted else ())
    shown, offset = page.items, query.offset
    if context.out.json:
        context.out.document(listing((run_group_shape(group, keys) for group in shown), page.total))
        return 0
    if not shown:
        context.out.say(f"none of the {page.total} groups is on this page" if page.total else "no run matches")
        return 0
    metrics = asked.columns or tuple(dict.fromkeys(name for group in shown for name in group.metrics))
    heads = ["runs alike but for the seed"] if list(keys) == [SEEDS] else keys
    columns = [*(Column(head, keep=True, verbatim=True) for head in heads), Column("n", right=True)]
    for name in metrics:
        columns += [Column(name, right=True, verbatim=True), Column("min … max", right=True, verbatim=True)]
    rows = [[*map(_value, group.values), str(group.n), *_spreads(group, metrics)] for group in shown]
    context.out.table(columns, rows)
    if page.total > len(shown):
        context.out.say(f"{offset + 1} to {offset + len(shown)} of {page.total} groups")
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
