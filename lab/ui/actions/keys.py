"""Which keys do what once the user has moved some, and where two actions would have the same one."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

from lab.dataclass import dataclass
from lab.domain.text import clean
from lab.ui import actions
from lab.ui.actions.model import Action

_EVERY = (*actions.ACTIONS, *actions.WIDGET_ACTIONS)
_NAMES = {"esc": "escape", ",": "comma", "↑": "up", "↓": "down", "←": "left", "→": "right"}


@dataclass(frozen=True)
class Bound:
    """One action with the keys that it has now; `moved` if the user gave it them; `where` names screens or widgets."""

    id: str
    title: str
    keys: tuple[str, ...]
    moved: bool
    where: tuple[str, ...]
    command: str


def split(keys: str) -> tuple[str, ...]:
    """The keys in a line of `[keys]`: `f5` or `f5,ctrl+n`; a comma alone is that key."""
    if keys.strip() == ",":
        return ("comma",)
    return tuple(_NAMES.get(part.strip(), part.strip()) for part in keys.split(",") if part.strip())


def keymap(moved: Mapping[str, str]) -> dict[str, str]:
    """Those of `moved` whose action exists, as Textual wants to hear it."""
    known = {action.id for action in _EVERY}
    return {id: ",".join(split(keys)) for id, keys in moved.items() if id in known and split(keys)}


@dataclass(frozen=True)
class Table:
    """All keys, and what is wrong with those that were moved."""

    bound: tuple[Bound, ...]
    troubles: tuple[str, ...]


def table(moved: Mapping[str, str]) -> Table:
    return Table(tuple(bound(moved)), tuple(troubles(moved)))


def bound(moved: Mapping[str, str]) -> list[Bound]:
    """Every action that has a key, or could have one."""
    return [
        Bound(action.id, action.title, _keys(action, moved), action.id in moved, action.screens, action.cli)
        for action in _EVERY
    ]


def _keys(action: Action, moved: Mapping[str, str]) -> tuple[str, ...]:
    return split(moved[action.id]) if action.id in moved else tuple(_NAMES.get(key, key) for key in action.keys)


def troubles(moved: Mapping[str, str]) -> list[str]:
    """What is wrong with moved keys: actions that there are none of, and keys with two meanings in one place."""
    known = [action.id for action in _EVERY]
    found = []
    for id in moved:
        if id not in known:
            near = difflib.get_close_matches(id, known, 1)
            hint = f"did you mean {near[0]}?" if near else "lab keys lists them"
            found.append(f"config.toml moves the key of {clean(id, 40)!r}, which is no action; {hint}")
    usual = set(_doubled({}))
    clashes = [clash for clash in _doubled(moved) if clash not in usual]
    return found + [f"config.toml: {actions.key_text(key)} is both {one} and {other}" for key, one, other in clashes]


def _doubled(moved: Mapping[str, str]) -> Sequence[tuple[str, str, str]]:
    """(key, action, action) of every key with two meanings in one place, each pair once."""
    found: dict[tuple[str, str, str], None] = {}
    for screen, widgets in actions.WIDGETS.items():
        own = [*actions.of_screen(screen), *actions.everywhere()]
        for widget in (None, *widgets):
            inside = [action for action in actions.WIDGET_ACTIONS if widget in action.screens]
            seen: dict[str, str] = {}
            for action in (*own, *inside):
                for key in _keys(action, moved):
                    other = seen.setdefault(key, action.id)
                    if other != action.id:
                        found[key, other, action.id] = None
    return list(found)
