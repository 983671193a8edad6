"""How far bytes and files have come, in sentences that are neither too many nor too few."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from lab.domain.resources import format_size

_EVERY = 0.5  # seconds between two sentences
_RATED = 2.0  # seconds from which on a speed is worth telling


class Done(Protocol):
    """Files and bytes that are done, and those that there are."""

    @property
    def files(self) -> int: ...
    @property
    def files_total(self) -> int: ...
    @property
    def bytes(self) -> int: ...
    @property
    def bytes_total(self) -> int: ...


class Narration:
    """Tells at once, then twice a second, and when all is done; after two seconds with speed and time left."""

    def __init__(self, tell: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._tell = tell
        self._clock = clock
        self._began = clock()
        self._next = self._began
        self._said = ""

    def files(self, done: Done) -> None:
        """`3/8 files, 12 MB of 200 MB`."""
        shown = (
            f"{done.files:,}/{done.files_total:,} files, {format_size(done.bytes)} of {format_size(done.bytes_total)}"
        )
        whole = done.files >= done.files_total and done.bytes >= done.bytes_total
        self._say(shown, done.bytes, done.bytes_total, whole=whole)

    def bytes(self, done: int, total: int) -> None:
        """`12 MB of 200 MB`."""
        self._say(f"{format_size(done)} of {format_size(total)}", done, total, whole=done >= total)

    def _say(self, shown: str, done: int, total: int, *, whole: bool) -> None:
        now = self._clock()
        if (now < self._next and not whole) or shown == self._said:
            return
        self._next, self._said = now + _EVERY, shown
        passed = now - self._began
        if passed >= _RATED and done:
            speed = done / passed
            left = "" if whole else f", {max(total - done, 0) / speed:,.0f} s left"
            shown += f", {format_size(int(speed))}/s{left}"
        self._tell(shown)


def narrate(tell: Callable[[str], None] | None) -> Callable[[Done], None] | None:
    """What the store is to be given to have `tell` hear of its progress."""
    return Narration(tell).files if tell else None
