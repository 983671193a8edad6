"""A dialog closes itself and nothing else."""

from __future__ import annotations

from textual.app import App
from textual.screen import Screen

from lab.ui.widgets.dialog import Dialog


async def test_a_dialog_that_is_gone_closes_nothing() -> None:
    app: App[None] = App()
    answers: list[object] = []
    async with app.run_test() as pilot:
        below, dialog = Screen[None](), Dialog[str]()
        await app.push_screen(below)
        await app.push_screen(dialog, answers.append)
        dialog.dismiss("first")
        dialog.dismiss("second")
        await pilot.pause()
        assert answers == ["first"]
        assert app.screen is below
