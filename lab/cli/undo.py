"""`lab undo`, `lab runs undo`: take back the last edit, of anything or of runs only."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from lab.cli.context import Context
from lab.cli.declare import Declarations, argument
from lab.cli.run_edits import edit_text
from lab.cli.shapes import edit_shape
from lab.domain.edits import DATASET, MODEL, RUN

commands = Declarations("Project")

_REDO = argument("--redo", action="store_true", help="do again what was undone last")
_DRY = argument("--dry-run", action="store_true", help="only tell what would be undone")


@commands.add(
    "undo",
    help="take back the last edit of a run, a dataset version, an alias or a promotion",
    example="lab undo --dry-run",
    arguments=(_REDO, _DRY),
)
def undo(context: Context, args: Namespace) -> int:
    return _undo(context, args, (RUN, DATASET, MODEL))


@commands.add(
    "runs",
    "undo",
    help="take back the last edit of a run: a name, note, tag, star or archiving",
    example="lab runs undo",
    arguments=(_REDO, _DRY),
)
def undo_of_runs(context: Context, args: Namespace) -> int:
    return _undo(context, args, (RUN,))


def _undo(context: Context, args: Namespace, nouns: Sequence[str]) -> int:
    room = context.settled.undo
    if args.dry_run:
        done = room.next(redo=args.redo, nouns=nouns)
    else:
        done = room.redo(nouns) if args.redo else room.undo(nouns)
    if context.out.json:
        context.out.document({"kind": done.kind, "id": done.id, "name": done.name, **edit_shape(done.edit)})
    else:
        change = f"{edit_text(done.edit.before)} → {edit_text(done.edit.after)}"
        context.out.line(f"{done.name}  {done.edit.what}: {change}")
    return 0
