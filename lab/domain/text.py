"""Text from outside, made safe to show.

Names, log lines, columns and errors may hold terminal escapes, bidirectional overrides or line breaks. Every
renderer (screen, table, CLI) passes such text through here first.
"""

from __future__ import annotations

import unicodedata

_BIDI = {0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)}
_DROP: dict[int, str | None] = {
    **dict.fromkeys(range(0x20)),
    **dict.fromkeys(range(0x7F, 0xA0)),
    **dict.fromkeys(_BIDI),
    **dict.fromkeys((0xFEFF, 0x2028, 0x2029)),
    **dict.fromkeys(range(0xD800, 0xE000), "\ufffd"),
    0x09: "    ",
    0x0A: " ",
    0x0D: " ",
}


def clean(text: str, limit: int = 0) -> str:
    """`text` on one line without control, C1, bidirectional and surrogate characters; tabs become four spaces.

    With `limit` > 0 the result is at most that many characters, the last one an ellipsis when cut.
    """
    if not (text.isascii() and text.isprintable()):
        text = text.translate(_DROP)
    if limit and len(text) > limit:
        return text[: limit - 1] + "…"
    return text


def clean_lines(text: str) -> str:
    """Like `clean`, keeping line breaks."""
    return "\n".join(clean(line) for line in text.replace("\r\n", "\n").split("\n"))


def cell_width(text: str) -> int:
    """Terminal cells that cleaned `text` takes: 2 for wide characters, 0 for combining ones."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def count_of(number: int, noun: str) -> str:
    """`1 run`, `1,234 runs`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
