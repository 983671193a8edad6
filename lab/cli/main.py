"""The command line: every command, and how one is carried out."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from lab import __version__
from lab.cli.context import AppDoors, Context
from lab.cli.declare import Command
from lab.cli.helps import overview
from lab.cli.output import Output
from lab.cli.parser import Invocation, asks_help, build, leading_words, parse
from lab.errors import LabError, UsageError, of_system

#: Ended by Ctrl-C; ended because nobody reads what is written.
INTERRUPTED, CLOSED_PIPE = 130, 141

#: The files that declare commands, in the order of the help.
_FILES = (
    *(
        "project",
        "status",
        "explain",
        "keys",
        "data",
        "data_findings",
        "data_sharing",
        "store",
        "launch",
        "queue",
        "sweeps",
        "runlists",
        "runs",
    ),
    *("logs", "compare_verb", "relate", "run_edits", "undo", "reproduce", "purge", "lineage", "run_views", "kinship"),
    *("run_parts", "data_head"),
    *("plot", "describing", "guarding", "imports", "models", "predict", "rollouts", "deployments", "measuring"),
    *("gates", "search", "web", "desktop", "completion"),
)
#: Of which files a command comes that begins with these words: the others need not be loaded for it.
_FILES_OF = {
    "data": ("data", "data_findings", "data_sharing", "data_head", "store"),
    "status": ("status",),
    "explain": ("explain",),
    "keys": ("keys",),
    "gates": ("gates",),
    "search": ("search",),
    "web": ("web",),
    "desktop": ("desktop",),
    "gc": ("store",),
    "disk": ("store",),
    "run": ("launch",),
    "queue": ("queue",),
    "sweeps": ("sweeps",),
    "runs ls": ("runlists",),
    "runs compare": ("compare_verb",),
    "runs describe": ("describing",),
    "runs plot": ("plot",),
    "runs reproduce": ("reproduce",),
    "runs": (
        *("launch", "runlists", "runs", "logs", "compare_verb", "relate", "run_edits", "undo", "reproduce", "purge"),
        *("lineage", "run_views", "kinship", "guarding", "describing", "plot", "run_parts"),
    ),
    "import": ("imports",),
    "models": ("models", "lineage"),
    "predict": ("predict",),
    "deploy": ("rollouts",),
    "deployments": ("rollouts", "deployments", "measuring", "lineage"),
}

#: Opens the app: (lab home or None, project folder, whether only to look) to an exit code.
OpenApp = Callable[[Path | None, Path, bool], int]


def commands(argv: Sequence[str] | None = None) -> tuple[Command, ...]:
    """Every command or, where the files are known, those that may be meant by `argv`; none where it has no word."""
    files = [import_module(f"lab.cli.{name}") for name in _files(argv)]
    return tuple(command for file in files for command in file.commands.all)


def _files(argv: Sequence[str] | None) -> Sequence[str]:
    if argv is None:
        return _FILES
    words = leading_words(argv)
    if not words:
        return _FILES if asks_help(argv) else ()
    return _FILES_OF.get(" ".join(words[:2])) or _FILES_OF.get(words[0], _FILES)


def command_list() -> list[tuple[str, str]]:
    """(synopsis, help) of every public command, as README lists them."""
    return [(item.synopsis, item.help) for item in commands() if not item.hidden]


def run(argv: Sequence[str], open_app: OpenApp, among: Sequence[Command] = (), app: AppDoors | None = None) -> int:
    """Carry out `lab <argv…>` with one of Lab's commands or, where given, of those `among`; the result is the exit
    code (README, "Exit codes")."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    out = Output(sys.stdout, sys.stderr, json=_wants_json(argv))
    try:
        code = _run(argv, out, open_app, among or commands(argv), app)
        out.flush()
    except BrokenPipeError:
        # What is still buffered has no reader: without this the interpreter would complain of it at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing of it is buffered again
        out.error(of_system(error))
        return LabError.exit_code
    return code


def _wants_json(argv: Sequence[str]) -> bool:
    end = list(argv).index("--") if "--" in argv else len(argv)
    return "--json" in argv[:end]


def _run(argv: Sequence[str], out: Output, open_app: OpenApp, among: Sequence[Command], app: AppDoors | None) -> int:
    try:
        invocation = parse(among, argv)
        if invocation.args.help:
            return _help(invocation, out, among)
        if invocation.command is None:
            return _no_command(invocation, out, open_app)
        context = Context(out, invocation.args.home, invocation.args.project_dir, among, app)
        try:
            return invocation.command.handler(context, invocation.args)
        finally:
            context.close()
    except LabError as error:
        out.error(error)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED


def _help(invocation: Invocation, out: Output, among: Sequence[Command]) -> int:
    if invocation.command is not None:
        text = build(invocation.command).format_help()
    else:
        text = overview(among, invocation.noun)
    if out.json:
        out.document({"help": text})
    else:
        out.script(text.rstrip() + "\n")
    return 0


def _no_command(invocation: Invocation, out: Output, open_app: OpenApp) -> int:
    args = invocation.args
    if args.version:
        if out.json:
            out.document({"version": __version__})
        else:
            out.line(f"lab {__version__}")
        return 0
    if out.json:
        raise UsageError("--json needs a command", "such as: lab runs ls --json")
    return open_app(args.home, (args.project_dir or Path.cwd()).absolute(), args.readonly)
