"""The colours of a log line: what its SGR sequences say (ECMA-48), as tokens. Every other escape is dropped.

Colours are the theme's, not the terminal's, so that they can be read on either background; backgrounds are left out for
the same reason. A line begins without colours, whatever the one before it left on.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import NamedTuple

from lab.dataclass import dataclass
from lab.ui.render.glyphs import Span

#: Any escape sequence that a terminal might obey.
ESCAPE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\|$)"  # OSC, DCS and other strings
    r"|\x9b[0-?]*[ -/]*[@-~]"
    r"|\x1b[ -/]*[0-~]"
)
_SGR = re.compile(r"(?:\x1b\[|\x9b)([0-9;:]*)m")
_LEVELS = (0, 95, 135, 175, 215, 255)  # of the colour cube of 256 colours
_MOST_CODES = 64
#: The eight colours in the order of their numbers: black to white.
_DARK = ("#8A96A3", "#E8795B", "#8CC98A", "#E5C76B", "#6FB3EE", "#C99AE8", "#62C6CC", "#D9E0E7")
_LIGHT = ("#1C242C", "#B03A10", "#2A6B2A", "#7A5B00", "#0058A8", "#7C3AA8", "#00666E", "#5C6873")
_ON = {1: "bold", 3: "italic", 4: "underline", 7: "reverse", 9: "strike"}
_OFF = {22: "bold", 23: "italic", 24: "underline", 27: "reverse", 29: "strike"}


class Mark(NamedTuple):
    """Characters from `start` up to `end` are in the style `token`."""

    start: int
    end: int
    token: str


@dataclass(frozen=True)
class _State:
    colour: str = ""
    attributes: frozenset[str] = frozenset()

    @property
    def token(self) -> str:
        return " ".join([*([self.colour] if self.colour else []), *sorted(self.attributes)])


def colours(dark: bool) -> dict[str, str]:
    """Token to `#rrggbb`."""
    return {f"ansi.{at}": colour for at, colour in enumerate(_DARK if dark else _LIGHT)}


def marks(text: str) -> tuple[Mark, ...]:
    """The styles of `text`, whose escapes count for nothing in the places."""
    found: list[Mark] = []
    state, at, begin, seen = _State(), 0, 0, 0  # `at` counts what is shown; `seen` is the place in `text`
    for escape in ESCAPE.finditer(text):
        at += escape.start() - seen
        seen = escape.end()
        sgr = _SGR.fullmatch(escape[0])
        new = _after(state, sgr[1]) if sgr else state
        if new != state:
            if state.token and at > begin:
                found.append(Mark(begin, at, state.token))
            state, begin = new, at
    at += len(text) - seen
    if state.token and at > begin:
        found.append(Mark(begin, at, state.token))
    return tuple(found)


def spans(text: str, styled: Sequence[Mark], over: Sequence[Mark] = ()) -> list[Span]:
    """`text` in pieces of one style each; where both lists have one, that of `over` counts."""
    if not styled and not over:
        return [(text, "")] if text else []
    tokens = [""] * len(text)
    for start, end, token in (*styled, *over):
        tokens[start:end] = [token] * (min(end, len(text)) - start)
    found, at = [], 0
    for token, same in groupby(tokens):
        size = len(list(same))
        found.append((text[at : at + size], token))
        at += size
    return found


def _after(state: _State, parameters: str) -> _State:
    """The style after one sequence, such as `1;38;5;208`. What is not known changes nothing."""
    codes = [int(word) if word else 0 for word in re.split("[;:]", parameters)[:_MOST_CODES] if len(word) < 6]
    while codes:
        code = codes.pop(0)
        if code == 0:
            state = _State()
        elif code in _ON:
            state = replace(state, attributes=state.attributes | {_ON[code]})
        elif code in _OFF:
            state = replace(state, attributes=state.attributes - {_OFF[code]})
        elif 30 <= code <= 37 or 90 <= code <= 97:
            state = replace(state, colour=f"ansi.{code - 30 if code < 90 else code - 90}")
        elif code == 39:
            state = replace(state, colour="")
        elif code in (38, 48):
            colour = _extended(codes)
            state = replace(state, colour=colour) if code == 38 and colour else state
    return state


def _extended(codes: list[int]) -> str:
    """The colour that `5;n` or `2;r;g;b` names, taken off `codes`; "" for what is none."""
    kind = codes.pop(0) if codes else 0
    if kind == 5 and codes:
        return _indexed(codes.pop(0))
    if kind == 2 and len(codes) >= 3:
        red, green, blue = codes[:3]
        del codes[:3]
        return _readable(red, green, blue) if max(red, green, blue) < 256 else ""
    codes.clear()
    return ""


def _indexed(number: int) -> str:
    if number < 16:
        return f"ansi.{number % 8}"
    if number < 232:
        cube = number - 16
        return _readable(_LEVELS[cube // 36], _LEVELS[cube // 6 % 6], _LEVELS[cube % 6])
    return "muted" if number < 256 else ""


def _readable(red: int, green: int, blue: int) -> str:
    """The nearest of the theme's colours by hue; grey is muted, or plain where it is bright."""
    high, low = max(red, green, blue), min(red, green, blue)
    if high - low < 40:
        return "" if low > 150 else "muted"
    middle = (high + low) / 2
    bits = (red > middle) | (green > middle) << 1 | (blue > middle) << 2
    return f"ansi.{bits}"
