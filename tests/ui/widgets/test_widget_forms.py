from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from textual.app import App
from textual.widgets import Button, Input
from widget_app import assert_safe, text

from lab.domain.param_spec import ParamSpec, parse_number
from lab.ui.drafts import Drafting
from lab.ui.theme import THEMES
from lab.ui.widgets.choice import Choice
from lab.ui.widgets.confirm import ConfirmScreen
from lab.ui.widgets.forms import FormScreen

NOTHING = object()


class DialogApp(App[None]):
    def __init__(self, screen: FormScreen | ConfirmScreen) -> None:
        super().__init__()
        self._dialog = screen
        self.answer: Any = NOTHING
        self.quit_by_markup = False

    def on_mount(self) -> None:
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = "lab-dark"
        self.push_screen(self._dialog, self._answered)  # type: ignore[arg-type]

    def _answered(self, answer: Any) -> None:
        self.answer = answer

    def action_quit(self) -> None:  # type: ignore[override]
        self.quit_by_markup = True


def positive(value: Any) -> str | None:
    return None if value > 0 else "must be more than 0"


FIELDS = (
    ParamSpec("name", "Name", value="base"),
    ParamSpec("lr", "Learning rate", "number", 0.1, help="step size", validate=positive),
    ParamSpec("entry", "Entry", "choice", "train.py", choices=("eval.py", "train.py", "tune.py")),
    ParamSpec("network", "Network", "bool", False),
    ParamSpec("seed", "Seed", "number", "", optional=True),
)


def form(fields: Sequence[ParamSpec] = FIELDS) -> DialogApp:
    return DialogApp(FormScreen("Launch", fields))


async def test_enter_submits_what_was_given() -> None:
    app = form()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("enter")
        assert app.answer == {"name": "base", "lr": 0.1, "entry": "train.py", "network": False}


async def test_values_are_edited_by_keys() -> None:
    app = form()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("end", "-", "2", "tab", "end", "5", "tab", "right", "down", "space", "down", "4", "2")
        await pilot.press("enter")
        assert app.answer == {"name": "base-2", "lr": 0.15, "entry": "tune.py", "network": True, "seed": 42}
        assert isinstance(app.answer["seed"], int)


async def test_errors_show_as_typed_and_stop_submitting() -> None:
    app = form()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("tab")
        assert "step size" in text(app)
        await pilot.press("home", "-")
        assert "must be more than 0" in text(app)
        await pilot.press("tab", "enter")
        assert app.answer is NOTHING
        assert app.screen.focused is app.screen.query_one("#field-1")
        await pilot.press("home", "delete", "x")
        assert "not a number" in text(app)
        await pilot.press("home", "delete")
        assert "not a number" not in text(app)
        await pilot.press("enter")
        assert app.answer["lr"] == 0.1


async def test_escape_cancels() -> None:
    app = form()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("escape")
        assert app.answer is None


async def test_buttons() -> None:
    for button, expected in (("#cancel", None), ("#submit", {"a": "b"})):
        app = form([ParamSpec("a", "A", value="b")])
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.click(button)
            assert app.answer == expected


async def test_needed_fields() -> None:
    app = form([ParamSpec("n", "N", "number", "", optional=False), ParamSpec("t", "T", optional=False)])
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("enter")
        assert app.answer is NOTHING
        assert "a number is needed" in text(app)
        assert "this is needed" in text(app)


async def test_letters_choose() -> None:
    app = form([ParamSpec("c", "C", "choice", "beta", choices=("alpha", "beta", "gamma", "apple"))])
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("a")
        assert app.screen.query_one(Choice).value == "apple"
        await pilot.press("a", "enter")
        assert app.answer == {"c": "alpha"}


async def test_many_fields_fit_a_small_screen() -> None:
    app = form([ParamSpec(f"f{i}", f"ParamSpec {i}", value=f"v{i}") for i in range(20)])
    async with app.run_test(size=(76, 20)) as pilot:
        await pilot.pause()
        dialog = app.screen.query_one("#dialog").region
        assert dialog.width <= 76
        assert dialog.height <= 20
        assert "Cancel" in text(app)
        await pilot.press(*["down"] * 19)
        assert app.screen.query_one("#field-19").has_focus
        assert "v19" in text(app)


async def test_the_buttons_are_seen_whatever_the_values_come_to() -> None:
    fields = [ParamSpec(f"f{i}", f"ParamSpec {i}", value=f"v{i}", help="help " * 25) for i in range(20)]
    for size, rows in (((80, 24), 8), ((120, 50), 20)):
        app = DialogApp(FormScreen("Launch", fields, intro="why " * 30, summary=lambda _: "it has no grid " * 14))
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            assert "Cancel" in text(app)
            assert sum(f" v{i} " in text(app) for i in range(20)) >= rows
            await pilot.press(*["down"] * 19)
            assert "v19" in text(app)
            assert "Cancel" in text(app)
            await pilot.resize_terminal(76, 20)
            await pilot.pause()
            assert "Cancel" in text(app)


