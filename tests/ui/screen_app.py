"""Driving the whole app without a terminal: wait for what is shown, never for a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from rich.cells import cell_len
from textual.pilot import Pilot

from lab.ui.app import LabApp
from lab.ui.screens.base import LabScreen

DEADLINE = 60.0


def shown(app: LabApp) -> str:
    """The screen as text, without trailing blanks."""
    strips = app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in strips)


def told(app: LabApp) -> str:
    """The toasts, in one line each."""
    return "\n".join(notification.message for notification in app._notifications)


async def until(pilot: Pilot[int], condition: Callable[[], object], what: str = "") -> None:
    """Return as soon as `condition()`; fail with the screen when it never becomes true."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > deadline:
            app = pilot.app
            assert isinstance(app, LabApp)
            raise AssertionError(f"never: {what}\n{shown(app)}\n{[(job.title, job.line) for job in app.jobs.all]}")
        await pilot.pause()
        await asyncio.sleep(0.01)


async def see(pilot: Pilot[int], *texts: str) -> None:
    """Wait until all of `texts` are on the screen."""
    app = pilot.app
    assert isinstance(app, LabApp)
    await until(pilot, lambda: all(text in shown(app) or text in told(app) for text in texts), f"{texts} shown")


async def press(pilot: Pilot[int], key: str, *texts: str) -> None:
    """A key, and what it must bring."""
    await pilot.press(key)
    if texts:
        await see(pilot, *texts)


def loaded(app: LabApp) -> bool:
    """Whether the first screen shows what there is; it is the one where the app was left."""
    screen = app.screen
    if app.current_mode == "home":
        return "free" in shown(app)
    return isinstance(screen, LabScreen) and app.bridge.ws is not None and not (screen._stale or screen._loading)


@asynccontextmanager
async def opened(
    home: Path, project: Path, size: tuple[int, int] = (80, 24)
) -> AsyncIterator[tuple[LabApp, Pilot[int]]]:
    """The app over a lab home, as soon as Home is loaded."""
    app = LabApp(home, project)
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: loaded(app) or "not open" in shown(app), "the first screen loaded")
        assert "not open" not in shown(app), shown(app)
        yield app, pilot


def assert_tidy(app: LabApp, size: tuple[int, int]) -> None:
    """Every line is exactly as wide as the screen, and holds nothing that a terminal would obey."""
    strips = app.screen._compositor.render_strips()
    assert len(strips) == size[1]
    for strip in strips:
        text = strip.text
        assert cell_len(text) == size[0], repr(text)
        assert not [char for char in text if ord(char) < 32 or 0x7F <= ord(char) < 0xA0], repr(text)
        assert not set(text) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f"), repr(text)
