"""The table of the Runs screen."""

from __future__ import annotations

from lab.ui.screens.run_columns import RunColumns
from lab.ui.screens.run_pages import RunPages
from lab.ui.widgets.frame_table import FrameTable


class RunTable(FrameTable):
    """Leaves to the screen what is about all runs, since not every row is known here, and about columns, of which there
    are more than it was given."""

    def action_move_column(self, by: int) -> None:
        if isinstance(self.screen, RunColumns):
            self.screen.move_column(by)

    def action_hide_column(self) -> None:
        if isinstance(self.screen, RunColumns):
            self.screen.hide_column()

    def action_pin(self) -> None:
        if isinstance(self.screen, RunColumns):
            self.screen.action_runs_pin_column()

    def action_choose_columns(self) -> None:
        if isinstance(self.screen, RunColumns):
            self.screen.action_runs_columns()

    def action_describe(self) -> None:
        if isinstance(self.screen, RunColumns):
            self.screen.action_runs_describe()

    def action_same(self) -> None:
        if isinstance(self.screen, RunColumns):
            self.screen.show_same()

    def action_mark_all(self) -> None:
        if isinstance(self.screen, RunColumns):
            self.screen.mark_all()

    def action_invert(self) -> None:
        """Of the rows that have been looked at."""
        marked = set(self.marks)
        if isinstance(self.source, RunPages):
            self.set_marks([run.id for run in self.source.known if run.id not in marked])
