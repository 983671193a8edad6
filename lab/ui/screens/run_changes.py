"""What changed in a run since the one before: all of it, down to the lines of the code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult

from lab.domain.changes import Changes, DiffLine
from lab.ui import actions
from lab.ui.render.cells import tidy
from lab.ui.render.changes import FILE, page_rows
from lab.ui.screens.base import LabScreen
from lab.ui.screens.parts import cut_row
from lab.ui.widgets.detail import Page


class ChangesScreen(LabScreen):
    KIND = "changes"
    MODE = "runs"
    LEAD = ""
    BINDINGS: ClassVar = actions.bindings(actions.of_screen("changes"))

    def __init__(self, run_id: str, other: str = "", find: str = "") -> None:
        """`find` is a text of the code to begin at."""
        super().__init__()
        self._find = find
        self._run_id, self._other = run_id, other
        self._changed: Changes | None = None
        self._diff: Sequence[DiffLine] = ()
        self._brief = False
        self._files: list[int] = []  # lines where files begin

    def trail(self) -> tuple[str, ...]:
        return (self._changed.run.name if self._changed else self._run_id, "changes")

    def body(self) -> ComposeResult:
        yield Page(empty="comparing …", id="changed")

    async def load(self) -> None:
        run, other = self._run_id, self._other
        changed = await self.ask(lambda ws: ws.runs.changes(run, other))
        self._diff = await self.ask(lambda ws: ws.runs.code_diff(changed))
        self._changed = changed
        self._fill()
        self.tell_top()
        if self._find:
            lines = self.query_one(Page).plain.split("\n")
            having = [at for at, line in enumerate(lines) if self._find in line]
            moved = [at for at in having if lines[at].lstrip()[:1] in ("+", "-")]
            self._go(next(iter(moved or having), None))
            self._find = ""

    def _fill(self) -> None:
        changed = self._changed
        if changed is None:
            return
        rows = page_rows(changed, self._diff, brief=self._brief)
        safe = [[(tidy(text), token) for text, token in row] for row in rows]
        self._files = [at for at, row in enumerate(rows) if len(row) == 1 and row[0][1] == FILE]
        self.query_one(Page).show(lambda width: [cut_row(row, width) for row in safe])

    def _go(self, line: int | None) -> None:
        if line is not None:
            self.query_one(Page).scroll_to(y=line, animate=False)

    # Actions

    def action_changes_next_file(self) -> None:
        here = self.query_one(Page).scroll_offset.y
        self._go(next((at for at in self._files if at > here), None))

    def action_changes_previous_file(self) -> None:
        here = self.query_one(Page).scroll_offset.y
        self._go(next((at for at in reversed(self._files) if at < here), None))

    def action_changes_brief(self) -> None:
        self._brief = not self._brief
        self._fill()

    def copies(self) -> Sequence[tuple[str, str]]:
        command = actions.command(actions.get("run.changes"), id=self._run_id)
        return [("command", command), ("everything", self.query_one(Page).plain)]
