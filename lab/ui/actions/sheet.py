"""All keys as Markdown, for README."""

from __future__ import annotations

from lab.ui import actions


def cheat_sheet() -> str:
    """All keys as Markdown tables, for README."""
    parts = [("Everywhere", actions.everywhere())]
    parts += [(actions.SCREENS[screen], actions.of_screen(screen)) for screen in actions.SCREENS]
    parts += [
        (title, tuple(a for a in actions.WIDGET_ACTIONS if widget in a.screens)) for widget, title in _WIDGET_TITLES
    ]
    return "\n".join(_table(title, found) for title, found in parts)


_WIDGET_TITLES = (
    ("table", "In every table"),
    ("chart", "In a chart"),
    ("logs", "In logs"),
    ("relation", "In points and lines of runs"),
    ("detail", "In a panel of facts"),
)


def _table(title: str, found: tuple[actions.Action, ...]) -> str:
    lines = [f"**{title}**", "", "| key | does | command |", "| --- | --- | --- |"]
    for action in found:
        if action.keys:
            keys = " ".join(f"`{actions.key_text(key)}`" for key in dict.fromkeys(map(actions.key_text, action.keys)))
            lines.append(f"| {keys} | {action.help} | {f'`{action.cli}`' if action.cli else ''} |")
    return "\n".join([*lines, ""])
