"""What every dialog is: a modal screen that closes once, and only while it is the one that is seen."""

from __future__ import annotations

from typing import TypeVar

from textual.await_complete import AwaitComplete
from textual.screen import ModalScreen

T = TypeVar("T")


class Dialog(ModalScreen[T]):
    """Keys may be on their way to a dialog that was closed by the one before them, or that a switch to another screen
    has left behind: closing it then would close what lies in its place."""

    def dismiss(self, result: T | None = None) -> AwaitComplete:
        return super().dismiss(result) if self.is_active else AwaitComplete()
