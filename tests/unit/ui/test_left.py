"""A widget that is gone may miss others; one that is there may not."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult
from textual.containers import Vertical
from textual.css.query import NoMatches

from lab.ui.left import was_left


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
