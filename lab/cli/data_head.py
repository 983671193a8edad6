"""`lab data head`: the first rows of a dataset version."""

from __future__ import annotations

from argparse import Namespace

from lab.cli.context import Context
from lab.cli.declare import Declarations, argument
from lab.cli.shapes import listing
from lab.cli.tables import Column
from lab.cli.values import count
from lab.domain.text import clean

commands = Declarations("Data")

_ROWS = 20


@commands.add(
    "data",
    "head",
    help="the first rows of a version",
    example="lab data head digits@v1 -n 5",
    arguments=(
        argument("ref", metavar="REF", completes="dataset", help="NAME, NAME@v2, NAME@ALIAS or NAME@HASH"),
        argument("-n", "--rows", metavar="N", type=count, default=_ROWS, help=f"how many (default: {_ROWS})"),
    ),
)
def head(context: Context, args: Namespace) -> int:
    version = context.ws.datasets.get(args.ref)
    names, rows = context.ws.datasets.preview(version, args.rows)
    if context.out.json:
        items = (dict(zip(names, row, strict=True)) for row in rows)
        context.out.document({"id": version.ref, "columns": list(names), **listing(items, version.rows)})
        return 0
    if not names:
        context.out.say(f"{version.ref} is no table: lab data show lists its files")
        return 0
    columns = [Column(clean(name, 40), keep=not at, verbatim=True) for at, name in enumerate(names)]
    context.out.table(columns, [[clean(cell, 200) for cell in row] for row in rows])
    return 0
