"""`lab runs view …` and `lab runs sql`: questions that are kept, and questions in SQL."""

from __future__ import annotations

from argparse import Namespace

from lab.cli.context import Context
from lab.cli.declare import Declarations, argument
from lab.cli.formats import format_value
from lab.cli.shapes import listing, view_shape
from lab.cli.tables import Column
from lab.cli.values import count, parse_columns, parse_filters, positive
from lab.domain.query import write_filter
from lab.domain.views import RunView

commands = Declarations("Runs")

_NAME = argument("name", metavar="NAME", completes="view", help="what the view is called")


@commands.add(
    "runs",
    "view",
    "save",
    help="keep a filter, order and columns under a name",
    example="lab runs view save good 'accuracy>0.9 and not tag:old' --sort -accuracy",
    arguments=(
        _NAME,
        argument("filter", metavar="FILTER", nargs="*", completes="filter", help="as for 'lab runs ls'"),
        argument("--sort", metavar="KEY,KEY", completes="column", help="as for 'lab runs ls'"),
        argument("--columns", metavar="A,B", type=parse_columns, completes="column", help="show these columns"),
    ),
)
def save(context: Context, args: Namespace) -> int:
    filter = write_filter(parse_filters(args.filter))
    project, _ = context.ws.projects.place()
    view = RunView(project, args.name, filter, args.sort or "", tuple(args.columns or ()))
    return _tell(context, context.ws.runs.views.save(view), "saved")


@commands.add(
    "runs", "view", "rm", help="forget a saved view", example="lab runs view rm good", arguments=(_NAME,)
)  # fmt: skip
def remove(context: Context, args: Namespace) -> int:
    return _tell(context, context.ws.runs.views.remove(context.ws.projects.name, args.name), "removed")


def _tell(context: Context, view: RunView, what: str) -> int:
    if context.out.json:
        context.out.document(view_shape(view))
    else:
        context.out.line(f"{view.name}  {what}")
        context.out.hint("lab runs view ls" if what == "removed" else f"lab runs ls --view {view.name}")
    return 0


@commands.add("runs", "view", "ls", help="the saved views of this project", example="lab runs view ls")
def ls(context: Context, args: Namespace) -> int:
    views = context.ws.runs.views.list(context.ws.projects.name)
    if context.out.json:
        context.out.document(listing(view_shape(view) for view in views))
    elif views:
        columns = [Column("name", keep=True), Column("filter"), Column("sort"), Column("columns")]
        rows = [[view.name, view.filter, view.sort, ", ".join(view.columns)] for view in views]
        context.out.table(columns, rows)
    else:
        context.out.say("no views in this project yet")
        context.out.hint("lab runs view save NAME FILTER")
    return 0


@commands.add(
    "runs",
    "sql",
    help="ask one SELECT of runs, params, metrics and tags",
    example="lab runs sql 'select entry, count(*) as n from runs group by entry'",
    arguments=(
        argument("sql", metavar="SQL", help="in DuckDB's dialect"),
        argument("--limit", metavar="N", type=count, default=1000, help="at most so many rows (default: 1000)"),
        argument(
            "--timeout", metavar="SECONDS", type=positive, default=10.0, help="give up after so long (default: 10)"
        ),
    ),
)
def sql(context: Context, args: Namespace) -> int:
    answer = context.settled.runs.sql(args.sql, args.limit, args.timeout)
    if context.out.json:
        items = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
        context.out.document({"columns": list(answer.columns), **listing(items), "cut": answer.cut})
        return 0
    context.out.table(
        [Column(name, keep=at == 0, verbatim=True) for at, name in enumerate(answer.columns)],
        [[format_value(cell) for cell in row] for row in answer.rows],
    )
    if answer.cut:
        context.out.say(f"the first {len(answer.rows)} rows; --limit shows more")
    return 0
