"""The way back to the last view, whatever it was: a numbered screen, or one that was opened from it and left since."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import App

from lab.dataclass import dataclass

if TYPE_CHECKING:
    from lab.ui.screens.base import LabScreen


@dataclass(frozen=True)
class _View:
    mode: str
    screen: LabScreen


class LastView:
    """Which view is shown, and which was shown before it. Dialogs are none."""

    def __init__(self) -> None:
        self._now: _View | None = None
        self._before: _View | None = None

    def seen(self, mode: str, screen: LabScreen) -> None:
        """`screen` is on top now, in the stack of the numbered screen `mode`."""
        if self._now is None or self._now.screen is not screen:
            self._now, self._before = _View(mode, screen), self._now

    async def go_back(self, app: App[int]) -> None:
        """Show the view before this one; again: this one. One that was closed is opened anew."""
        view = self._before
        if view is None:
            return
        if app.current_mode != view.mode:
            await app.switch_mode(view.mode)
        if view.screen in app.screen_stack:
            while app.screen is not view.screen:
                app.pop_screen()  # not waited for: the one that asks may be the one that goes
        else:
            await app.push_screen(view.screen.again())
