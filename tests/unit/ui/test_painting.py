"""A screen paints the first change after a pause at once, what comes close behind it together, and not too often; a
dialog and what lies dimmed below it are painted once when it opens."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from textual._compositor import Compositor
from textual._context import visible_screen_stack
from textual.app import App, ComposeResult
from textual.screen import Screen
from textual.strip import Strip
from textual.style import Style
from textual.visual import RenderOptions, RichVisual
from textual.widgets import Input, Static

from lab.ui.painting import Beat, PaintedScreen
from lab.ui.widgets.dialog import Dialog
from lab.ui.widgets.dimmed import Dimmed


async def paints(asks: list[float], seconds: float) -> list[float]:
    """When it paints, where it is asked for that at these times, seconds from the beginning."""
    begin, painted = time.monotonic(), []

    def paint() -> None:
        painted.append(time.monotonic() - begin)

    beat = Beat(paint, lambda: False)
    loop = asyncio.get_running_loop()
    for at in asks:
        loop.call_later(at, beat.resume)
    await asyncio.sleep(seconds)
    return painted


async def test_what_is_asked_for_together_is_painted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.ui.painting._GATHER", 0.1)  # a busy machine may be late by more than a millisecond
    assert len(await paints([0.0, 0.0, 0.0001], 0.3)) == 1


async def test_the_next_paint_keeps_its_distance() -> None:
    first, second = await paints([0.0, 0.003], 0.1)
    assert second - first >= 0.009


async def test_nothing_is_painted_where_nobody_asks_or_a_paint_took_it_along() -> None:
    painted: list[float] = []
    beat = Beat(lambda: painted.append(0.0), lambda: False)
    beat.resume()
    beat.pause()  # something else has painted the screen meanwhile
    await asyncio.sleep(0.03)
    assert not painted


@pytest.mark.parametrize("ends", [True, False])
async def test_what_is_under_way_is_waited_for_but_not_for_ever(ends: bool) -> None:
    painted, under_way = asyncio.Event(), [True]
    beat, begun = Beat(painted.set, lambda: under_way[0]), time.monotonic()
    beat.resume()
    await asyncio.sleep(0.005)
    assert not painted.is_set() or time.monotonic() > begun + 0.02
    under_way[0] = not ends
    await asyncio.wait_for(painted.wait(), 60)


class Below(PaintedScreen[None]):
    CSS = "#a { background: $surface; color: red; } #b { text-style: bold reverse; }"

    def compose(self) -> ComposeResult:
        yield Static("plain [/x] text", id="a", markup=False)
        yield Static("[green on blue]coloured[/] and [@click=app.bell]a link[/]", id="b")
        yield Static("ＡＢ wide 🙂", id="c")


class Asking(Dialog[None]):
    CSS = "Asking { align: right bottom; } Input { width: 20; }"

    def compose(self) -> ComposeResult:
        yield Static("What?", id="what")
        yield Input()


@pytest.mark.parametrize("kind", [Below, Asking])
async def test_a_new_screen_is_painted_once_as_a_whole(
    kind: type[PaintedScreen[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    app: App[None] = App()
    whole: list[Compositor] = []
    paint = Compositor.render_full_update

    def counted(compositor: Compositor, simplify: bool = False) -> Any:
        whole.append(compositor)
        return paint(compositor, simplify)

    async with app.run_test(size=(60, 20)) as pilot:
        await app.push_screen(Below())
        await pilot.pause(0.1)
        monkeypatch.setattr(Compositor, "render_full_update", counted)
        monkeypatch.setattr("lab.ui.painting._GATHER", 0.2)  # a busy machine mounts no screen within a millisecond
        screen = kind()
        await app.push_screen(screen)
        await pilot.pause(0.6)
        assert whole == [screen._compositor]


async def test_what_changes_below_a_dialog_and_the_size_are_seen() -> None:
    app: App[None] = App()
    async with app.run_test(size=(60, 20)) as pilot:
        below, asking = Below(), Asking()
        await app.push_screen(below)
        await app.push_screen(asking)
        await pilot.pause(0.05)
        assert "wide" in _text(asking)
        below.query_one("#c", Static).update("changed")
        await pilot.resize_terminal(50, 10)
        await pilot.pause(0.1)
        assert "changed" in _text(asking)
        assert (asking._compositor.size, below._compositor.size) == ((50, 10), (50, 10))


async def test_a_click_on_what_is_removed_and_still_painted_does_nothing() -> None:
    app: App[None] = App()
    async with app.run_test(size=(60, 20)) as pilot:
        below = Below()
        await app.push_screen(below)
        await pilot.pause(0.05)
        gone = below.query_one("#a")
        gone._detach()
        assert gone in below._compositor.visible_widgets
        await pilot.click(offset=(3, 0))
        await pilot.click(offset=(3, 1))
        assert app.return_code is None
        gone._attach(below)  # else it could not be closed


def _text(screen: Screen[None]) -> str:
    app = screen.app
    update = screen._compositor.render_update(full=True, screen_stack=app._background_screens)
    return "".join(segment.text for segment in app.console.render(update))  # type: ignore[arg-type]


@pytest.mark.parametrize("theme", ["textual-dark", "textual-light", "ansi-dark"])
async def test_what_is_dimmed_looks_as_textual_has_it(theme: str) -> None:
    app: App[None] = App()
    async with app.run_test(size=(40, 12)) as pilot:
        app.theme = theme
        below, asking = Below(), Asking()
        await app.push_screen(below)
        await app.push_screen(asking)
        await pilot.pause(0.05)
        visible_screen_stack.set(app._background_screens)
        theirs = Screen.render(asking)
        visible_screen_stack.set(app._background_screens)
        ours = asking.render()
        assert isinstance(ours, Dimmed)
        options = RenderOptions(asking._get_style, asking.styles)
        style = Style.null()
        expected = RichVisual(asking, theirs).render_strips(40, 12, style, options)  # type: ignore[arg-type]
        assert _cells(ours.render_strips(40, 12, style, options)) == _cells(expected)


def _cells(strips: list[Strip]) -> list[list[tuple[str, object]]]:
    return [[(letter, style) for text, style, _ in strip.simplify() for letter in text] for strip in strips]
