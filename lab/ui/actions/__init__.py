"""Every action of the app, declared once as data: a file per part of the app, put together here.

Key bindings, the key bar, the `?` help, the command palette, the `@` command log and the cheat sheet in README all
come from `ACTIONS`; nothing else says which key does what. `WIDGET_ACTIONS` tells the same of keys that a widget
handles by itself wherever it is (tables, charts, logs).
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable

from textual.binding import Binding, BindingType

from lab.ui.actions import compare, data, home, runs, search, serving
from lab.ui.actions import everywhere as everywhere_
from lab.ui.actions.model import EVERYWHERE, MODES, SCREENS, WIDGETS, Action, Risk, key_text
from lab.ui.actions.widgets import WIDGET_ACTIONS

__all__ = ["ACTIONS", "BAR", "EVERYWHERE", "MODES", "SCREENS", "TYPED", "WIDGETS", "WIDGET_ACTIONS", "WRITING",
           "Action", "Risk", "bar", "bindings", "command", "everywhere", "get", "key_text", "of_screen"]  # fmt: skip

ACTIONS: tuple[Action, ...] = (
    *everywhere_.ACTIONS,
    *home.ACTIONS,
    *data.ACTIONS,
    *search.ACTIONS,
    *runs.ACTIONS,
    *compare.ACTIONS,
    *serving.ACTIONS,
    *everywhere_.SHARED,
)

#: The key bar shows at most this many actions.
BAR = 7
_LAST = 90  # actions of this rank and above end the key bar

_BY_ID = {action.id: action for action in ACTIONS}
#: Ids of the actions that change anything, and what Textual calls them.
WRITING = {action.id: action.method for action in ACTIONS if action.risk != "none"}

#: What opens something to type in. It happens before anything else that was typed is looked at, so that nothing of it
#: is taken for a key of the screen; inside a line its key is a letter like others.
TYPED = frozenset(action.method for action in ACTIONS if {"/", ":", "&", "?"} & set(action.keys))


def get(action_id: str) -> Action:
    """The action of that id. Raises KeyError for an unknown one."""
    return _BY_ID[action_id]


def of_screen(screen: str) -> tuple[Action, ...]:
    """Actions that belong to one screen, without those that are everywhere."""
    return tuple(action for action in ACTIONS if screen in action.screens)


def everywhere() -> tuple[Action, ...]:
    return tuple(action for action in ACTIONS if EVERYWHERE in action.screens)


def bar(screen: str, room: int = BAR, hidden: Collection[str] = ()) -> tuple[Action, ...]:
    """What the key bar shows on a screen, at most `room`: the most important first, help and leave always last."""
    ranked = [a for a in (*of_screen(screen), *everywhere()) if a.rank and a.keys and a.id not in hidden]
    ranked.sort(key=lambda action: action.rank)
    last = [action for action in ranked if action.rank >= _LAST]
    return tuple([action for action in ranked if action.rank < _LAST][: room - len(last)] + last)


def bindings(actions: Iterable[Action]) -> list[BindingType]:
    """Textual bindings, each with an id so that a keymap can move it."""
    return [
        Binding(",".join(_binding_key(key) for key in action.keys), action.method, action.title, show=False,
                id=action.id, tooltip=action.help, priority=action.method in (*TYPED, "app_palette", "app_jump"))
        for action in actions
        if action.keys
    ]  # fmt: skip


def _binding_key(key: str) -> str:
    return "comma" if key == "," else key


def command(action: Action, **values: object) -> str:
    """The shell command behind an action, every value quoted; a list becomes several words, an empty one none."""
    words = []
    for word in action.cli.split(" "):
        if word.startswith("{") and word.endswith("}"):
            value = values.get(word[1:-1], "")
            parts = [str(part) for part in value] if isinstance(value, list | tuple) else [str(value)] if value else []
            words += [shlex.quote(part) for part in parts]
        else:
            words.append(word)
    return " ".join(words)
