"""One line of a log as it is shown: what a terminal would be left with, made safe, with its colours."""

from __future__ import annotations

from typing import NamedTuple

from lab.ui.render import ansi
from lab.ui.render.cells import tidy

#: Longest line shown; the rest is cut.
MAX_LINE = 4000


class Line(NamedTuple):
    """A line as it is shown; `raw` is the same with its escapes, where those may be colours of it."""

    text: str
    raw: str = ""

    @property
    def marks(self) -> tuple[ansi.Mark, ...]:
        """Where it is coloured, and how."""
        return ansi.marks(self.raw) if self.raw else ()


def plain_line(raw: bytes) -> Line:
    """One line as text to show: escapes removed, and after carriage returns what a terminal would be left with."""
    text = raw.decode("utf-8", "replace").rstrip("\r\n")
    if "\r" in text:
        text = next((part for part in reversed(text.split("\r")) if part), "")
    if "\x1b" not in text and "\x9b" not in text:
        return Line(tidy(text, MAX_LINE))
    text = text.replace("\t", tidy("\t"))
    bare = ansi.ESCAPE.sub("", text)
    shown = tidy(bare, MAX_LINE)
    # What cannot be shown was left out: then the places of colours are not known.
    return Line(shown, text if len(shown) == len(bare) else "")


def shown_line(raw: bytes) -> Line:
    """`plain_line` of a line of any length: its beginning, or its end where it overwrites itself."""
    if len(raw) > 4 * MAX_LINE:
        tail = raw[-4 * MAX_LINE :]
        raw = tail if b"\r" in tail.rstrip(b"\r\n") else raw[: 4 * MAX_LINE]
    return plain_line(raw)
