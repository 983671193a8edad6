"""Finding things: the help of a screen, the palette over all actions and objects, runs by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.binding import Binding
from textual.widget import Widget

from lab.domain.query import RunQuery
from lab.errors import UsageError
from lab.ui import actions
from lab.ui.render.status import deployment_mark, run_mark
from lab.ui.screens.base import LabScreen
from lab.ui.screens.compare import CompareScreen
from lab.ui.screens.pick import Item, PickScreen
from lab.ui.screens.runs import RunsScreen

if TYPE_CHECKING:
    from lab.ui.app import LabApp
    from lab.workspace import Workspace

#: Runs that the palette offers; older ones are found by `:run NAME` or the filter.
_PALETTE_RUNS = 300

_ACTION, _WIDGET = "action", "widget"


def action_items(screen: LabScreen) -> list[Item]:
    """Every action that can be done here, with its key."""
    moved = screen.lab.moved_keys
    chosen = [
        action
        for action in (*actions.of_screen(screen.KIND), *actions.everywhere())
        if action.risk == "none" or not screen.lab.read_only
    ]
    return [
        Item(f"{_ACTION} {action.method}", action.title, _keys(action, moved.get(action.id, "")), action.help)
        for action in chosen
    ]


def _keys(action: actions.Action, moved: str) -> str:
    keys = moved.split(",") if moved else action.keys
    return " ".join(dict.fromkeys(actions.key_text(key) for key in keys))


def widget_items(focused: Widget | None) -> list[Item]:
    """Keys of the widget that has the focus."""
    merged: dict[str, tuple[list[str], str]] = {}
    for key, binding in focused._bindings if focused is not None else ():
        if isinstance(binding, Binding) and binding.description:
            merged.setdefault(binding.action, ([], binding.description))[0].append(actions.key_text(key))
    return [Item(f"{_WIDGET} {action}", title, " ".join(keys)) for action, (keys, title) in merged.items()]


async def help(screen: LabScreen) -> None:
    """All keys of this screen; the chosen one is done."""
    focused = screen.focused
    items = action_items(screen) + widget_items(focused)
    title = f"Keys of {actions.SCREENS[screen.KIND]}"
    chosen = await screen.app.push_screen_wait(PickScreen(title, items, "type to search, enter does it, esc closes"))
    await _do(screen, focused, chosen)


async def palette(screen: LabScreen) -> None:
    """Actions and objects by name."""
    focused = screen.focused
    items = action_items(screen) + await screen.ask(object_items)
    chosen = await screen.app.push_screen_wait(PickScreen("Go anywhere, do anything", items))
    await _do(screen, focused, chosen)


def object_items(ws: Workspace) -> list[Item]:
    """Everything with a name, on a core thread."""
    items = [Item(f"model {one.name}", one.name, "model", one.latest.label) for one in ws.models.list()]
    items += [
        Item(f"deployment {one.id}", one.name, "deployment", deployment_mark(one.status).text)
        for one in ws.deployments.list()
    ]
    items += [Item(f"dataset {one.id}", one.id, "data", one.latest.label) for one in ws.datasets.list()]
    page = ws.runs.list(RunQuery(limit=_PALETTE_RUNS))
    items += [Item(f"run {run.id}", run.name, "run", f"{run_mark(run.status).text}  {run.id}") for run in page.items]
    return items


async def _do(screen: LabScreen, focused: Widget | None, chosen: str | None) -> None:
    kind, _, rest = (chosen or "").partition(" ")
    if kind == _ACTION:
        namespace = screen if hasattr(screen, f"action_{rest}") else screen.app
        await screen.app.run_action(rest, namespace)
    elif kind == _WIDGET and focused is not None:
        await screen.app.run_action(rest, focused)
    elif kind:
        await screen.lab.show_object(kind, rest)


async def open_view(app: LabApp, name: str) -> None:
    """`:view NAME`: the run table as a saved view of this project has it."""
    if not name:
        views = await app.bridge.ask(lambda ws: [view.name for view in ws.runs.views.list(ws.projects.name)])
        told = f"there are: {', '.join(views)}" if views else "lab runs view save NAME FILTER makes one"
        raise UsageError("which view? :view needs its name", told)
    view = await app.bridge.ask(lambda ws: ws.runs.views.get(ws.projects.name, name))
    await app.go("runs")
    if isinstance(app.screen, RunsScreen):
        app.screen.apply_view(view)


async def open_runs(app: LabApp, word: str, rest: str) -> None:
    """`:run NAME` and `:compare A B`."""
    names = rest.split()
    if not names or (word == "compare" and len(names) < 2):
        raise UsageError(f"which run? :{word} needs {'two names or ids' if word == 'compare' else 'a name or id'}")
    ids = await app.bridge.ask(lambda ws: [ws.runs.get(name).id for name in names])
    if word == "compare":
        await app.push_screen(CompareScreen(ids))
    else:
        await app.show_object("run", ids[0])
