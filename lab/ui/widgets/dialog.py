"""What every dialog is: a modal screen that closes once, and only while it is the one that is seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, TypeVar

from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from lab.ui.typed_ahead import TypedAhead

T = TypeVar("T")


class Dialog(ModalScreen[T]):
    """Keys may be on their way to a dialog that was closed by the one before them, or that a switch to another screen
    has left behind: closing it then would close what lies in its place."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "app.app_explain", "Explain", show=False, id="dialog.explain")
    ]

    def explained(self) -> Sequence[tuple[str, str]]:
        """(word, value) of what it shows, for F1, the most important first."""
        return ()

    def told_by_itself(self) -> Sequence[tuple[str, str]]:
        """(title, text) that need no entry of their own, for F1: what a field is for."""
        return ()

    def on_mount(self) -> None:
        if isinstance(self.app, TypedAhead):
            self.app.let_keys_go()

    def dismiss(self, result: T | None = None) -> AwaitComplete:
        return super().dismiss(result) if self.is_active else AwaitComplete()
