"""What an action is, and where actions can be: screens and widgets by id."""

from __future__ import annotations

from typing import Literal

from lab.dataclass import dataclass

Risk = Literal["none", "writes", "destructive"]

#: In `Action.screens`: wherever one is.
EVERYWHERE = "*"

#: Screens by id: what the header calls them. The first five are reached by number.
SCREENS = {
    "home": "Home",
    "data": "Data",
    "runs": "Runs",
    "models": "Models",
    "deployments": "Deployments",
    "queue": "Queue",
    "sweeps": "Sweeps",
    "run": "Run",
    "changes": "Changes",
    "reproduction": "Reproduction",
    "compare": "Compare",
    "relations": "Parameters",
    "dataset": "Dataset",
    "diff": "Difference",
    "disk": "Disk",
    "search": "Search",
    "file": "File",
    "lineage": "Lineage",
}
MODES = ("home", "data", "runs", "models", "deployments")

#: Which widgets with keys of their own a screen holds.
WIDGETS: dict[str, tuple[str, ...]] = {
    "home": ("table", "detail"),
    "data": ("table",),
    "runs": ("table", "detail"),
    "models": ("table", "detail"),
    "deployments": ("table", "logs", "detail"),
    "queue": ("table",),
    "sweeps": ("table",),
    "run": ("table", "chart", "logs", "detail"),
    "changes": ("detail",),
    "compare": ("table", "chart", "detail", "relation"),
    "relations": ("relation",),
    "reproduction": ("detail",),
    "dataset": ("table", "detail"),
    "diff": ("table", "detail"),
    "disk": ("table",),
    "search": ("table",),
    "file": ("logs",),
    "lineage": ("table",),
}

_KEY_NAMES = {
    "escape": "esc",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "question_mark": "?",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "comma": ",",
    "pageup": "pgup",
    "pagedown": "pgdn",
}


@dataclass(frozen=True)
class Action:
    """One thing that a user can do.

    `keys` are single characters or Textual key names, the first one the one to show. `cli` is the command that does
    the same, with `{placeholders}`. `rank` orders the key bar (1 first, 0 not shown), `label` is its text there.
    """

    id: str
    title: str
    help: str
    keys: tuple[str, ...] = ()
    screens: tuple[str, ...] = (EVERYWHERE,)
    cli: str = ""
    risk: Risk = "none"
    rank: int = 0
    label: str = ""

    @property
    def method(self) -> str:
        """The Textual action: `action_<method>` of a screen, or of the app for an action that is everywhere."""
        return self.id.replace(".", "_")

    @property
    def bar_label(self) -> str:
        return self.label or self.title


def key_text(key: str) -> str:
    """A key as people call it: `esc`, `ctrl+r`, `?`."""
    return _KEY_NAMES.get(key, key)
