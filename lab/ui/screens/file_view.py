"""One text file of the store, at a line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult

from lab.ui import actions
from lab.ui.screens.base import LabScreen
from lab.ui.screens.copying import copy
from lab.ui.widgets.log_view import LogView


class FileScreen(LabScreen):
    """`trail` tells what the file is; `line` counts from 1, and `text` is marked wherever it is."""

    KIND = "file"
    MODE = "runs"
    LEAD = ""
    BINDINGS: ClassVar = actions.bindings(actions.of_screen("file"))

    def __init__(self, path: Path, trail: Sequence[str], line: int = 1, text: str = "") -> None:
        super().__init__()
        self._path, self._trail, self._line, self._text = path, tuple(trail), line, text

    def trail(self) -> tuple[str, ...]:
        return self._trail

    def body(self) -> ComposeResult:
        yield LogView(empty="the file is empty", id="log")

    async def load(self) -> None:
        view = self.query_one(LogView)
        view.show(self._path)
        view.go_to(self._line, self._text)

    async def _read_again(self) -> None:
        """A file of the store never changes."""

    def action_file_search(self) -> None:
        self.ask_filter(self.query_one(LogView).search_text, "a text in the file; capitals count if there are any")

    def action_file_copy(self) -> None:
        lines = "\n".join(self.query_one(LogView).visible_lines())
        place = f"{self._trail[-1]}:{self._line}" if self._trail else str(self._line)
        self.start(copy(self, [("place", place), ("lines in view", lines)]))

    def prompt_done(self, sign: str, text: str) -> None:
        self.query_one(LogView).search(text)
