"""What the `:` command line does, and what it can complete."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from lab.domain.query import RunQuery
from lab.errors import NotFoundError, UsageError
from lab.ui import actions
from lab.ui.commands import OBJECTS, Command, Names, filter_keys
from lab.ui.screens.base import LabScreen

if TYPE_CHECKING:
    from lab.ui.app import LabApp
    from lab.workspace import Workspace

#: Names of runs that are offered; older ones can be typed.
_RUNS = 300
_DONE_BY = {"q": "quit", "help": "app_help", "log": "app_log", "undo": "app_undo", "redo": "app_redo"}
_SCREENS = {"disk": "DiskScreen", "queue": "QueueScreen", "sweeps": "SweepsScreen"}


async def obey(app: LabApp, command: Command) -> None:
    """Do what was typed. Raises LabError."""
    word, rest = command.word, command.rest
    if word in actions.MODES:
        await app.go(word)
        if rest and isinstance(app.screen, LabScreen):
            app.screen.apply_filter(rest)
    elif word in OBJECTS:
        await _open_object(app, word, rest)
    elif word == "compare":
        await import_module("lab.ui.screens.find").open_comparison(app, rest)
    elif word == "view":
        await import_module("lab.ui.screens.find").open_view(app, rest)
    elif word == "diff":
        await import_module("lab.ui.screens.dataset_diff").open_diff(app, rest)
    elif word == "search":
        await app.push_screen(import_module("lab.ui.screens.search").SearchScreen(rest))
    elif word in _SCREENS:
        await app.push_screen(getattr(import_module(f"lab.ui.screens.{word}"), _SCREENS[word])())
    elif word == "theme":
        await _choose_theme(app, rest)
    elif word == "explain":
        app.explain(rest)
    else:
        await app.run_action(_DONE_BY[word])


async def _choose_theme(app: LabApp, name: str) -> None:
    """One by its name, else out of a list."""
    if not name:
        await app.run_action("app_theme")
    elif name in app.available_themes:
        app.use_theme(name)
    else:
        raise UsageError(f"no theme {name!r}", f"there are: {', '.join(sorted(app.available_themes))}")


async def _open_object(app: LabApp, kind: str, ref: str) -> None:
    """`:run NAME`, `:model NAME@ALIAS`, `:dataset NAME`, `:deployment NAME`."""
    if not ref:
        raise UsageError(f"which {kind}? :{kind} needs a name", "tab offers those that there are")
    if kind == "run":
        key = await app.bridge.ask(lambda ws: ws.runs.get(ref).id)
    else:
        name = ref if kind == "deployment" else ref.partition("@")[0].partition(":")[0]
        key = await app.bridge.ask(lambda ws: _key_of(ws, kind, name))
    await app.show_object(kind, key)


def _key_of(ws: Workspace, kind: str, name: str) -> str:
    """The key of an object in its list. Raises NotFoundError."""
    found = {
        "dataset": lambda: [one.id for one in ws.datasets.list() if name in (one.name, one.id)],
        "model": lambda: [one.name for one in ws.models.list() if one.name == name],
        "deployment": lambda: [one.id for one in ws.deployments.list() if name in (one.name, one.id)],
    }[kind]()
    if not found:
        raise NotFoundError(f"no {kind} {name!r}", f"tab after :{kind} offers those that there are")
    return found[0]


def known_names(ws: Workspace) -> Names:
    """Everything that a command may name, on a core thread."""
    datasets, keys = ws.datasets.list(), ws.runs.keys()
    objects = {
        "run": [run.name for run in ws.runs.list(RunQuery(limit=_RUNS)).items],
        "dataset": [one.name for one in datasets],
        "model": [one.name for one in ws.models.list()],
        "deployment": list(dict.fromkeys(one.name for one in ws.deployments.list())),
        "view": [view.name for view in ws.runs.views.list(ws.projects.name)],
        "explain": [name for names in keys for name in names],
    }
    return Names(objects, filter_keys(*keys))
