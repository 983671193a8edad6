"""`lab keys`: what every key of the app does, with the ones that config.toml moves, and what is wrong with those."""

from __future__ import annotations

from argparse import Namespace

from lab.cli.context import Context
from lab.cli.declare import Declarations
from lab.cli.tables import Cell, Column, Styled
from lab.errors import LabError
from lab.paths import default_home
from lab.settings import user_settings

commands = Declarations("Project")


@commands.add("keys", help="the keys of the app; exit 1 if config.toml gives one two meanings", example="lab keys")
def keys(context: Context, args: Namespace) -> int:
    if context.keys is None:
        raise LabError("there is no app here whose keys could be listed", "start it as the program lab")
    table = context.keys(user_settings(context.home or default_home()).keys)
    if context.out.json:
        items = [
            {"id": one.id, "title": one.title, "keys": list(one.keys), "moved": one.moved, "where": list(one.where),
             "command": one.command}
            for one in table.bound
        ]  # fmt: skip
        context.out.document({"items": items, "total": len(items), "problems": list(table.troubles)})
    else:
        rows: list[list[Cell]] = [
            [" ".join(one.keys), Styled(one.id, "warn") if one.moved else one.id, one.title, " ".join(one.where)]
            for one in table.bound
        ]
        context.out.table(
            [Column("keys", keep=True), Column("action", keep=True), Column("does"), Column("where")], rows
        )
        for sentence in table.troubles:
            context.out.say(sentence)
        context.out.say('move one in config.toml of the lab home: [keys]  "runs.launch" = "f5"')
    return 1 if table.troubles else 0
