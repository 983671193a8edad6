"""The table of the Runs screen."""

from __future__ import annotations

from lab.ui.screens.run_columns import RunColumns
from lab.ui.screens.run_grouping import RunGrouping
from lab.ui.screens.run_groups import GroupedRuns
from lab.ui.screens.run_pages import RunPages
from lab.ui.screens.run_verbs import RunVerbs
from lab.ui.widgets.frame_table import FrameTable


class RunTable(FrameTable):
    """Leaves to the screen what is about all runs, since not every row is known here, and about columns, of which there
    are more than it was given."""

    def action_mark(self) -> None:
        """Of a group's head: mark its runs, or unmark them where all are."""
        key, screen = self.cursor_key, self.screen
        ids = screen.marked_of(key) if key is not None and isinstance(screen, RunGrouping) else ()
        if not ids:
            super().action_mark()
            return
        marked = dict.fromkeys(self.marks)
        others = [id for id in marked if id not in ids]
        self.set_marks(others if set(ids) <= set(marked) else [*marked, *ids])
        self.action_move(1)

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

    def action_range(self) -> None:
        screen, begin = self.screen, self._anchor
        if begin is None or not isinstance(screen, RunVerbs) or not isinstance(self.given, RunPages):
            super().action_range()
            return
        self._anchor = None
        self.refresh()
        screen.mark_range(min(begin, self.cursor_index), max(begin, self.cursor_index))

    def action_mark_all(self) -> None:
        if isinstance(self.screen, RunVerbs):
            self.screen.mark_all()

    def action_invert(self) -> None:
        """Of the rows that have been looked at."""
        marked = set(self.marks)
        if isinstance(self.given, RunPages | GroupedRuns):
            self.set_marks([run.id for run in self.given.known if run.id not in marked])
