"""The command log: the shell command behind everything that was done in this app, and how it went."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content

from lab.ui.jobs import Job, job_token
from lab.ui.render.number import format_duration, format_time
from lab.ui.render.rows import Cell, Column, ListSource, Row
from lab.ui.screens.parts import Lines
from lab.ui.widgets.dialog import Dialog
from lab.ui.widgets.frame_table import FrameTable

_COLUMNS = (
    Column("when", "when", width=8, sortable=False),
    Column("state", "", width=8, sortable=False),
    Column("command", "command", min_width=20, max_width=200, sortable=False, flex=1),
    Column("took", "took", width=7, align="right", sortable=False),
)


def job_rows(jobs: Sequence[Job], now: float) -> list[Row]:
    """The newest first."""
    return [
        Row(
            str(index),
            (
                Cell(format_time(job.began, now).rpartition(" ")[2], "muted"),
                Cell(job.state, job_token(job.state)),
                Cell(job.command or job.title),
                Cell(format_duration(max(0.0, job.seconds)), "muted"),
            ),
        )
        for index, job in reversed(list(enumerate(jobs)))
    ]


class CommandLogScreen(Dialog[None]):
    """`y` copies the command under the cursor."""

    DEFAULT_CSS = """
    CommandLogScreen { align: center middle; background: $background 60%; }
    CommandLogScreen #box {
        width: 96%; max-width: 140; height: 80%;
        border: round $border; background: $surface; padding: 0 1;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,@", "close", "Close", show=False, id="log.close"),
        Binding("y", "copy", "Copy", show=False, id="log.copy"),
    ]

    def __init__(self, jobs: Sequence[Job]) -> None:
        super().__init__()
        self._jobs = jobs

    def compose(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title = Content("What was done, as commands")
            box.border_subtitle = Content("y copy   esc close")
            yield FrameTable(_COLUMNS, empty="nothing was done yet in this app", pinned=0)
            yield Lines([[], []], id="outcome")

    def on_mount(self) -> None:
        self._fill()
        self.set_interval(0.5, self._fill)

    def _fill(self) -> None:
        self.query_one(FrameTable).replace(ListSource(job_rows(self._jobs, time.time())))
        self.on_frame_table_row_highlighted()

    @property
    def _current(self) -> Job | None:
        key = self.query_one(FrameTable).cursor_key
        return None if key is None else self._jobs[int(key)]

    def on_frame_table_row_highlighted(self) -> None:
        """The whole of the row under the cursor."""
        job = self._current
        if job is not None:
            self.query_one(Lines).show([[(job.command or job.title, "accent")], [(job.line, "muted")]])

    def action_copy(self) -> None:
        job = self._current
        if job is not None:
            self.app.copy_to_clipboard(job.command or job.title)

    def action_close(self) -> None:
        self.dismiss(None)
