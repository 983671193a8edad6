"""One of several values in one line: ‹ value ›. Arrows or space change it, a letter jumps to what begins with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from lab.ui.render.cells import cut, tidy
from lab.ui.render.glyphs import Span, glyphs
from lab.ui.theme import row_background
from lab.ui.widgets.strips import ground_of, to_strip


class Choice(Widget, can_focus=True):
    """Shows `choices` (any text) one at a time; enter is left to the form around it."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    Choice {
        height: 1;
        color: $foreground;
        background: $panel;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "step(-1)", "Previous", show=False, id="choice.previous"),
        Binding("right,space", "step(1)", "Next", show=False, id="choice.next"),
    ]

    class Changed(Message):
        """Another value was chosen."""

        def __init__(self, choice: Choice, value: str) -> None:
            super().__init__()
            self.choice = choice
            self.value = value

        @property
        def control(self) -> Choice:
            return self.choice

    def __init__(self, choices: Sequence[str], value: str = "", *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._choices = tuple(choices)
        self._index = self._choices.index(value) if value in self._choices else 0

    @property
    def value(self) -> str:
        return self._choices[self._index] if self._choices else ""

    @value.setter
    def value(self, text: str) -> None:
        if text in self._choices:
            self._set(self._choices.index(text))

    def action_step(self, by: int) -> None:
        if self._choices:
            self._set((self._index + by) % len(self._choices))

    def _set(self, index: int) -> None:
        if index != self._index:
            self._index = index
            self.refresh()
            self.post_message(self.Changed(self, self.value))

    def on_key(self, event: events.Key) -> None:
        letter = event.character
        if letter and letter.isalnum():
            order = [(self._index + step) % len(self._choices) for step in range(1, len(self._choices) + 1)]
            found = next((index for index in order if self._choices[index].lower().startswith(letter.lower())), None)
            event.stop()
            if found is not None:
                self._set(found)

    def on_click(self) -> None:
        self.action_step(1)

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def render_line(self, y: int) -> Strip:
        signs, width, ground = glyphs(), self.size.width, ground_of(self)
        base = self.rich_style + row_background("cursor", ground) if self.has_focus else self.rich_style
        count = f"{self._index + 1}/{len(self._choices)}"
        # Where the focus is shown by reversing, another colour would be a block of it.
        beside, bold = ("", "bold") if self.has_focus else ("muted", "")
        spans: list[Span] = [
            (f"{signs.less} ", bold or beside),
            (cut(tidy(self.value), max(1, width - len(count) - 7)), bold),
            (f" {signs.more}", bold or beside),
        ]
        if len(self._choices) > 2:
            spans.append((f"  {count}", beside))
        return to_strip(spans, base, ground, width)
