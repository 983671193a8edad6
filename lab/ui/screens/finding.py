"""Finding a text in a table without hiding any row: `/` where there is no filter, else `//`; then n and N go on."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING

from lab.errors import NotFoundError
from lab.ui.render.cells import tidy
from lab.ui.render.rows import Row
from lab.ui.widgets.frame_table import FrameTable

if TYPE_CHECKING:
    from lab.ui.screens.tables import TablesScreen

#: The sign of the prompt.
FIND = "find"
HINT = "a text in any column; enter, then n and N go to the next and the one before"
#: What the key bar says while n and N step through what was found: (action, key, label).
KEYS = (("find_on", "n", "Next match"), ("find_back", "N", "Before"), ("find_end", "esc", "Done"))
#: Rows that are looked through at once.
CHUNK = 500

#: Which of the rows at (offset, limit) hold what is looked for, from the first one on.
Look = Callable[[int, int], Coroutine[None, None, Sequence[int]]]


class Finder:
    """A text that is looked for in one table of a screen."""

    def __init__(self, screen: TablesScreen) -> None:
        self._screen = screen
        self._table: FrameTable | None = None
        self._origin = 0
        self._turn = 0  # of looking: one that is no longer the last gives up

    @property
    def on(self) -> bool:
        """Whether n and N step through what was found."""
        return self._table is not None and bool(self._table.needle)

    def open(self, table: FrameTable) -> str:
        """Begin at the cursor of `table`; the text that was looked for there before."""
        self._table, self._origin = table, table.cursor_index
        return table.needle

    def typed(self, text: str) -> None:
        """Go to the first row at or below where it began that holds `text`."""
        if self._table is not None:
            self._table.set_needle(text)
            self._screen.start(self._go(self._origin, 1), "find")

    def done(self, text: str, *, cancelled: bool) -> None:
        if self._table is None:
            return
        if cancelled or not text.strip():
            self._table.action_to(self._origin)
            self.end()
        else:
            self._table.set_needle(text)
            self._screen.start(self._go(self._origin, 1, told=True), "find")

    def step(self, by: int) -> None:
        """To the next row that holds it (1) or the one before (-1), round the ends."""
        if self._table is not None:
            self._screen.start(self._go(self._table.cursor_index + by, by, told=True), "find")

    def end(self) -> bool:
        """Look for nothing any more; whether anything was looked for."""
        was, table = self.on, self._table
        self._table = None
        self._turn += 1
        if table is not None:
            table.set_needle("")
        return was

    async def _go(self, start: int, by: int, *, told: bool = False) -> None:
        table = self._table
        if table is None or not table.needle.strip():
            return
        self._turn += 1
        turn, needle = self._turn, table.needle

        async def look(offset: int, limit: int) -> Sequence[int]:
            if turn != self._turn:
                return ()
            return await self._screen.rows_with(table, needle, offset, limit)

        place = await nearest(look, table.row_count, start, by)
        if turn != self._turn:
            return
        if place is not None:
            table.action_to(place)
        elif told:
            self.end()
            self._screen.tell_keys()
            raise NotFoundError(f"no row holds {tidy(needle, 60)!r}", "/ looks for another text")


def holds(row: Row, needle: str) -> bool:
    """Whether a cell of `row` shows `needle`, whatever the case."""
    low = needle.strip().lower()
    return bool(low) and any(low in cell.text.lower() for cell in row.cells)


async def nearest(look: Look, count: int, start: int, by: int) -> int | None:
    """The first place from `start` on in the direction of `by`, round the end, at which `look` finds something."""
    if count <= 0:
        return None
    start %= count
    parts = [(start, count), (0, start)] if by > 0 else [(0, start + 1), (start + 1, count)]
    for first, stop in parts:
        chunks = [(at, min(CHUNK, stop - at)) for at in range(first, stop, CHUNK)]
        for offset, limit in chunks if by > 0 else reversed(chunks):
            found = await look(offset, limit)
            if found:
                return found[0] if by > 0 else found[-1]
    return None
