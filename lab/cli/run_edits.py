"""`lab runs rename|star|archive …`: what a user may change about a run, and what was changed."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Callable

from lab.cli.context import Context
from lab.cli.declare import Declarations, argument
from lab.cli.formats import format_local
from lab.cli.shapes import edit_shape, listing, run_shape
from lab.cli.tables import Column
from lab.domain.runs import Run
from lab.errors import UsageError

commands = Declarations("Runs")

_REF = argument("ref", metavar="REF", completes="run", help="a run's name or id, or how one begins")
_ALSO = argument("--also", metavar="REF", action="append", default=[], completes="run", help="this run too; repeat it")
_REFS = argument("refs", metavar="REF", nargs="+", completes="run", help="runs by name or id")


@commands.add(
    "runs",
    "tag",
    help="replace a run's tags; without TAG, take them off",
    example="lab runs tag calm-otter-42 best",
    arguments=(
        _REF,
        argument("tags", metavar="TAG", nargs="*", help="its tags from now on"),
        argument("--add", action="store_true", help="beside those that it has"),
        argument("--remove", action="store_true", help="take these off, and no others"),
        _ALSO,
    ),
)
def tag(context: Context, args: Namespace) -> int:
    if args.add and args.remove:
        raise UsageError("--add and --remove at once", "one command for each")
    runs = context.settled.runs
    changed = [
        runs.retag(ref, args.tags if args.add else (), args.tags if args.remove else ())
        if args.add or args.remove
        else runs.tag(ref, args.tags)
        for ref in (args.ref, *args.also)
    ]
    return _tell(context, changed, lambda run: ", ".join(run.tags) or "no tags")


@commands.add(
    "runs",
    "note",
    help="replace a run's notes",
    example="lab runs note calm-otter-42 learning rate too high",
    arguments=(
        _REF,
        argument("text", metavar="TEXT", nargs="+", help="its notes from now on"),
        argument("--add", action="store_true", help="as a line below those that it has"),
        _ALSO,
    ),
)
def note(context: Context, args: Namespace) -> int:
    text = " ".join(args.text)
    changed = [context.settled.runs.note(ref, text, add=args.add) for ref in (args.ref, *args.also)]
    return _tell(context, changed, lambda run: run.notes)


@commands.add(
    "runs",
    "rename",
    help="give a run another name",
    example="lab runs rename calm-otter-42 baseline",
    arguments=(_REF, argument("name", metavar="NAME", help="letters, digits, '.', '_' and '-'")),
)
def rename(context: Context, args: Namespace) -> int:
    before = context.settled.runs.get(args.ref)
    run = context.ws.runs.rename(before.id, args.name)
    return _tell(context, [run], f"was {before.name}")


@commands.add("runs", "star", help="put a star on runs", example="lab runs star calm-otter-42", arguments=(_REFS,))
def star(context: Context, args: Namespace) -> int:
    return _tell(context, [context.settled.runs.star(ref) for ref in args.refs], "starred")


@commands.add("runs", "unstar", help="take the star off", example="lab runs unstar calm-otter-42", arguments=(_REFS,))
def unstar(context: Context, args: Namespace) -> int:
    return _tell(context, [context.settled.runs.star(ref, False) for ref in args.refs], "not starred")


@commands.add(
    "runs",
    "archive",
    help="take runs out of sight; 'archived:yes' finds them",
    example="lab runs archive calm-otter-42",
    arguments=(_REFS,),
)
def archive(context: Context, args: Namespace) -> int:
    return _tell(context, [context.settled.runs.archive(ref) for ref in args.refs], "archived")


@commands.add(
    "runs",
    "unarchive",
    help="bring archived runs back",
    example="lab runs unarchive calm-otter-42",
    arguments=(_REFS,),
)
def unarchive(context: Context, args: Namespace) -> int:
    return _tell(context, [context.settled.runs.archive(ref, False) for ref in args.refs], "back in the table")


def _tell(context: Context, runs: list[Run], what: str | Callable[[Run], str]) -> int:
    """One run as itself, several as a list."""
    if context.out.json:
        shapes = [run_shape(run, time.time()) for run in runs]
        context.out.document(shapes[0] if len(shapes) == 1 else listing(shapes))
    else:
        for run in runs:
            context.out.line(f"{run.name}  {what if isinstance(what, str) else what(run)}")
    return 0


@commands.add(
    "runs",
    "history",
    help="what was edited of a run, and what was there before",
    example="lab runs history calm-otter-42",
    arguments=(_REF,),
)
def history(context: Context, args: Namespace) -> int:
    edits = context.settled.runs.edits(args.ref)
    if context.out.json:
        context.out.document(listing(edit_shape(edit) for edit in edits))
    elif edits:
        columns = [Column("when", keep=True), Column("what"), Column("before"), Column("after")]
        context.out.table(
            columns,
            [[format_local(edit.at), edit.what, edit_text(edit.before), edit_text(edit.after)] for edit in edits],
        )
    else:
        context.out.say("nothing was edited")
    return 0


def edit_text(value: object) -> str:
    """A value before or after an edit, in words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, tuple) else str(value or "")
