"""`lab data …`: datasets and their versions."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Callable, Mapping
from pathlib import Path

from lab.cli.context import Context
from lab.cli.declare import Declarations, argument
from lab.cli.formats import format_age, format_local
from lab.cli.shapes import changes_shape, dataset_shape, dataset_version_shape, files_shape, listing
from lab.cli.tables import Column
from lab.domain.datasets import Changes, DatasetVersion, Verdict
from lab.domain.resources import format_size
from lab.domain.text import count_of

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
        argument(
            "path", metavar="PATH", nargs="?", completes="path", help="a file or a folder (default: as in lab.toml)"
        ),
        argument("-m", "--message", metavar="TEXT", default="", help="what is new in it"),
        argument("--paranoid", action="store_true", help="read every file, also those that look untouched"),
    ),
)
def add(context: Context, args: Namespace) -> int:
    out = context.out
    path = context.path(args.path) if args.path else _declared(context, args.name)
    version, new = context.ws.datasets.add(
        args.name, path, message=args.message, paranoid=args.paranoid, progress=out.progress
    )
    if out.json:
        out.document({**dataset_version_shape(version), "new": new})
        return 0
    out.line(f"{version.dataset}@{version.label}  {_size(version)}")
    if not new:
        out.say(f"nothing has changed since {version.label}, so there is no new version")
    if version.verdict is Verdict.BLOCKED:
        out.hint(f"lab data expect {version.ref}")
    return 0


def _declared(context: Context, name: str) -> Path:
    """Where the project's lab.toml, or else the lab, says that the dataset is."""
    settings = context.ws.projects.current
    if settings is not None and name in settings.datasets:
        return settings.root / settings.datasets[name].path
    return context.ws.datasets.place(context.ws.datasets.get(name))


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


_REF = argument("ref", metavar="REF", completes="dataset", help="NAME, NAME@v2, NAME@ALIAS or NAME@HASH")


@commands.add(
    "data",
    "log",
    help="the versions of a dataset, newest first, with what each changed",
    example="lab data log digits",
    arguments=(
        argument("name", metavar="NAME", completes="dataset", help="the dataset's name"),
        argument("--all", action="store_true", help="also the versions that were removed"),
    ),
)
def log(context: Context, args: Namespace) -> int:
    datasets = context.ws.datasets
    latest = datasets.get(args.name)
    history = [item for item in datasets.versions(latest.dataset, latest.project) if args.all or not item.retired]
    aliases = datasets.aliases(latest)
    if context.out.json:
        context.out.document(listing(dataset_version_shape(item, aliases) for item in history))
        return 0
    now = time.time()
    older = [*history[1:], None]
    context.out.table(
        [
            Column("version", keep=True),
            Column("hash", keep=True),
            Column("age", right=True),
            Column("size", right=True),
            Column("change", right=True),
            Column("rows", right=True),
            Column("change", right=True),
            Column("marks"),
            Column("message"),
        ],
        [
            [
                item.label,
                item.short,
                format_age(item.created, now),
                format_size(item.bytes),
                _delta(item.bytes, before.bytes if before else None, format_size),
                f"{item.rows:,}" if item.rows is not None else "",
                _delta(item.rows, before.rows if before else None, lambda rows: f"{rows:,}"),
                " ".join(_marks(item, aliases)),
                item.note or item.message,
            ]
            for item, before in zip(history, older, strict=True)
        ],
    )
    return 0


@commands.add(
    "data",
    "status",
    help="how a working copy differs from the latest version",
    example="lab data status digits",
    arguments=(
        argument("refs", metavar="REF", nargs="*", completes="dataset", help="datasets (default: the project's)"),
        argument("--paranoid", action="store_true", help="read every file, also those that look untouched"),
    ),
)
def status(context: Context, args: Namespace) -> int:
    """Exit code 0 if all are as their versions, 1 if any differs."""
    datasets, out = context.ws.datasets, context.out
    refs = args.refs or [dataset.id for dataset in datasets.list() if dataset.project == datasets.project_name]
    found = [datasets.status(ref, paranoid=args.paranoid) for ref in refs]
    if out.json:
        out.document(listing(changes_shape(version, changes) for version, changes in found))
    else:
        if not found:
            out.say("no datasets in this project yet")
        for version, changes in found:
            out.line(f"{version.dataset}  {_changes(changes)} since {version.label}")
            for word, paths in (("+", changes.added), ("-", changes.removed), ("~", changes.changed)):
                for path in paths[:_FILES]:
                    out.line(f"  {word} {path}")
                if len(paths) > _FILES:
                    out.say(f"  {word} and {len(paths) - _FILES:,} more; --json lists them all")
    return 0 if all(changes.clean for _, changes in found) else 1


