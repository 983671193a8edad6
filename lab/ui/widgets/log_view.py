"""A log file on the screen: opens at the end at once, however large it is, and follows it.

The screen calls `poll` in its own rhythm; nothing here waits, reads ahead in a thread or remembers the file.
"""

from __future__ import annotations

from pathlib import Path

from textual.geometry import Size
from textual.message import Message

from lab.ui.render.logfile import BLOCK, LogFile
from lab.ui.render.logfilter import FilteredLog
from lab.ui.widgets.log_keys import KEYS
from lab.ui.widgets.log_lines import LogLines

#: Bytes looked at per call while lines before the view are being counted.
_SLICE = BLOCK * 32
#: Bytes looked at per call for a filter, which may have to look at each line.
_FILTER_SLICE = BLOCK * 8
#: Stands for the number of the first line, as long as that is not known.
_TOP = -(1 << 62)


class LogView(LogLines, can_focus=True, inherit_bindings=False):
    """Lines of a file, cut or wrapped. `follow` keeps the end in view until somebody scrolls up."""

    BINDINGS = KEYS

    class SearchEnded(Message):
        """A search is over; `found` tells whether the cursor is on a match now, `around` whether that was found from
        the other end on, since there was no more on the way."""

        def __init__(self, view: LogView, text: str, found: bool, around: bool = False) -> None:
            super().__init__()
            self.view = view
            self.text = text
            self.found = found
            self.around = around

        @property
        def control(self) -> LogView:
            return self.view

    class FollowChanged(Message):
        """The end is kept in view, or no longer."""

        def __init__(self, view: LogView, follow: bool) -> None:
            super().__init__()
            self.view = view
            self.follow = follow

        @property
        def control(self) -> LogView:
            return self.view

    class TimesMissing(Message):
        """Somebody wants to see times, and none are known."""

    class EditorRequested(Message):
        """Somebody wants this file in an editor."""

        def __init__(self, view: LogView, path: Path) -> None:
            super().__init__()
            self.view = view
            self.path = path

        @property
        def control(self) -> LogView:
            return self.view

    def action_editor(self) -> None:
        if self._path is not None:
            self.post_message(self.EditorRequested(self, self._path))

    # What a screen asks and sets

    @property
    def search_text(self) -> str:
        return self._text

    def _follow_changed(self, follow: bool) -> None:
        self.post_message(self.FollowChanged(self, follow))

    def poll(self) -> bool:
        """Look whether the file has grown; whether it changed. Cheap: one stat when it has not."""
        log = self._log
        if log is None:
            return False
        complete, was = log.complete, (log.first, log.end)
        changed = log.poll()
        if not complete and isinstance(log, LogFile):
            log.extend_back(_SLICE)
        elif not log.complete and complete:  # another file: everything is to be looked at
            self._find_more()
        if changed or (log.first, log.end) != was:
            self._grow(was, changed)
        return changed

    def go_to_byte(self, offset: int) -> None:
        """Put the line that byte `offset` is in at the top."""
        if self._file is None:
            return
        self.filter("")
        was = (self._file.first, self._file.end)
        number = self._file.line_at(offset)
        self._grow(was, False)
        self._to_top = False
        self.follow = False
        self._match = number
        self._strips.clear()
        self.call_after_refresh(lambda: self.scroll_to(y=number - self._first, animate=False))
        self.refresh()

    def search(self, text: str, step: int = -1) -> None:
        """Go to the nearest line with `text` before the end of the view (`step` -1) or after its start (1), and from
        the other end of the log if there is none.

        Upper case in `text` makes it count. Long files are searched in slices; `SearchEnded` tells the outcome.
        """
        self._text = text
        self._match = None
        self._strips.clear()
        self.refresh()
        if text and self._log is not None:
            top = self._first + self.scroll_offset.y
            self._begin_search(min(self._log.end, top + self.size.height) - 1 if step < 0 else top, step)

    def clear_search(self) -> None:
        self.search("")

    # Only some lines

    @property
    def filter_text(self) -> str:
        return self._filter

    @property
    def matches(self) -> tuple[int, bool]:
        """How many lines are known now, and whether those are all."""
        log = self._log
        return (0, True) if log is None else (log.end - log.first, log.complete)

    def filter(self, text: str) -> None:
        """Show only lines with `text`, or all with ""; what was in view stays where it can. Capitals count if there are
        any. A long file is looked at from its end, in slices."""
        log, file = self._log, self._file
        if file is None or log is None or text == self._filter:
            return
        bottom = min(log.end, self._first + self.scroll_offset.y + self.size.height) - 1
        was = log.number(bottom) if isinstance(log, FilteredLog) and bottom >= log.first and not self._follow else None
        self._filter = text
        self._log = FilteredLog(file, text) if text else file
        self._match, self._search_from, self._to_top = None, None, False
        self._follow = was is None or bool(text)
        self._rebuild()
        if text:
            self._find_more()
        elif was is not None:
            self._reveal(was)

    def _find_more(self) -> None:
        """Look further back for matches while there is anything left."""
        log = self._log
        if not isinstance(log, FilteredLog):
            return
        was = (log.first, log.end)
        more = log.extend_back(_FILTER_SLICE)
        if (log.first, log.end) != was:
            self._grow(was, True)
        if more:
            self.call_later(self._find_more)

    def go_to(self, line: int, text: str = "") -> None:
        """Put `line` (from 1) of a file of moderate size into view, and mark `text` wherever it is."""
        log = self._log
        if log is None:
            return
        was = (log.first, log.end)
        while not log.complete and log.extend_back(_SLICE):
            pass
        self._grow(was, False)
        self.follow = False
        self._text, self._match = text, log.first + max(1, line) - 1
        self._strips.clear()
        self.refresh()
        self.call_after_refresh(self._reveal, self._match)

    # Actions

    def action_scroll(self, by: int) -> None:
        self._scroll_by(by)

    def action_page(self, by: int) -> None:
        self._scroll_by(by * max(1, self.size.height - 1))

    def action_top(self) -> None:
        """The first line of the file; in a very large one, as soon as it is found."""
        if self._log is not None:
            self.follow = False
            self._to_top = True
            self._seek_top()

    def action_bottom(self) -> None:
        self._to_top = False
        self.follow = True

    def action_sideways(self, by: int) -> None:
        self.scroll_to(x=max(0, self.scroll_offset.x + by), animate=False)

    def action_wrap(self) -> None:
        """Lines that are wider than the screen on several rows, or cut."""
        self._wrap = not self._wrap
        self._strips.clear()
        self.virtual_size = Size(0 if self._wrap else self._widest, self._lines_high)
        self.scroll_to(x=0, animate=False)
        if self._follow:
            self.call_after_refresh(self._keep_end)
        self.refresh()

    def action_times(self) -> None:
        """When each line was there, or no longer."""
        self._stamped = not self._stamped
        if self._stamped and not self._clock:
            self.post_message(self.TimesMissing())
        self._strips.clear()
        self.refresh()

    def action_follow(self) -> None:
        self.follow = not self.follow

    def action_search_next(self, step: int) -> None:
        if self._text and self._log is not None:
            if self._match is None:
                self.search(self._text, step)
            else:
                self._begin_search(self._match + step, step)

    def _begin_search(self, number: int, step: int) -> None:
        self._search_from, self._searched_from, self._around = (number, step), number, False
        self._search_more()

    def _seek_top(self) -> None:
        log = self._log
        if log is None or not self._to_top:
            return
        was = (log.first, log.end)
        if log.extend_back(_SLICE):
            self._grow(was, False)
            self.call_later(self._seek_top)
            return
        self._to_top = False
        self.scroll_to(y=0, animate=False)

    def _search_more(self) -> None:
        log = self._log
        if log is None or self._search_from is None:
            return
        number, step = self._search_from
        was = (log.first, log.end)
        found: int | None = None
        go_on: int | None = number
        if not self._around or step < 0 or not log.extend_back(_SLICE):  # down from the top: that has to be known first
            number = log.first if number == _TOP else number
            found, go_on = log.search(self._text, number, step)
        if (log.first, log.end) != was:
            self._grow(was, False)
        if found is None and go_on is None and not self._around:
            self._around, go_on = True, log.end - 1 if step < 0 else _TOP
        if go_on is not None and not self._came_around(go_on, step):
            self._search_from = (go_on, step)
            self.call_later(self._search_more)
            return
        self._search_from = None
        if found is not None:
            self._match = found
            self.follow = False
            self._reveal(found)
            self._strips.clear()
            self.refresh()
        self.post_message(self.SearchEnded(self, self._text, found is not None, self._around))

    def _came_around(self, number: int, step: int) -> bool:
        """Whether a search that went on from the other end is past the line that it began at."""
        return self._around and number != _TOP and (number - self._searched_from) * step > 0

    def _scroll_by(self, by: int) -> None:
        self._to_top = False
        pieces = self._pieces() if self._wrap and self._follow else ()
        top = pieces[0].number - self._first if pieces else self.scroll_offset.y
        target = max(0, min(self.max_scroll_y, top + by))
        self.scroll_to(y=target, animate=False)
