"""The style tokens in the sixteen colours of the terminal itself, whatever its user made of them. Backgrounds are never
set where text would lie on them in a colour that cannot be known: rows are told by reversing, bold and underline."""

from __future__ import annotations

from rich.style import Style
from textual.theme import BUILTIN_THEMES, Theme

from lab.ui.render import heat, shades

_DARK = {
    "ok": "bright_cyan", "warn": "bright_yellow", "fail": "bright_red", "run": "bright_magenta", "idle": "white",
    "muted": "white", "accent": "bright_yellow", "primary": "bright_cyan", "title": "", "axis": "white",
    "frame": "bright_black", "grid": "bright_black", "crosshair": "white", "match": "bright_yellow",
}  # fmt: skip
_LIGHT = {
    "ok": "blue", "warn": "magenta", "fail": "red", "run": "magenta", "idle": "bright_black", "muted": "bright_black",
    "accent": "magenta", "primary": "blue", "title": "", "axis": "bright_black", "frame": "bright_black",
    "grid": "bright_black", "crosshair": "bright_black", "match": "magenta",
}  # fmt: skip
_SERIES = {
    True: ("bright_cyan", "bright_yellow", "bright_magenta", "bright_green", "bright_red", "bright_blue", "cyan",
           "yellow", "magenta", "green"),
    False: ("blue", "red", "magenta", "cyan", "green", "bright_blue", "bright_red", "bright_magenta", "black",
            "bright_black"),
}  # fmt: skip
_STEPS = {
    True: ("bright_black", "blue", "cyan", "yellow", "bright_yellow"),
    False: ("bright_black", "magenta", "cyan", "blue", "black"),
}
_COLOURS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_ROWS = {
    "cursor": Style(reverse=True),
    "cursor_blurred": Style(bold=True),
    "marked": Style(italic=True),
    "header": Style(underline=True),
    "cell": Style(underline=True, bold=True),
}


def styles(dark: bool) -> dict[str, Style]:
    """A style for every token."""
    told = _DARK if dark else _LIGHT
    found = {token: Style(color=colour) if colour else Style.null() for token, colour in told.items()}
    for at in range(shades.LEVELS):
        found[f"shade.{at}"] = Style(color=_STEPS[dark][at])
    for at, colour in enumerate(_COLOURS):
        unseen = colour == ("black" if dark else "white")
        found[f"ansi.{at}"] = Style(color="bright_black" if unseen else colour)
    for at, colour in enumerate(_SERIES[dark]):
        found[f"series.{at}"] = Style(color=colour)
        found[f"series.{at}.soft"] = Style(color=colour, dim=True)
        found[f"series.{at}.faint"] = Style(color="bright_black")
    for kind, token in (("plain", "primary"), ("good", "ok"), ("bad", "fail")):
        for strength in range(1, heat.STEPS + 1):
            found[f"over.{kind}.{strength}"] = found[token] + Style(reverse=2 * strength > heat.STEPS)
    return found


def row_style(state: str) -> Style:
    """A row's state."""
    return _ROWS[state]


def _theme(name: str, like: Theme, *, dark: bool) -> Theme:
    told = _DARK if dark else _LIGHT

    def colour(token: str) -> str:
        return f"ansi_{told[token]}"

    return Theme(
        name=name, ansi=True, dark=dark, primary=colour("primary"), secondary=colour("muted"),
        warning=colour("warn"), error=colour("fail"), success=colour("ok"), accent=colour("accent"),
        foreground=like.foreground, background=like.background, surface=like.surface, panel=like.panel,
        boost=like.boost, variables=dict(like.variables),
    )  # fmt: skip


LAB_ANSI_DARK = _theme("lab-ansi-dark", BUILTIN_THEMES["ansi-dark"], dark=True)
LAB_ANSI_LIGHT = _theme("lab-ansi-light", BUILTIN_THEMES["ansi-light"], dark=False)
