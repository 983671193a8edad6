"""`lab data …`: datasets and their versions."""

from __future__ import annotations

import time
from argparse import Namespace

from lab.cli.context import Context
from lab.cli.declare import Declarations, argument
from lab.cli.formats import format_age, format_local
from lab.cli.shapes import dataset_shape, dataset_version_shape, files_shape, listing
from lab.cli.tables import Column
from lab.domain.datasets import DatasetVersion
from lab.domain.resources import format_size

commands = Declarations("Data")

_FILES = 20  # files that are shown to people; JSON has them all
_ROWS = 5


@commands.add(
    "data",
    "add",
    help="keep a file or folder as the next version of a dataset",
    example="lab data add digits data/digits.csv -m 'as downloaded'",
    arguments=(
        argument("name", metavar="NAME", completes="dataset", help="the dataset's name"),
        argument("path", metavar="PATH", completes="path", help="a file or a folder"),
        argument("-m", "--message", metavar="TEXT", default="", help="what is new in it"),
    ),
)
def add(context: Context, args: Namespace) -> int:
    out = context.out
    version, new = context.ws.datasets.add(
        args.name, context.path(args.path), message=args.message, progress=out.progress
    )
    if out.json:
        out.document({**dataset_version_shape(version), "new": new})
        return 0
    out.line(f"{version.dataset}@{version.label}  {_size(version)}")
    if not new:
        out.say(f"nothing has changed since {version.label}, so there is no new version")
    return 0


@commands.add("data", "ls", help="list datasets", example="lab data ls")
def ls(context: Context, args: Namespace) -> int:
    datasets = context.ws.datasets.list()
    if context.out.json:
        context.out.document(listing(dataset_shape(dataset) for dataset in datasets))
        return 0
    if not datasets:
        context.out.say("no datasets yet")
        context.out.hint("lab data add NAME PATH")
        return 0
    now = time.time()
    context.out.table(
        [
            Column("name", keep=True),
            Column("version"),
            Column("rows", right=True),
            Column("files", right=True),
            Column("size", right=True),
            Column("age", right=True),
            Column("project"),
            Column("path"),
        ],
        [
            [
                dataset.name,
                dataset.latest.label,
                f"{dataset.latest.rows:,}" if dataset.latest.rows is not None else "",
                f"{dataset.latest.files:,}",
                format_size(dataset.latest.bytes),
                format_age(dataset.latest.created, now),
                dataset.project,
                dataset.path,
            ]
            for dataset in datasets
        ],
    )
    return 0


@commands.add(
    "data",
    "show",
    help="everything about one version of a dataset",
    example="lab data show digits@v1",
    arguments=(argument("ref", metavar="REF", completes="dataset", help="NAME, NAME@v2 or NAME@ALIAS"),),
)
def show(context: Context, args: Namespace) -> int:
    out, datasets = context.out, context.ws.datasets
    version = datasets.get(args.ref)
    files = datasets.files(version)
    history = datasets.versions(version.dataset, version.project)
    if out.json:
        versions = [{"version": item.number, "manifest": item.id} for item in history]
        out.document({**dataset_version_shape(version), "contents": files_shape(files), "versions": versions})
        return 0
    out.line(f"{version.dataset}@{version.label}  {_size(version)}", "bold")
    out.facts(
        [
            ("project", version.project),
            ("manifest", version.id),
            ("created", format_local(version.created)),
            ("message", version.message),
            ("versions", ", ".join(item.label for item in history)),
        ]
    )
    out.line()
    out.table(
        [Column("file", keep=True), Column("size", right=True)],
        [[path, format_size(size)] for path, size in files[:_FILES]],
    )
    if len(files) > _FILES:
        out.say(f"and {len(files) - _FILES:,} more files; --json lists them all")
    if version.columns:
        out.line()
        columns, rows = datasets.preview(version, _ROWS)
        types = {column.name: column.type for column in version.columns}
        out.table(
            [Column("column", keep=True), Column("type"), Column("first values")],
            [[name, types.get(name, ""), ", ".join(row[at] for row in rows)] for at, name in enumerate(columns)],
        )
    return 0


def _size(version: DatasetVersion) -> str:
    rows = f", {version.rows:,} rows" if version.rows is not None else ""
    files = "1 file" if version.files == 1 else f"{version.files:,} files"
    return f"{files}, {format_size(version.bytes)}{rows}"
