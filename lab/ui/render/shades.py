"""Five steps from low to high, told by a sign as well as by a colour: for points and lines of many runs."""

from __future__ import annotations

from lab.ui.render.glyphs import use_ascii

#: From dark to light, apart in normal vision and in the usual kinds of colour blindness (after cividis: Nuñez, Anderton
#: & Renslow 2018, PLoS ONE 13).
_DARK = ("#4f6fb5", "#5e86a8", "#8b9a86", "#c4b35e", "#ffe945")
_LIGHT = ("#c9a800", "#94853f", "#6c6e72", "#41548a", "#00224e")
LEVELS = 5
_SIGNS, _PLAIN = "○◔◑◕●", ".:o%@"


def level(share: float | None) -> int | None:
    """The step that a share from 0 to 1 falls on."""
    return None if share is None else max(0, min(LEVELS - 1, int(share * LEVELS)))


def sign(step: int | None, plain: bool | None = None) -> str:
    """The sign of a step; a cross where there is no value."""
    ascii_only = use_ascii() if plain is None else plain
    if step is None:
        return "x" if ascii_only else "×"
    return (_PLAIN if ascii_only else _SIGNS)[step]


def token(step: int | None) -> str:
    """The style of a step, for both themes."""
    return "muted" if step is None else f"shade.{step}"


def colours(dark: bool) -> dict[str, str]:
    """Token to `#rrggbb`."""
    return {f"shade.{at}": colour for at, colour in enumerate(_DARK if dark else _LIGHT)}
