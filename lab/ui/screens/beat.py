"""When a screen paints what has changed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

#: Changes that come so close behind one another are painted together, seconds.
_GATHER = 0.001
#: Between the beginnings of two paints, seconds.
_PERIOD = 1 / 100


class Beat:
    """In place of Textual's timer, which beats 60 times a second and, where the last paint took long, leaves out a beat
    or two: here the first change after a pause is painted at once, and the next ones soon.

    `resume` asks for a paint; `pause` says that one begins.
    """

    def __init__(self, paint: Callable[[], None]) -> None:
        self._paint = paint
        self._due: asyncio.TimerHandle | None = None
        self._last = 0.0

    def resume(self) -> None:
        if self._due is None:
            wait = max(_GATHER, self._last + _PERIOD - time.monotonic())
            self._due = asyncio.get_running_loop().call_later(wait, self._paint)

    def pause(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None
        self._last = time.monotonic()
