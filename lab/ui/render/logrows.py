"""Lines of a log as rows of the screen: wrapped, with the time at which they were there, with matches of a search."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import NamedTuple

from lab.ui.render import ansi
from lab.ui.render.cells import width_of

#: Cells of a time and the blank behind it.
STAMP = 9


class Piece(NamedTuple):
    """Characters `start` to `stop` of a line; the first piece of it, or one that goes on."""

    number: int
    start: int
    stop: int


class Clock:
    """When a log had how many bytes: looks at it, in the order in which they were made, (bytes, seconds since the
    epoch)."""

    def __init__(self, looks: Sequence[tuple[int, float]] = ()) -> None:
        self._bytes = [size for size, _ in looks]
        self._times = [at for _, at in looks]

    def __bool__(self) -> bool:
        return any(self._bytes)

    def stamp(self, end: int) -> str:
        """When the line that ends at byte `end` was seen to be there, `12:03:04`; blank where no look was later."""
        at = bisect_left(self._bytes, end)
        return time.strftime("%H:%M:%S", time.localtime(self._times[at])) if at < len(self._times) else ""


def wrapped(text: str, width: int) -> list[tuple[int, int]]:
    """Where a line of clean text is cut so that each part fits `width` cells; one part at least."""
    if width <= 0:
        return [(0, len(text))]
    if text.isascii():
        return [(at, min(len(text), at + width)) for at in range(0, max(1, len(text)), width)]
    parts, start, used = [], 0, 0
    for at, char in enumerate(text):
        size = width_of(char)
        if used + size > width and at > start:
            parts.append((start, at))
            start, used = at, 0
        used += size
    return [*parts, (start, len(text))]


def pieces_down(number: int, end: int, height: int, width: int, text: Callable[[int], str]) -> list[Piece]:
    """What `height` rows show from the line `number` on."""
    found: list[Piece] = []
    while number < end and len(found) < height:
        found += [Piece(number, start, stop) for start, stop in wrapped(text(number), width)]
        number += 1
    return found[:height]


def pieces_up(first: int, end: int, height: int, width: int, text: Callable[[int], str]) -> list[Piece]:
    """What `height` rows show so that the line before `end` is the last of them."""
    found: list[Piece] = []
    number = end - 1
    while number >= first and len(found) < height:
        found[:0] = [Piece(number, start, stop) for start, stop in wrapped(text(number), width)]
        number -= 1
    return found[-height:] if height > 0 else []


def matches(text: str, wanted: str) -> list[ansi.Mark]:
    """Where `text` holds what is searched for; capitals count if there are any."""
    fold = wanted == wanted.lower()
    where = text.lower() if fold else text
    found: list[ansi.Mark] = []
    at = 0
    while wanted and (at := where.find(wanted, at)) >= 0 and len(where) == len(text):
        found.append(ansi.Mark(at, at + len(wanted), "match reverse"))
        at += len(wanted)
    return found
