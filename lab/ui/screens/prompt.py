"""The line at the bottom where a filter or a command is typed, with its history and what completes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.suggester import Suggester
from textual.widget import Widget
from textual.widgets import Input

from lab.ui.render.cells import tidy, width_of
from lab.ui.render.glyphs import Row
from lab.ui.screens.parts import Lines

#: What could follow is told in one line of at most so many words.
_SHOWN = 12

Offers = Callable[[str], Sequence[str]]


class _Rest(Suggester):
    """Shows in the line itself how the first offer goes on; → takes it."""

    def __init__(self, offers: Offers) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._offers = offers

    async def get_suggestion(self, value: str) -> str | None:
        return next((line for line in self._offers(value) if line.startswith(value)), None) if value else None


class Prompt(Vertical):
    """Hidden until asked for.

    `Changed` and `Done` tell the screen; on `Done` with `cancelled` the text is what it was before.
    """

    DEFAULT_CSS = """
    Prompt { height: auto; display: none; background: $panel; }
    Prompt > Lines { background: $surface; }
    Prompt Horizontal { height: 1; }
    Prompt #prompt-sign { width: auto; }
    Prompt Input { width: 1fr; background: $panel; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", show=False, id="prompt.cancel"),
        Binding("up", "older(1)", "Older line", show=False, id="prompt.older"),
        Binding("down", "older(-1)", "Newer line", show=False, id="prompt.newer"),
        Binding("tab", "complete(1)", "Complete", show=False, id="prompt.complete"),
        Binding("shift+tab", "complete(-1)", "Complete backwards", show=False, id="prompt.complete_back"),
    ]

    class Changed(Message):
        def __init__(self, sign: str, text: str) -> None:
            super().__init__()
            self.sign = sign
            self.text = text

    class Done(Message):
        def __init__(self, sign: str, text: str, cancelled: bool) -> None:
            super().__init__()
            self.sign = sign
            self.text = text
            self.cancelled = cancelled

    class Doubled(Message):
        """The sign was typed once more, right behind the key that opened the prompt."""

        def __init__(self, sign: str) -> None:
            super().__init__()
            self.sign = sign

    def __init__(self) -> None:
        super().__init__(id="prompt")
        self.sign = ""
        self._before = ""
        self._fresh = False  # nothing was typed yet
        self._history: Sequence[str] = ()
        self._back = 0
        self._offers: Offers = _nothing
        self._chosen: tuple[str, int] = ("", -1)  # the text that is completed, and which of its offers stands there
        self._return_to: Widget | None = None

    def compose(self) -> ComposeResult:
        yield Lines(id="prompt-offers")
        with Horizontal():
            yield Lines(id="prompt-sign")
            yield Input(compact=True, id="prompt-input", select_on_focus=False)

    @property
    def is_open(self) -> bool:
        return self.display

    def ask(self, sign: str, text: str = "", placeholder: str = "", history: Sequence[str] = ()) -> None:
        """Open with `text`; the focus returns to where it was when this is done."""
        self.sign, self._before, self._history, self._back = sign, text, history, 0
        self._offers, self._chosen = _nothing, ("", -1)
        self._fresh = True
        if not self.is_open:
            self._return_to = self.screen.focused
        self.query_one("#prompt-sign", Lines).show([[(f" {sign} ", "accent bold")]])
        self.query_one("#prompt-sign").styles.width = len(sign) + 2
        self.query_one("#prompt-offers", Lines).show([])
        box = self.query_one(Input)
        box.suggester = None
        box.placeholder = placeholder
        self._put(text)
        # At once: what is typed right behind the opening key must not reach the screen as keys of its own.
        self.display = True
        self.screen.set_focus(box)

    def offer(self, offers: Offers) -> None:
        """`offers(text)` are whole lines that go on where `text` ends; tab walks through them."""
        self._offers = offers
        self.query_one(Input).suggester = _Rest(offers)
        self._tell_offers()

    def _put(self, text: str) -> None:
        box = self.query_one(Input)
        box.value = text
        box.cursor_position = len(text)

    def close(self) -> None:
        """Close without telling anybody; the focus goes back."""
        if self._return_to is not None and self._return_to.is_attached:
            self.screen.set_focus(self._return_to)
        self.display = False

    def _end(self, text: str, cancelled: bool) -> None:
        self.close()
        self.post_message(self.Done(self.sign, text, cancelled))

    def action_cancel(self) -> None:
        self._end(self._before, True)

    def action_older(self, by: int) -> None:
        """Walk the history: 1 back in time, -1 towards now."""
        back = max(0, min(len(self._history), self._back + by))
        if back != self._back:
            self._back = back
            self._put(self._history[-back] if back else "")

    def action_complete(self, by: int) -> None:
        """Put the next offer (1) or the one before (-1) into the line; after the last comes what was typed."""
        text, at = self._chosen if self._chosen[1] >= 0 else (self.query_one(Input).value, -1)
        offers = [*self._offers(text), text]
        if len(offers) > 1:
            at = (at + by) % len(offers)
            self._chosen = (text, -1 if offers[at] == text else at)
            self._put(offers[at])
            self._tell_offers()

    def _tell_offers(self) -> None:
        typed, at = self._chosen if self._chosen[1] >= 0 else (self.query_one(Input).value, -1)
        offers = self._offers(typed) if self.is_open else ()
        row = offer_row(typed, offers, at, self.size.width)
        self.query_one("#prompt-offers", Lines).show([row] if row else [])

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self._fresh and event.value == self._before + self.sign:
            self.post_message(self.Doubled(self.sign))
            return
        self._fresh = self._fresh and event.value == self._before
        text, at = self._chosen
        if at >= 0 and event.value not in self._offers(text)[at : at + 1]:
            self._chosen = ("", -1)  # something else was typed than what tab had put there
        if self.is_open:
            self._tell_offers()
            self.post_message(self.Changed(self.sign, event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._end(event.value, False)


def offer_row(typed: str, offers: Sequence[str], at: int, width: int) -> Row:
    """What could follow, without what the lines have in common; the one at `at` stands out. The row scrolls to it."""
    shared = typed.rfind(" ") + 1
    first = max(0, at - _SHOWN // 2)
    row: Row = [(" ", "")]
    used = 1
    for index, line in enumerate(offers[first : first + _SHOWN], first):
        word = tidy(line[shared:], 40)
        used += width_of(word) + 2
        if used > max(width - 8, 10) and len(row) > 1:
            break
        row += [(word, "accent bold" if index == at else "muted"), ("  ", "")]
    rest = len(offers) - first - (len(row) - 1) // 2
    return [*row, (f"+{rest}", "muted")] if rest > 0 and len(row) > 1 else row if len(row) > 1 else []


def _nothing(_: str) -> Sequence[str]:
    return ()
