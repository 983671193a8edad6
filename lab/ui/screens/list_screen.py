"""A screen that is a list of nouns: with a text filter, and marks that are there again after a restart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from lab.ui.render.glyphs import Row
from lab.ui.screens.base import LabScreen
from lab.ui.widgets.frame_table import FrameTable
from lab.ui.widgets.table_messages import MarksChanged

#: So many marks are remembered.
_MARKS = 200


class ListScreen(LabScreen):
    """A screen with a text filter over its main list."""

    FILTER_HINT: ClassVar[str] = "part of a name;  / again finds without hiding"
    #: The id of the main list.
    LIST: ClassVar[str] = ""

    def __init__(self) -> None:
        super().__init__()
        self._goal = ""
        self._marked = False

    def show_object(self, key: str) -> None:
        self._goal = key
        self._seek()

    def _seek(self) -> None:
        """Go to the object that was asked for, if it is there by now."""
        for table in self.query(f"#{self.LIST}").results(FrameTable) if self._goal else ():
            if table.move_to(self._goal):
                self._goal = ""

    def loaded(self) -> None:
        """Go to what was asked for; once, mark what was marked last."""
        self._seek()
        if not self._marked:
            self._marked = True
            self.start(self._mark_again(), "marks")

    async def _mark_again(self) -> None:
        keys = [key for key in self.lab.view_state.get(self.KIND, "marks", []) if isinstance(key, str)]
        there = await self.existing(keys) if keys else ()
        table = self.query_one(f"#{self.LIST}", FrameTable)
        if there and not table.marks:
            table.set_marks(there)

    async def existing(self, keys: Sequence[str]) -> Sequence[str]:
        """Those of `keys` that are still in the main list."""
        source = self.query_one(f"#{self.LIST}", FrameTable).source
        return [key for key in keys if source.find(key) is not None]

    def on_frame_table_marks_changed(self, event: MarksChanged) -> None:
        if event.table.id == self.LIST and self._marked:
            self.lab.view_state.put(self.KIND, "marks", list(event.keys[:_MARKS]))

    @property
    def filter_text(self) -> str:
        text: str = self.lab.view_state.get(self.KIND, "filter", "")
        return text

    def apply_filter(self, text: str) -> None:
        self.lab.view_state.put(self.KIND, "filter", text)
        self.filter_changed()

    def filter_changed(self) -> None:
        """The filter is another one: show what fits."""
        self.reload()

    def prompt_changed(self, sign: str, text: str) -> None:
        self.apply_filter(text)

    def prompt_done(self, sign: str, text: str) -> None:
        self.apply_filter(text)

    def open_filter(self) -> None:
        self.ask_filter(self.filter_text, self.FILTER_HINT)

    def close_inner(self) -> bool:
        if self.filter_text:
            self.apply_filter("")
            return True
        return False


def filter_spans(text: str) -> Row:
    """What a heading says of the filter, nothing without one."""
    return [("  fitting ", "muted"), (text, "accent"), ("  (esc clears)", "muted")] if text else []


def fits(text: str, *fields: str) -> bool:
    """Whether every word of a filter occurs in one of `fields`, whatever the case."""
    haystack = "\n".join(fields).lower()
    return all(word in haystack for word in text.lower().split())
