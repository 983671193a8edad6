"""What every dialog is: a modal screen that closes once, and only while it is the one that is seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar

from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.renderables.background_screen import BackgroundScreen
from textual.screen import ModalScreen
from textual.widgets import Static

from lab.ui.painting import PaintedScreen
from lab.ui.render.cells import tidy_lines
from lab.ui.toasts import put_away
from lab.ui.typed_ahead import TypedAhead
from lab.ui.widgets.dimmed import Dimmed

T = TypeVar("T")

DIALOG_CSS = """
    align: center middle;
    background: $background 60%;
    #dialog {
        width: 76;
        max-width: 100%;
        height: auto;
        max-height: 20;
        border: round $border;
        border-subtitle-color: $text-muted;
        background: $surface;
        padding: 0 1;
    }
    #buttons { height: 1; margin-top: 1; align-horizontal: right; }
    Button { height: 1; min-width: 12; border: none; margin-left: 2; }
    Input { height: 1; border: none; padding: 0; background: $panel; }
    Input:focus { background: $block-cursor-background; }
"""


class DialogBody(VerticalScroll, can_focus=False, inherit_bindings=False):
    """Scrolls by mouse and to what has the focus, and takes no keys from the fields inside it."""


def plain(text: str, id: str) -> Static:
    """Text as it is, on lines of its own."""
    return Static(Content(tidy_lines(text)), id=id, markup=False)


class Dialog(ModalScreen[T], PaintedScreen[T]):
    """Keys may be on their way to a dialog that was closed by the one before them, or that a switch to another screen
    has left behind: closing it then would close what lies in its place."""

    # Dialogs have their buttons below: what is told meanwhile stands above.
    DEFAULT_CSS = "Dialog ToastRack { dock: top; align: right top; margin: 0; }"
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
        put_away(self.app)
        if isinstance(self.app, TypedAhead):
            self.app.let_keys_go()

    def render(self) -> Any:  # a Visual will do, as for every widget; Textual types it narrower for screens
        seen = super().render()
        return Dimmed(seen.screen, seen.color) if isinstance(seen, BackgroundScreen) else seen

    def dismiss(self, result: T | None = None) -> AwaitComplete:
        return super().dismiss(result) if self.is_active else AwaitComplete()