async def test_while_a_field_is_wrong_the_form_comes_to_nothing() -> None:
    app = DialogApp(FormScreen("Launch", FIELDS, summary=lambda values: f"lr is {values['lr']}"))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert "lr is 0.1" in text(app)
        await pilot.press("tab", "x")
        assert "lr is" not in text(app)
        assert "1 field to mend" in text(app)
        await pilot.press("backspace", "5")
        assert "lr is 0.15" in text(app)


async def test_toasts_do_not_lie_on_the_buttons_and_read_ones_on_nothing() -> None:
    app = DraftingApp()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        app.notify("read long ago", timeout=60)
        await pilot.pause()
        (old,) = app._notifications
        old.raised_at -= 10
        app.notify("quite new\n\n\n\n", timeout=60)
        await pilot.pause()
        app.open()
        await pilot.pause()
        assert "read long ago" not in text(app)
        assert "quite new" in text(app)
        assert text(app).index("quite new") < text(app).index("Cancel")


class DraftingApp(Drafting):
    """Opens the same form again and again."""

    def open(self, first: str = "base", choice: str = "a") -> FormScreen:
        fields = (ParamSpec("n", "N", value=first), ParamSpec("c", "C", "choice", choice, choices=("a", "b")))
        form = FormScreen("Launch", fields)
        self.push_screen(form)
        return form


async def test_what_was_typed_is_there_again_until_it_came_to_something() -> None:
    app = DraftingApp()
    async with app.run_test(size=(80, 24)) as pilot:
        app.open()
        await pilot.press("-", "2", "tab", "b", "escape")
        app.open()
        await pilot.pause()
        assert "base-2" in text(app)
        assert "‹ b ›" in text(app)
        assert "as you left it; ctrl+r begins anew" in text(app)
        await pilot.press("ctrl+r")
        assert "base-2" not in text(app)
        assert "‹ a ›" in text(app)
        assert "ctrl+r" not in text(app)
        await pilot.press("escape")
        app.open()
        await pilot.pause()
        assert "ctrl+r" not in text(app)
        await pilot.press("-", "3", "enter")
        form = app.open()
        await pilot.pause()
        assert "base-3" not in text(app)
        await pilot.press("-", "4", "enter")
        form.keep("there is no version v99")
        app.open("other")
        await pilot.pause()
        assert "other" in text(app)
        await pilot.press("escape")
        form.keep("there is no version v99")
        app.open()
        await pilot.pause()
        assert "base-4" in text(app)
        assert "there is no version v99; ctrl+r" in text(app)


async def test_hostile_forms_are_only_text(hostile: str) -> None:
    fields = [
        ParamSpec("a", hostile, value=hostile, help=hostile, validate=lambda value: hostile),
        ParamSpec("b", hostile, "choice", hostile, choices=(hostile, "x" + hostile, "z")),
        ParamSpec("c", hostile, "number", hostile),
    ]
    app = DialogApp(FormScreen(hostile, fields, submit=hostile, intro=hostile[:100]))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert_safe(app)
        await pilot.press("tab", "right", "tab")
        assert_safe(app)
        await pilot.click("#dialog", offset=(4, 2))
        assert not app.quit_by_markup


async def test_confirm_by_its_key_only() -> None:
    for opener, wrong, right in (("x", "o", "y"), ("y", "y", "o")):
        app = DialogApp(ConfirmScreen("Stop run?", "It ends now.", opener=opener))
        async with app.run_test(size=(80, 24)) as pilot:
            assert app.screen.query_one("#cancel").has_focus
            await pilot.press(opener, wrong)
            assert app.answer is NOTHING
            assert f"({right})" in text(app)
            await pilot.press(right)
            assert app.answer is True


@pytest.mark.parametrize("key", ["enter", "escape"])
async def test_confirm_is_cancelled_by_default(key: str) -> None:
    app = DialogApp(ConfirmScreen("Stop run?"))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(key)
        assert app.answer is False


async def test_confirm_by_name() -> None:
    app = DialogApp(ConfirmScreen("Promote?", confirm="Promote", name="nyc-1"))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("n", "y")
        assert app.screen.query_one(Input).value == "ny"
        assert app.screen.query_one("#confirm", Button).disabled
        await pilot.press("enter")
        assert app.answer is NOTHING
        await pilot.press("c", "-", "1")
        assert not app.screen.query_one("#confirm", Button).disabled
        await pilot.press("enter")
        assert app.answer is True


async def test_hostile_questions_are_only_text(hostile: str) -> None:
    app = DialogApp(ConfirmScreen(hostile, hostile, confirm=hostile, name=hostile[:50]))
    async with app.run_test(size=(76, 20)) as pilot:
        await pilot.pause()
        assert_safe(app)
        assert app.screen.query_one("#dialog").region.height <= 20
        assert app.screen.query_one("#cancel").region.height == 1
        await pilot.click("#message")
        assert not app.quit_by_markup


def test_numbers() -> None:
    assert [parse_number(text) for text in ("3", "0.1", "1e-3", "x", "", "nan", "inf")] == [
        3,
        0.1,
        0.001,
        None,
        None,
        None,
        None,
    ]


def test_every_binding_has_an_id() -> None:
    for owner in (FormScreen, ConfirmScreen, Choice):
        assert all(binding.id for binding in owner.BINDINGS)  # type: ignore[union-attr]
