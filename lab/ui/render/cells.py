"""Text in terminal cells: made safe, measured, cut and padded."""

from __future__ import annotations

from typing import Literal

from rich.cells import cell_len, set_cell_size

from lab.domain.text import clean
from lab.ui.render.glyphs import glyphs

Align = Literal["left", "right", "center"]

#: Longest text that any widget looks at; what follows could not be seen anyway.
MAX_CHARS = 4096

# Joiners, variation selectors and other characters without a width of their own: terminals disagree on how wide the
# cluster they make is, and one cell of disagreement shifts the rest of the line.
_INVISIBLE: dict[int, None] = dict.fromkeys(
    (
        0x00AD,
        0x034F,
        0x115F,
        0x1160,
        0x180E,
        *range(0x200B, 0x200E),
        *range(0x2060, 0x2066),
        0x3164,
        *range(0xFE00, 0xFE10),
        0xFFA0,
        *range(0xFFF9, 0xFFFC),
        *range(0x1F3FB, 0x1F400),
        *range(0xE0000, 0xE0200),
    )
)


def tidy(text: str, limit: int = MAX_CHARS) -> str:
    """`text` on one line, at most `limit` characters, with nothing in it that a terminal obeys or measures oddly."""
    text = text[: limit + 1]
    if text.isascii() and text.isprintable():
        return clean(text, limit)
    return clean(text.translate(_INVISIBLE), limit)


def tidy_lines(text: str, limit: int = MAX_CHARS) -> str:
    """Like `tidy`, keeping line breaks; at most `limit` characters in all."""
    return "\n".join(tidy(line) for line in text[:limit].replace("\r\n", "\n").split("\n"))


def width_of(text: str) -> int:
    """Terminal cells that tidied `text` takes."""
    return len(text) if text.isascii() else cell_len(text)


def cut(text: str, width: int) -> str:
    """Tidied `text` in at most `width` cells, ending in an ellipsis where it was cut."""
    if width <= 0:
        return ""
    if width_of(text) <= width:
        return text
    ellipsis = glyphs().ellipsis
    return set_cell_size(text, width - 1).rstrip() + ellipsis if width > 1 else ellipsis


def fit(text: str, width: int, align: Align = "left") -> str:
    """Tidied `text` in exactly `width` cells: cut, or padded as `align` says."""
    text = cut(text, width)
    room = max(0, width - width_of(text))
    if align == "right":
        return " " * room + text
    if align == "center":
        return " " * (room // 2) + text + " " * (room - room // 2)
    return text + " " * room
