"""What the shell may offer for the last of some words: commands, options, and names from the lab home."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path

from lab.cli.context import Context
from lab.cli.declare import Argument, Command
from lab.cli.parser import GLOBALS, READ_ONLY, VERSION, find, split
from lab.cli.runtable import OWN
from lab.domain.query import RunQuery
from lab.domain.runs import Param, RunStatus
from lab.paths import default_home

#: Nothing else is offered: a word goes into the command line as it is, and the shell would obey what is in it.
_HARMLESS = re.compile(r"[A-Za-z0-9@:._=/+-]+")
_RECENT = 200  # runs that are offered


def candidates(context: Context, words: Sequence[str]) -> list[str]:
    """Words that may stand for the last of `words` (those after `lab`); empty where a path is to be typed."""
    *before, word = words or [""]
    names, _options, rest = split(context.commands, before)
    command = find(context.commands, names)
    if command is None:
        offered = [] if rest else _commands(context.commands, names, word)
    else:
        offered = _arguments(context, command, rest, word)
    return [item for item in dict.fromkeys(offered) if item.startswith(word) and _HARMLESS.fullmatch(item)]


def _commands(commands: Sequence[Command], names: tuple[str, ...], word: str) -> list[str]:
    if word.startswith("-"):
        return _flags(GLOBALS if names else (*GLOBALS, VERSION, READ_ONLY))
    return [item.words[len(names)] for item in commands if item.words[: len(names)] == names and not item.hidden]


def _flags(arguments: Iterable[Argument]) -> list[str]:
    return [flag for item in arguments if not item.positional for flag in item.flags if flag.startswith("--")]


def _arguments(context: Context, command: Command, rest: Sequence[str], word: str) -> list[str]:
    """What fits the argument that `word` begins."""
    everything = (*command.arguments, *GLOBALS)
    values = {flag: item for item in everything if item.takes_value and not item.positional for flag in item.flags}
    positionals = [item for item in command.arguments if item.positional]
    given = [text for at, text in enumerate(rest) if not text.startswith("-") and not (at and rest[at - 1] in values)]
    if rest and rest[-1] in values:
        return _values(context, values[rest[-1]].completes, word, given)
    if word.startswith("-"):
        return _flags(everything)
    if not positionals:
        return []
    argument = positionals[min(len(given), len(positionals) - 1)]
    if len(given) >= len(positionals) and argument.options.get("nargs") not in ("*", "+"):
        return []
    return _values(context, argument.completes, word, given)


def _values(context: Context, kind: str, word: str, given: Sequence[str]) -> list[str]:
    if kind == "entry":
        return list(_entries(context))
    if kind == "param":
        return [f"{name}=" for name in _entries(context).get(given[0] if given else "", ())]
    if kind == "filter":
        return [*(f"status:{status.value}" for status in RunStatus), "tag:", "archived:yes", "starred:yes"]
    if kind not in _STORED:
        return kind.split("|") if "|" in kind else []
    # A lab home that is not there has no names, and asking for some must not make it.
    return _STORED[kind](context, word) if (context.home or default_home()).is_dir() else []


def _entries(context: Context) -> dict[str, dict[str, Param]]:
    """The project's entries with their parameters."""
    # Here and not above: no other command needs to read settings by itself.
    from lab.settings import find_project, load_project

    root = find_project(context.folder)
    return {name: dict(entry.params) for name, entry in load_project(root).entries.items()} if root else {}


def _runs(context: Context, word: str) -> list[str]:
    runs = context.ws.runs.list(RunQuery(limit=_RECENT)).items
    return [run.name for run in runs] + [run.id for run in runs if word and run.id.startswith(word)]


def _datasets(context: Context, word: str) -> list[str]:
    datasets = context.ws.datasets.list()
    name, at, _ = word.partition("@")
    if not at:
        return [dataset.name for dataset in datasets]
    versions = [
        item for one in datasets if one.name == name for item in context.ws.datasets.versions(name, one.project)
    ]
    aliases = [alias for one in datasets if one.name == name for alias in one.aliases]
    return [*(f"{name}@{version.label}" for version in versions), *(f"{name}@{alias}" for alias in aliases)]


def _models(context: Context, word: str) -> list[str]:
    models = context.ws.models.list()
    name, colon, _ = word.partition(":")
    if colon:
        return [f"{name}:{version.label}" for version in context.ws.models.versions(name)]
    aliased = [f"{model.name}@{alias}" for model in models for alias in model.aliases]
    return [*(model.name for model in models), *aliased]


def _model_names(context: Context, word: str) -> list[str]:
    return [model.name for model in context.ws.models.list()]


def _deployments(context: Context, word: str) -> list[str]:
    return [deployment.name for deployment in context.ws.deployments.list()]


def _views(context: Context, word: str) -> list[str]:
    return [view.name for view in context.ws.runs.views.list(context.ws.projects.name)]


def _sweeps(context: Context, word: str) -> list[str]:
    return [sweep.name for sweep in context.ws.sweeps.list()]


def _columns(context: Context, word: str) -> list[str]:
    params, metrics = context.ws.runs.keys()
    names = [*OWN, *params, *metrics, *(f"{name}.best" for name in metrics)]
    return [f"-{name}" for name in names] if word.startswith("-") else names


_STORED: dict[str, Callable[[Context, str], list[str]]] = {
    "run": _runs,
    "dataset": _datasets,
    "model": _models,
    "model-name": _model_names,
    "deployment": _deployments,
    "column": _columns,
    "view": _views,
    "sweep": _sweeps,
}


def folders(words: Sequence[str]) -> tuple[Path | None, Path | None]:
    """The lab home and project folder that `words` ask for; completion is to look where the command would."""
    home = project = None
    for flag, value in pairwise(words):
        if flag == "--home":
            home = Path(value)
        elif flag in ("-C", "--project-dir"):
            project = Path(value)
    return home, project
