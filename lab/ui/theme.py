"""Colours: themes that colour-blind eyes can use, and the style tokens that renderers speak in.

Renderers name what a piece of text is (`ok`, `muted`, `series.3`), never a colour; `token_style` turns that into a
Rich style for a dark or a light background. Series colours differ by a CIE76 distance of at least 18 in normal vision
and under simulated protanopia, deuteranopia and tritanopia (Machado, Oliveira and Fernandes 2009, severity 1).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from enum import Enum
from functools import cache, lru_cache
from typing import Literal

from rich.color import blend_rgb
from rich.color_triplet import ColorTriplet
from rich.style import Style
from textual.theme import Theme

from lab.dataclass import dataclass
from lab.ui import theme_ansi
from lab.ui.render import ansi, heat, shades


@dataclass(frozen=True)
class Palette:
    """The colours of one theme, as `#rrggbb`."""

    background: str
    surface: str
    panel: str
    foreground: str
    muted: str
    faint: str  # guides and frames
    primary: str
    accent: str
    ok: str
    warn: str
    fail: str
    run: str
    cursor: str  # background of the row under the cursor
    cursor_blurred: str
    marked: str  # background of marked rows
    header: str
    series: tuple[str, ...]


DARK = Palette(
    background="#10151B",
    surface="#151B22",
    panel="#1D252E",
    foreground="#D9E0E7",
    muted="#8A96A3",
    faint="#3A4550",
    primary="#56B4E9",
    accent="#F2B84B",
    ok="#56B4E9",
    warn="#F0E442",
    fail="#D55E00",
    run="#B9A6FF",
    cursor="#24405C",
    cursor_blurred="#212C38",
    marked="#3A3420",
    header="#1D252E",
    series=(
        "#56B4E9",
        "#E69F00",
        "#DDFFDD",
        "#DD0099",
        "#7777DD",
        "#DDBB77",
        "#BB00FF",
        "#BB5500",
        "#BBBBBB",
        "#777755",
    ),
)
LIGHT = Palette(
    background="#FBFCFD",
    surface="#F3F5F7",
    panel="#E6EAEE",
    foreground="#1C242C",
    muted="#5C6873",
    faint="#C3CBD3",
    primary="#0072B2",
    accent="#8A4B00",
    ok="#0072B2",
    warn="#5C4A00",
    fail="#D55E00",
    run="#6A3FC9",
    cursor="#CFE3F5",
    cursor_blurred="#E2E8EE",
    marked="#F3EBCB",
    header="#E6EAEE",
    series=(
        "#0072B2",
        "#D55E00",
        "#7700FF",
        "#BB7777",
        "#550000",
        "#BB55FF",
        "#000099",
        "#993000",
        "#775577",
        "#550055",
    ),
)


def _theme(name: str, palette: Palette, *, dark: bool) -> Theme:
    return Theme(
        name=name,
        primary=palette.primary,
        secondary=palette.muted,
        accent=palette.accent,
        success=palette.ok,
        warning=palette.warn,
        error=palette.fail,
        foreground=palette.foreground,
        background=palette.background,
        surface=palette.surface,
        panel=palette.panel,
        dark=dark,
        variables={
            "block-cursor-background": palette.cursor,
            "block-cursor-foreground": palette.foreground,
            "block-cursor-text-style": "bold",
            "border": palette.primary,
            "border-blurred": palette.faint,
            "footer-background": palette.panel,
            "footer-key-foreground": palette.primary,
            "footer-description-foreground": palette.muted,
            "input-selection-background": f"{palette.primary} 35%",
            "scrollbar": palette.faint,
            "scrollbar-hover": palette.muted,
            "scrollbar-active": palette.primary,
            "scrollbar-background": palette.surface,
            "scrollbar-background-hover": palette.surface,
            "scrollbar-background-active": palette.surface,
            "scrollbar-corner-color": palette.surface,
        },
    )


LAB_DARK = _theme("lab-dark", DARK, dark=True)
LAB_LIGHT = _theme("lab-light", LIGHT, dark=False)
THEMES = (LAB_DARK, LAB_LIGHT, theme_ansi.LAB_ANSI_DARK, theme_ansi.LAB_ANSI_LIGHT)


class Ground(Enum):
    """What text lies on: a dark or a light colour of ours, or whatever the terminal has."""

    DARK = "dark"
    LIGHT = "light"
    ANSI_DARK = "ansi dark"
    ANSI_LIGHT = "ansi light"

    @classmethod
    def of(cls, theme: Theme) -> Ground:
        if theme.ansi:
            return cls.ANSI_DARK if theme.dark else cls.ANSI_LIGHT
        return cls.DARK if theme.dark else cls.LIGHT


#: How much of its colour each further step of a heat map has.
_GROUND = 0.16
_ATTRIBUTES = ("bold", "italic", "underline", "reverse", "strike")


def blend(colour: str, other: str, part: float) -> str:
    """`colour` with `part` (0 to 1) of it replaced by `other`."""
    mixed = blend_rgb(_triplet(colour), _triplet(other), part)
    return mixed.hex


def _triplet(colour: str) -> ColorTriplet:
    return ColorTriplet(*(int(colour[at : at + 2], 16) for at in (1, 3, 5)))


def _colours(palette: Palette) -> dict[str, str]:
    colours = {
        "ok": palette.ok,
        "warn": palette.warn,
        "fail": palette.fail,
        "run": palette.run,
        "idle": palette.muted,
        "muted": palette.muted,
        "accent": palette.accent,
        "primary": palette.primary,
        "title": palette.foreground,
        "axis": palette.muted,
        "frame": palette.faint,
        "grid": blend(palette.faint, palette.background, 0.45),
        "crosshair": palette.muted,
        "match": palette.accent,
    }
    colours |= shades.colours(palette is DARK) | ansi.colours(palette is DARK)
    for kind, strong in (("plain", palette.primary), ("good", palette.ok), ("bad", palette.fail)):
        for strength in range(1, heat.STEPS + 1):
            colours[f"over.{kind}.{strength}"] = blend(palette.surface, strong, _GROUND * strength)
    for index, colour in enumerate(palette.series):
        colours[f"series.{index}"] = colour
        colours[f"series.{index}.soft"] = blend(colour, palette.background, 0.45)
        colours[f"series.{index}.faint"] = blend(colour, palette.background, 0.68)
    if os.environ.get("NO_COLOR"):  # as greys the colours of what went wrong would be the dimmest
        colours |= dict.fromkeys(("fail", "warn"), palette.foreground)
    return colours


def _styles(palette: Palette) -> dict[str, Style]:
    return {
        token: Style(bgcolor=colour) if token.startswith("over.") else Style(color=colour)
        for token, colour in _colours(palette).items()
    }


_MAKE: dict[Ground, Callable[[], dict[str, Style]]] = {
    Ground.DARK: lambda: _styles(DARK),
    Ground.LIGHT: lambda: _styles(LIGHT),
    Ground.ANSI_DARK: lambda: theme_ansi.styles(dark=True),
    Ground.ANSI_LIGHT: lambda: theme_ansi.styles(dark=False),
}


@cache
def token_styles(ground: Ground) -> dict[str, Style]:
    """The style of every token."""
    return _MAKE[ground]()


@lru_cache(maxsize=4096)
def token_style(token: str, ground: Ground = Ground.DARK) -> Style:
    """The Rich style of a token: words separated by blanks, each a colour name or an attribute, or nothing.

    Holds no background, so that it combines with that of a widget or of a row; but the pixels of pictures are
    `#rrggbb` over `on:#rrggbb`, and cells of heat maps lie over `over.…`. Raises KeyError for any
    other word.
    """
    style = Style.null()
    for word in token.split():
        if word.startswith("#"):
            style += Style(color=word)
        elif word.startswith("on:#"):
            style += Style(bgcolor=word.removeprefix("on:"))
        elif word in _ATTRIBUTES:
            style += Style.parse(word)
        else:
            style += token_styles(ground)[word]
            if word in ("title", "match"):
                style += Style(bold=True)
    return style


RowState = Literal["cursor", "cursor_blurred", "marked", "header", "cell"]


@lru_cache(maxsize=32)
def row_background(state: RowState, ground: Ground = Ground.DARK) -> Style:
    """The background of a table row in `state`; `cell` is the one cell that the column cursor points at."""
    if ground in (Ground.ANSI_DARK, Ground.ANSI_LIGHT):
        return theme_ansi.row_style(state)
    palette = DARK if ground is Ground.DARK else LIGHT
    if state == "cell":
        return Style(bgcolor=blend(palette.cursor, palette.primary, 0.3))
    return Style(bgcolor=getattr(palette, state))
