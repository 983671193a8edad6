"""A question before what cannot be undone, as a dialog.

It fits 76 x 20 cells. What it says is shown as it is, never as markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Input

from lab.ui.render.cells import tidy
from lab.ui.widgets.dialog import DIALOG_CSS, Dialog, DialogBody, plain


class ConfirmScreen(Dialog[bool]):
    """Asks before `message` happens; dismisses with True only when confirmed.

    The focus is on Cancel. What confirms is a key other than the one that opened the question (`y`, or `o` when that
    was `opener`), or typing `name` in full where one is given: what is typed goes there wherever the focus is.
    """

    DEFAULT_CSS = (
        "ConfirmScreen {"
        + DIALOG_CSS
        + """
    #message { text-style: bold; margin-top: 1; }
    #consequence { color: $text-warning; margin-top: 1; }
    #prompt { color: $text-muted; margin-top: 1; }
    #texts { height: auto; max-height: 14; scrollbar-size: 1 1; }
    }"""
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", id="confirm.cancel"),
        Binding("y", "confirm('y')", "Confirm", show=False, id="confirm.yes"),
        Binding("o", "confirm('o')", "Confirm", show=False, id="confirm.ok"),
        Binding("left", "app.focus_previous", "Previous", show=False, id="confirm.previous"),
        Binding("right", "app.focus_next", "Next", show=False, id="confirm.next"),
    ]

    def __init__(
        self, message: str, consequence: str = "", *, confirm: str = "Confirm", opener: str = "", name: str = ""
    ) -> None:
        """`confirm` labels the button, `opener` is the key that led here, `name` what must be typed, if anything."""
        super().__init__()
        self._message = message
        self._consequence = consequence
        self._confirm = confirm
        self._key = "o" if opener.lower() == "y" else "y"
        self._expected = tidy(name).strip()

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            with DialogBody(id="texts"):
                yield plain(self._message, id="message")
                if self._consequence:
                    yield plain(self._consequence, id="consequence")
            if self._expected:
                yield plain(f"Type {self._expected} to confirm:", id="prompt")
                yield Input(id="name", compact=True, select_on_focus=False)
            label = tidy(self._confirm, 24) if self._expected else f"{tidy(self._confirm, 24)} ({self._key})"
            with Horizontal(id="buttons"):
                yield Button(Content("Cancel"), id="cancel", compact=True)
                yield Button(Content(label), id="confirm", variant="error", compact=True, disabled=bool(self._expected))

    def told_by_itself(self) -> Sequence[tuple[str, str]]:
        return [(self._message, self._consequence or "It can be taken back with z.")]

    def on_mount(self) -> None:
        self.query_one("#cancel").focus()

    @property
    def _named(self) -> bool:
        return not self._expected or tidy(self.query_one("#name", Input).value).strip() == self._expected

    @on(Input.Changed, "#name")
    def _typed(self) -> None:
        self.query_one("#confirm", Button).disabled = not self._named

    @on(Input.Submitted, "#name")
    def _entered(self) -> None:
        if self._named:
            self.dismiss(True)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Of the keys that could confirm only one does, and none where a name has to be typed."""
        return parameters == (self._key,) and not self._expected if action == "confirm" else True

    def action_confirm(self, key: str) -> None:
        self.dismiss(True)

    def on_key(self, event: events.Key) -> None:
        if self._expected and event.character and event.is_printable and event.key != "space":
            field = self.query_one("#name", Input)
            if not field.has_focus:
                event.stop()
                field.focus()
                field.insert_text_at_cursor(event.character)

    def action_cancel(self) -> None:
        self.dismiss(False)

    @on(Button.Pressed, "#confirm")
    def _press_confirm(self) -> None:
        if self._named:
            self.dismiss(True)

    @on(Button.Pressed, "#cancel")
    def _press_cancel(self) -> None:
        self.dismiss(False)
