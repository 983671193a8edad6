"""When a screen paints what has changed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

from textual.geometry import Offset, Size
from textual.screen import Screen
from textual.widget import Widget

from lab.ui.left import OutlivesLeaving

T = TypeVar("T")

#: Changes that come so close behind one another are painted together, seconds.
_GATHER = 0.001
#: Between the beginnings of two paints, seconds.
_PERIOD = 1 / 100
#: So long a paint waits for changes that are under way, seconds.
_PATIENCE = 0.025


class Beat:
    """In place of Textual's timer, which beats 60 times a second and, where the last paint took long, leaves out a beat
    or two: here the first change after a pause is painted at once, and the next ones soon.

    `resume` asks for a paint, `pause` takes that back. While `more` changes are under way it is put off a little.
    """

    def __init__(self, paint: Callable[[], None], more: Callable[[], bool]) -> None:
        self._paint = paint
        self._more = more
        self._due: asyncio.TimerHandle | None = None
        self._asked = self._last = 0.0

    def resume(self) -> None:
        if self._due is None:
            self._asked = now = time.monotonic()
            self._wait(max(_GATHER, self._last + _PERIOD - now))

    def pause(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _wait(self, seconds: float) -> None:
        self._due = asyncio.get_running_loop().call_later(seconds, self._strike)

    def _strike(self) -> None:
        self._due, now = None, time.monotonic()
        if self._more() and now < self._asked + _PATIENCE:
            self._wait(_GATHER)
        else:
            self._last = now
            self._paint()


class PaintedScreen(OutlivesLeaving, Screen[T]):
    """A screen that is painted once for all that has changed.

    Textual paints whenever it has laid out: a new screen as soon as it knows its size, again when it is told that size,
    and once more for what its widgets ask for when they are mounted, all in one go of the event loop.
    """

    def __init__(self, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name, id, classes)
        self._beat = Beat(self._strike, lambda: not self._message_queue.empty())
        self._striking = False
        self._unpainted = False  # it was laid out or changed since it was last painted

    @property
    def _update_timer(self) -> Beat:  # type: ignore[override]
        return self._beat

    def _strike(self) -> None:
        self._striking = True
        try:
            self._on_timer_update()
            if self._unpainted and not self.app._batch_count:
                self._unpainted = False
                super()._compositor_refresh()
        except Exception as error:  # noqa: BLE001 - as Textual does with what goes wrong at its own timer
            self.app._handle_exception(error)
        finally:
            self._striking = False

    def _compositor_refresh(self) -> None:
        """Paint at the end of this beat or at the next one. While updates are gathered nothing is shown."""
        self._unpainted = True
        if not self._striking and not self.app._batch_count:
            self._beat.resume()

    def _screen_resized(self, size: Size) -> None:
        if size != self.outer_size:  # else it is laid out for this size
            super()._screen_resized(size)

    def get_widget_and_offset_at(self, x: int, y: int) -> tuple[Widget | None, Offset | None]:
        # Of what is clicked Textual asks for the parent: what was removed, such as a toast, may still be painted.
        widget, offset = super().get_widget_and_offset_at(x, y)
        return (None, None) if widget is not None and widget.parent is None else (widget, offset)

    def on_unmount(self) -> None:
        self._beat.pause()
