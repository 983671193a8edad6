"""Only those lines of a log that hold a text, found from the end backwards, a bounded piece at a time.

What is kept is the number of each matching line, eight bytes, and the text of few. Numbers count as in `LogFile`: -1 is
the last match when the filter was set, 0 the first one after it.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict

from lab.ui.render.logfile import BLOCK, LogFile
from lab.ui.render.logline import Line

#: So many matches are kept: with more, those nearest to the end.
MOST = 500_000
_KEPT_LINES = 1024


class FilteredLog:
    """A view of `log` with the methods that the screen asks of one; `log` itself is not changed by it."""

    def __init__(self, log: LogFile, text: str) -> None:
        self._log = log
        self._text = text
        self._fold = text == text.lower()
        self._begin()

    def _begin(self) -> None:
        self._back = array("q")  # numbers in the log, descending
        self._front = array("q")  # ascending
        self._from = self._to = self._log.whole  # lines from `_from` up to `_to` were looked at
        self._complete = False
        self._kept: OrderedDict[int, Line] = OrderedDict()

    # What is known

    @property
    def exists(self) -> bool:
        return self._log.exists

    @property
    def first(self) -> int:
        return -len(self._back)

    @property
    def end(self) -> int:
        return len(self._front) + (1 if self._holds(self._partial()) else 0)

    @property
    def complete(self) -> bool:
        """Whether everything was looked at, or as many matches were found as are kept."""
        return self._complete

    def number(self, line: int) -> int:
        """The number in the log of a match."""
        if line < 0:
            return self._back[-line - 1]
        return self._front[line] if line < len(self._front) else self._log.whole

    def line(self, line: int) -> str:
        """The text of a match; empty for any other number."""
        return self.styled(line).text

    def styled(self, line: int) -> Line:
        """`line` with its colours."""
        if not self.first <= line < self.end:
            return Line("")
        number = self.number(line)
        if line >= len(self._front):
            return self._log.styled(number)
        kept = self._kept.get(number)
        if kept is None:
            kept = self._kept[number] = self._log.styled(number)
            if len(self._kept) > _KEPT_LINES:
                self._kept.popitem(last=False)
        return kept

    def end_offset(self, line: int) -> int:
        """The byte at which a match ends in the log."""
        return self._log.offset(self.number(line) + 1)

    def _partial(self) -> str:
        return self._log.line(self._log.whole)

    def _holds(self, text: str) -> bool:
        return bool(text) and self._text in (text.lower() if self._fold else text)

    # Finding more

    def extend_back(self, budget: int) -> bool:
        """Look at about `budget` bytes more before those looked at; whether there was anything left to look at."""
        if self._complete:
            return False
        while budget > 0 and not self._complete:
            last = self._from - 1
            if last < self._log.first and not self._log.extend_back(BLOCK):
                self._complete = True
                break
            start, stop, index = self._log.locate(last)
            found = [at for at in self._log.matching(start, stop, self._text) if at <= index]
            self._from = last - index
            self._back.extend(self._from + at for at in reversed(found))
            self._complete = len(self._back) >= MOST
            budget -= stop - start
        return True

    def poll(self) -> bool:
        """Look at what was appended; whether anything changed. Begins anew with a file that became another one."""
        before, partial = len(self._front), self._partial()
        changed = self._log.poll()
        if self._log.whole < self._to or self._log.first > self._from or len(self._front) > MOST:
            self._begin()
            return True
        while self._to < self._log.whole:
            start, stop, index = self._log.locate(self._to)
            base = self._to - index
            self._front.extend(base + at for at in self._log.matching(start, stop, self._text) if at >= index)
            self._to = base + self._log.lines_in(start, stop)
        return changed and (before != len(self._front) or partial != self._partial())

    def search(self, text: str, start: int, step: int, budget: int = 2000) -> tuple[int | None, int | None]:
        """As in `LogFile`, among the matches; `budget` is a number of lines."""
        fold, number = text == text.lower(), start
        for _ in range(budget):
            if number < self.first and not self.extend_back(BLOCK * 8):
                return None, None
            if number >= self.end:
                if step > 0:
                    return None, None
                number = self.end - 1
            elif number >= self.first:
                line = self.line(number)
                if text in (line.lower() if fold else line):
                    return number, None
                number += step
        return None, number
