"""Finding things: the help of a screen, the palette over all actions and objects, runs by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.binding import Binding
from textual.widget import Widget

from lab.domain.query import RunQuery
from lab.errors import UsageError
from lab.ui import actions
from lab.ui.commands import Command
from lab.ui.render.status import deployment_mark, run_mark
from lab.ui.screens.base import LabScreen
from lab.ui.screens.commanding import obey
from lab.ui.screens.compare import CompareScreen
from lab.ui.screens.pick import Item, PickScreen
from lab.ui.screens.runs import RunsScreen

if TYPE_CHECKING:
    from lab.ui.app import LabApp
    from lab.workspace import Workspace

#: Runs that the palette offers; older ones are found by `:run NAME` or the filter.
_PALETTE_RUNS = 300

_ACTION, _WIDGET, _ELSEWHERE = "action", "widget", "elsewhere"


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


def elsewhere_items(screen: LabScreen) -> list[Item]:
    """What can be done on the other screens that a word of the command line opens."""
    here = {action.id for action in (*actions.of_screen(screen.KIND), *actions.everywhere())}
    return [
        Item(f"{_ELSEWHERE} {kind} {action.id}", action.title, actions.SCREENS[kind], action.help)
        for kind in (*actions.MODES, "queue", "sweeps", "disk", "search")
        for action in actions.of_screen(kind)
        if action.id not in here and (action.risk == "none" or not screen.lab.read_only)
    ]


async def palette(screen: LabScreen) -> None:
    """All actions and objects by name."""
    focused = screen.focused
    items = action_items(screen) + await screen.ask(object_items) + elsewhere_items(screen)
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
    elif kind == _ELSEWHERE:
        await _do_elsewhere(screen.lab, *rest.split(" "))
    elif kind:
        await screen.lab.show_object(kind, rest)


async def _do_elsewhere(app: LabApp, kind: str, action_id: str) -> None:
    """Go to a screen and do it there; what is done to one object waits until that is chosen."""
    action = actions.get(action_id)
    await obey(app, Command(kind))
    if "{id" in action.cli or "{ref" in action.cli or not isinstance(app.screen, LabScreen):
        key = _keys(action, app.moved_keys.get(action.id, "")).partition(" ")[0]
        app.tell(f"{key} here: {action.help}")
    else:
        await app.run_action(action.method, app.screen)


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


async def open_comparison(app: LabApp, rest: str) -> None:
    """`:compare A B`."""
    names = rest.split()
    if len(names) < 2:
        raise UsageError("which runs? :compare needs two names or ids")
    ids = await app.bridge.ask(lambda ws: [ws.runs.get(name).id for name in names])
    await app.push_screen(CompareScreen(ids))
