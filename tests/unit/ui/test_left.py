"""A widget that is gone may miss others; one that is there may not. Whoever hears of the former goes on."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult
from textual.containers import Vertical
from textual.css.query import NoMatches
from textual.message import Message

from lab.ui.left import OutlivesLeaving, was_left
from lab.ui.painting import PaintedScreen


class Box(Vertical):
    def look(self) -> Exception:
        with pytest.raises(NoMatches) as caught:
            self.query_one("#nothing")
        return caught.value


class BoxApp(App[None]):
    def compose(self) -> ComposeResult:
        yield Box()


async def test_only_what_was_left_is_let_go() -> None:
    app = BoxApp()
    async with app.run_test():
        box = app.query_one(Box)
        assert not was_left(box.look())
        await box.remove()
        assert was_left(box.look())
    assert was_left(Box().look()), "it is not there yet"
    assert not was_left(ValueError("x"))


class Asked(Message):
    """Answered by whoever gets it, with the fault of a box that is gone, or with that of one that is there."""

    def __init__(self, box: Box) -> None:
        super().__init__()
        self.box = box


class Answers:
    heard = 0

    def on_asked(self, message: Asked) -> None:
        self.heard += 1
        message.box.query_one("#nothing")


class AnsweringApp(OutlivesLeaving, Answers, App[None]):
    pass


class AnsweringScreen(Answers, PaintedScreen[None]):
    def compose(self) -> ComposeResult:
        yield Box()


async def test_apps_and_screens_go_on_after_what_was_left() -> None:
    app, screen = AnsweringApp(), AnsweringScreen()
    async with app.run_test() as pilot:
        await app.push_screen(screen)
        box = screen.query_one(Box)
        await box.remove()
        for asked in (app, screen):
            for _ in range(2):
                asked.post_message(Asked(box))
                await pilot.pause()
            assert (asked.heard, app.return_code) == (2, None), "it hears what comes after"


async def test_and_after_no_other_fault() -> None:
    async def ask() -> None:
        app = AnsweringApp()
        async with app.run_test() as pilot:
            await app.mount(there := Box())
            app.post_message(Asked(there))
            await pilot.pause()

    with pytest.raises(NoMatches):
        await ask()
