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

    def __init__(self, tell: Callable[[str], None] | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._tell = tell
        self._clock = clock
        self._began = clock()
        self._next = self._began
        self._said = ""

    def say(self, text: str, *, whole: bool) -> None:
        """Tell it if it is time to; `whole` says that all is done."""
        now = self._clock()
        if self._tell and (now >= self._next or whole) and text != self._said:
            self._next, self._said = now + _EVERY, text
            self._tell(text)

    def files(self, done: Done) -> None:
        """`3/8 files, 12 MB of 200 MB`."""
        shown = (
            f"{done.files:,}/{done.files_total:,} files, {format_size(done.bytes)} of {format_size(done.bytes_total)}"
        )
        whole = done.files >= done.files_total and done.bytes >= done.bytes_total
        self.say(shown + self._pace(done.bytes, done.bytes_total), whole=whole)

    def bytes(self, done: int, total: int) -> None:
        """`12 MB of 200 MB`."""
        shown = f"{format_size(done)} of {format_size(total)}"
        self.say(shown + self._pace(done, total), whole=done >= total)

    def _pace(self, done: int, total: int) -> str:
        """`, 20 MB/s, 4 s left` once there is something to tell."""
        passed = self._clock() - self._began
        if passed < _RATED or not done:
            return ""
        speed = done / passed
        left = f", {(total - done) / speed:,.0f} s left" if total > done else ""
        return f", {format_size(int(speed))}/s{left}"


def narrate(tell: Callable[[str], None] | None) -> Callable[[Done], None] | None:
    """What the store is to be given to have `tell` hear of its progress."""
    return Narration(tell).files if tell else None
