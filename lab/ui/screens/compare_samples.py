"""The Samples and Classes tabs of a comparison: which samples two runs do not see alike, and of which classes."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Container

from lab.domain.predictions import SampleChanges
from lab.errors import LabError
from lab.ui.render.rows import ListSource
from lab.ui.render.samples import quality_rows, sample_columns, sample_facts, sample_rows, samples_heading
from lab.ui.screens.parts import Lines
from lab.ui.widgets.detail import DetailPanel, Page
from lab.ui.widgets.frame_table import FrameTable
from lab.ui.widgets.table_messages import RowHighlighted, RowSelected


class SamplesPart(Container):
    """Two lines, the samples that flipped, and beside them all that is known of the one under the cursor."""

    DEFAULT_CSS = """
    SamplesPart { height: 1fr; }
    SamplesPart #flips-pane { height: 1fr; layout: horizontal; }
    SamplesPart Lines { background: $surface; }
    """

    def __init__(self) -> None:
        super().__init__(id="samples")
        self._found: SampleChanges | None = None

    def compose(self) -> ComposeResult:
        yield Lines(id="samples-line")
        with Container(id="flips-pane"):
            yield FrameTable((), empty="reading …", pinned=2, id="flips")
            yield DetailPanel(id="sample-facts", classes="drawer", empty="no sample under the cursor")

    @property
    def table(self) -> FrameTable:
        return self.query_one("#flips", FrameTable)

    def wait(self, new: str, old: str) -> None:
        """Say that something is being read."""
        self._found = None
        self.query_one("#samples-line", Lines).show(
            [[(f" {new}", "bold"), (" against ", "muted"), (old, "bold"), ("   reading …", "muted")]]
        )

    def show(self, found: SampleChanges, new: str, old: str) -> None:
        self._found = found
        self.query_one("#samples-line", Lines).show(samples_heading(found, new, old))
        self.table.set_columns(sample_columns(found))
        self.table.set_empty(found.notes[-1] if found.notes and not found.common else "every sample is seen alike")
        self.table.replace(ListSource(sample_rows(found)))

    def lack(self, error: LabError, new: str, old: str) -> None:
        """There is nothing to show, and why."""
        self._found = None
        head = [(f" {new}", "bold"), (" against ", "muted"), (old, "bold")]
        self.query_one("#samples-line", Lines).show([head, [(f" {error.message}", "warn")]])
        self.table.set_columns(())
        self.table.replace(ListSource(()))
        self.table.set_empty(error.hint or "nothing to compare")

    def on_frame_table_row_highlighted(self, event: RowHighlighted) -> None:
        event.stop()
        self._tell(event.key)

    def on_frame_table_row_selected(self, event: RowSelected) -> None:
        event.stop()
        if self._tell(event.key):
            self.screen.add_class("-open")
            if self.screen.has_class("-narrow"):
                self.query_one("#sample-facts").focus()

    def close(self) -> bool:
        """Close the panel beside the table; whether it was open."""
        if not self.screen.has_class("-open"):
            return False
        self.screen.remove_class("-open")
        self.table.focus()
        return True

    def _tell(self, key: str) -> bool:
        found, panel = self._found, self.query_one("#sample-facts", DetailPanel)
        at = int(key)
        if found is None or at >= len(found.rows):
            return False
        panel.set_pairs(sample_facts(found.rows[at]))
        panel.scroll_home(animate=False)
        return True


def show_quality(page: Page, found: SampleChanges, new: str, old: str) -> None:
    """All but the single samples: classes, confusion and calibration, or the errors of a regression."""
    page.show(lambda width: [*samples_heading(found, new, old), [], *quality_rows(found, width)])
