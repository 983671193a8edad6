"""Tabs: one line of names, and panes of which one is shown."""

from __future__ import annotations

from collections.abc import Sequence

from textual.widget import Widget

from lab.ui.render.glyphs import Row
from lab.ui.screens.parts import Choices


class Tabs(Choices):
    """Names of panes; the pane `#tab-<key>` of the shown one gets the class `-shown`, and the focus if it had it."""

    def __init__(self, tabs: Sequence[tuple[str, str]], *, id: str = "tabs", hint: str = "[ ] switch") -> None:
        super().__init__(id=id, classes="tabs")
        self._hint = hint
        self._tabs = tuple(tabs)
        self._current = tabs[0][0]
        self._notes: dict[str, str] = {}

    @property
    def current(self) -> str:
        return self._current

    def on_mount(self) -> None:
        self._show(self._current)  # without the focus: that is the screen's to give first

    def on_resize(self) -> None:
        self._fill()

    def offer(self, tabs: Sequence[tuple[str, str]]) -> None:
        """Have other tabs; the shown one stays, if it is among them."""
        self._tabs = tuple(tabs)
        if self._current not in [key for key, _ in tabs]:
            self.choose(tabs[0][0])
        self._fill()

    def note(self, key: str, text: str) -> None:
        """A few characters after a tab's name, such as a count."""
        self._notes[key] = text
        self._fill()

    def step(self, by: int) -> str:
        """Show the next tab (1) or the one before (-1); its key."""
        keys = [key for key, _ in self._tabs]
        self.choose(keys[(keys.index(self._current) + by) % len(keys)])
        return self._current

    def choose(self, key: str) -> None:
        """Show one tab."""
        held = any(pane.has_focus_within for pane in self.screen.query(".tab.-shown")) or self.screen.focused is None
        self._show(key)
        if held:
            self.call_after_refresh(self._focus_inside)

    def _show(self, key: str) -> None:
        self._current = key
        for name, _ in self._tabs:
            for pane in self.screen.query(f"#tab-{name}"):
                pane.set_class(name == key, "-shown")
        self._fill()

    def _focus_inside(self) -> None:
        if not self.is_attached:  # the screen was left in between
            return
        for pane in self.screen.query(f"#tab-{self._current}"):
            target = first_focusable(pane)
            if target is not None:
                target.focus()

    def _fill(self) -> None:
        items: list[tuple[str, Row]] = []
        for key, name in self._tabs:
            here = key == self._current
            note = self._notes.get(key, "")
            spans = [(name, "title underline" if here else "muted"), (f" {note}" if note else "", "muted")]
            items.append((f"tab:{key}", spans))
        self.put(items, [(self._hint, "muted")], gap="   ")


def first_focusable(widget: Widget) -> Widget | None:
    """The first widget in or at `widget` that can have the focus."""
    inside = (one for one in widget.walk_children(with_self=True) if isinstance(one, Widget))
    return next((one for one in inside if one.focusable), None)