@commands.add(
    "data",
    "checkout",
    help="bring a version back to the working copy, or to another folder",
    example="lab data checkout digits@v1",
    arguments=(
        _REF,
        argument("only", metavar="FILE", nargs="?", default="", help="only this file or folder of it"),
        argument("--to", metavar="DIR", completes="path", help="put it there instead"),
        argument("--stash", action="store_true", help="make a version of uncommitted changes first"),
    ),
)
def checkout(context: Context, args: Namespace) -> int:
    out = context.out
    target = context.path(args.to) if args.to else None
    version, place, stashed = context.ws.datasets.checkout(
        args.ref, to=target, only=args.only, stash=args.stash, progress=out.progress
    )
    if out.json:
        out.document(
            {
                **dataset_version_shape(version),
                "path": str(place),
                "file": args.only or None,
                "stashed": stashed.label if stashed else None,
            }
        )
        return 0
    if stashed:
        out.say(f"what was there and in no version is {stashed.dataset}@{stashed.label} now")
    out.line(f"{args.only or version.dataset}@{version.label} is at {place}")
    return 0


@commands.add(
    "data",
    "tag",
    help="give a version tags (without any: take them away)",
    example="lab data tag digits@v1 raw reviewed",
    arguments=(_REF, argument("tags", metavar="TAG", nargs="*", help="the version's tags from now on")),
)
def tag(context: Context, args: Namespace) -> int:
    return _told(context, context.ws.datasets.tag(args.ref, args.tags))


@commands.add(
    "data",
    "note",
    help="write a note to a version",
    example="lab data note digits@v1 'labels checked by hand'",
    arguments=(_REF, argument("text", metavar="TEXT", help="the note; an empty one takes it away")),
)
def note(context: Context, args: Namespace) -> int:
    return _told(context, context.ws.datasets.note(args.ref, args.text))


@commands.add(
    "data",
    "alias",
    help="have a movable name, such as prod, mean this version",
    example="lab data alias digits@v1 baseline",
    arguments=(
        _REF,
        argument("alias", metavar="ALIAS", help="such as prod or baseline"),
        argument("--remove", action="store_true", help="take the alias away from the dataset instead"),
    ),
)
def alias(context: Context, args: Namespace) -> int:
    datasets = context.ws.datasets
    if args.remove:
        return _told(context, datasets.unalias(args.ref.partition("@")[0], args.alias).latest)
    return _told(context, datasets.alias(args.ref, args.alias))


@commands.add(
    "data",
    "rm",
    help="take a version out of sight; 'lab gc' may free its bytes then",
    example="lab data rm digits@v1",
    arguments=(_REF, argument("--undo", action="store_true", help="bring it back instead")),
)
def rm(context: Context, args: Namespace) -> int:
    version = context.ws.datasets.retire(args.ref, undo=args.undo)
    if not args.undo:
        context.out.say(f"{version.ref} is out of sight; bring it back with --undo while its bytes are there")
    return _told(context, version)


def _told(context: Context, version: DatasetVersion) -> int:
    aliases = context.ws.datasets.aliases(version)
    if context.out.json:
        context.out.document(dataset_version_shape(version, aliases))
    else:
        marks = " ".join(_marks(version, aliases))
        context.out.line(f"{version.dataset}@{version.label}  {marks or 'no tags, no aliases'}")
    return 0


def _marks(version: DatasetVersion, aliases: Mapping[str, int]) -> list[str]:
    """Aliases and tags, and what else one must know of a version."""
    pointing = [f"@{name}" for name, number in sorted(aliases.items()) if number == version.number]
    words = [*pointing, *version.tags]
    if version.verdict in (Verdict.BLOCKED, Verdict.WARNED):
        words.append(version.verdict.value)
    words += ["auto"] * version.auto + ["removed"] * version.retired
    return words


def _delta(new: int | None, old: int | None, shown: Callable[[int], str]) -> str:
    if new is None or old is None or new == old:
        return ""
    return f"+{shown(new - old)}" if new > old else f"-{shown(old - new)}"


def _changes(changes: Changes) -> str:
    if changes.clean:
        return "unchanged"
    parts = (("added", changes.added), ("removed", changes.removed), ("changed", changes.changed))
    return ", ".join(f"{len(paths):,} {word}" for word, paths in parts if paths)


@commands.add(
    "data",
    "show",
    help="everything about one version of a dataset",
    example="lab data show digits@v1",
    arguments=(_REF,),
)
def show(context: Context, args: Namespace) -> int:
    out, datasets = context.out, context.ws.datasets
    version = datasets.get(args.ref)
    files, (links, folders) = datasets.files(version), datasets.others(version)
    history = datasets.versions(version.dataset, version.project)
    aliases = datasets.aliases(version)
    if out.json:
        versions = [{"version": item.number, "manifest": item.id} for item in history]
        shape = dataset_version_shape(version, aliases)
        others = {
            "links": [{"path": path, "target": target} for path, target in links.items()],
            "folders": list(folders),
        }
        out.document({**shape, "contents": files_shape(files), **others, "versions": versions})
        return 0
    out.line(f"{version.dataset}@{version.label}  {_size(version)}", "bold")
    out.facts(
        [
            ("project", version.project),
            ("manifest", version.id),
            ("created", format_local(version.created)),
            ("message", version.message),
            ("note", version.note),
            ("marks", " ".join(_marks(version, aliases))),
            ("from", ", ".join(f"{key} {value}" for key, value in version.origin.items())),
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
    for path, target in list(links.items())[:_FILES]:
        out.line(f"{path} is a link to {target}")
    for path in folders[:_FILES]:
        out.line(f"{path} is an empty folder")
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
    files = count_of(version.files, "file")
    return f"{files}, {format_size(version.bytes)}{rows}"
