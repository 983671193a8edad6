"""The run table's rows: pages of runs that are fetched when they come into sight."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lab.domain.runs import Run
from lab.ui.render.rows import Cell, Column, Row

#: Runs are read by so many, or a few times that.
PAGE = 40
#: Keys of rows whose run is not known yet begin with this; no id does.
UNKNOWN = "\0"


class RunPages:
    """A `RowSource` over `total` runs of which some pages are known. Asking for others calls `want` with the page."""

    def __init__(self, total: int, make: Callable[[Run], Row], want: Callable[[int], None]) -> None:
        self.total = total
        self._make = make
        self._want = want
        self._pages: dict[int, Sequence[Run]] = {}
        self._rows: dict[str, Row] = {}
        self._index: dict[str, int] = {}

    def put_all(self, pages: range, runs: Sequence[Run]) -> None:
        """Take in some pages beside each other, of which `runs` are all."""
        for at, page in enumerate(pages):
            self.put(page, runs[at * PAGE : (at + 1) * PAGE])

    def update(self, run: Run) -> None:
        """Take in a later state of a run, where it is known."""
        index = self._index.get(run.id)
        if index is not None:
            self._rows.pop(run.id, None)
            runs = self._pages[index // PAGE]
            self._pages[index // PAGE] = [run if one.id == run.id else one for one in runs]

    def put(self, page: int, runs: Sequence[Run]) -> None:
        """Take in one page; an older state of it is forgotten."""
        for run in self._pages.get(page, ()):
            self._index.pop(run.id, None)
            self._rows.pop(run.id, None)
        self._pages[page] = runs
        for offset, run in enumerate(runs):
            self._index[run.id] = page * PAGE + offset
            self._rows.pop(run.id, None)

    def recolumn(self, _columns: Sequence[Column]) -> None:
        """Make all rows anew: the columns are others."""
        self._rows.clear()

    @property
    def known(self) -> Sequence[Run]:
        """All runs that are known, by position."""
        return [run for page in sorted(self._pages) for run in self._pages[page]]

    def get(self, key: str | None) -> Run | None:
        index = self._index.get(key) if key is not None else None
        return None if index is None else self._pages[index // PAGE][index % PAGE]

    def count(self) -> int:
        return self.total

    def window(self, offset: int, limit: int) -> Sequence[Row]:
        return [self._row(index) for index in range(offset, min(self.total, offset + limit))]

    def find(self, key: str) -> int | None:
        return self._index.get(key)

    def _row(self, index: int) -> Row:
        page, at = divmod(index, PAGE)
        runs = self._pages.get(page)
        if runs is None:
            self._want(page)
        if runs is None or at >= len(runs):
            return Row(f"{UNKNOWN}{index}", (Cell("…", "muted"),))
        run = runs[at]
        row = self._rows.get(run.id)
        if row is None:
            row = self._rows[run.id] = self._make(run)
        return row


def pages_of(first: int, last: int) -> range:
    """Pages that hold the rows from `first` up to and with `last`."""
    return range(max(0, first) // PAGE, max(0, last) // PAGE + 1)
