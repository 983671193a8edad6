"""`lab --help` and `lab NOUN --help`, drawn from the declared commands."""

from __future__ import annotations

from collections.abc import Sequence

from lab.cli.declare import Command
from lab.cli.parser import GLOBALS, READ_ONLY, VERSION

_HEAD = """\
lab: a lab manager for machine learning on your own machine

usage: lab                        open the app
       lab COMMAND [options]      do one thing
"""
_FOOT = """\
'lab COMMAND --help' tells more.
exit codes: 0 ok, 1 failed, 2 usage, 3 not found, 4 conflict, 5 no engine, 6 gate rejected, 7 integrity"""


def overview(commands: Sequence[Command], noun: str = "") -> str:
    """Help on every command, or on those of `noun`."""
    shown = [item for item in commands if not item.hidden and (not noun or item.words[0] == noun)]
    width = max(len(item.synopsis) for item in shown)
    lines = [] if noun else [_HEAD]
    for group in dict.fromkeys(item.group for item in shown):
        members = [item for item in shown if item.group == group]
        lines += [group, *(f"  {item.synopsis:{width}}  {item.help}" for item in members), ""]
    options = [
        (", ".join((*item.flags[:-1], item.synopsis)), str(item.options["help"]))
        for item in (*GLOBALS, VERSION, READ_ONLY)
    ]
    lines += ["options, before or after the command", *(f"  {flags:{width}}  {text}" for flags, text in options), ""]
    return "\n".join([*lines, _FOOT])
