"""A log file on the screen: opens at the end at once, however large it is, and follows it.

The screen calls `poll` in its own rhythm; nothing here waits, reads ahead in a thread or remembers the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.cache import LRUCache
from textual.geometry import Region, Size
from textual.message import Message
from textual.selection import Selection
from textual.strip import Strip

from lab.ui.render import ansi
from lab.ui.render.cells import fit, tidy, width_of
from lab.ui.render.logfile import BLOCK, Line, LogFile
from lab.ui.render.logfilter import FilteredLog
from lab.ui.theme import row_background, token_style
from lab.ui.widgets.strips import LineView, is_dark, to_strip

#: Bytes looked at per call while lines before the view are being counted.
_SLICE = BLOCK * 32
#: Bytes looked at per call for a filter, which may have to look at each line.
_FILTER_SLICE = BLOCK * 8


class LogView(LineView, can_focus=True, inherit_bindings=False):
    """Lines of a file, not wrapped. `follow` keeps the end in view until somebody scrolls up."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll(-1)", "Up", show=False, id="log.up"),
        Binding("down,j", "scroll(1)", "Down", show=False, id="log.down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="log.page_up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="log.page_down"),
        Binding("home,g", "top", "First line", show=False, id="log.first"),
        Binding("end,G", "bottom", "Last line", show=False, id="log.last"),
        Binding("left", "sideways(-8)", "Left", show=False, id="log.left"),
        Binding("right", "sideways(8)", "Right", show=False, id="log.right"),
        Binding("s", "follow", "Follow", show=False, id="log.follow"),
        Binding("n", "search_next(1)", "Next match", show=False, id="log.next"),
        Binding("N", "search_next(-1)", "Previous match", show=False, id="log.previous"),
    ]

    class SearchEnded(Message):
        """A search is over; `found` tells whether the cursor is on a match now."""

        def __init__(self, view: LogView, text: str, found: bool) -> None:
            super().__init__()
            self.view = view
            self.text = text
            self.found = found

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

    def __init__(
        self,
        path: Path | None = None,
        *,
        empty: str = "no output",
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._path = path
        self._file: LogFile | None = None
        self._log: LogFile | FilteredLog | None = None  # the file, or a view of it
        self._filter = ""
        self._empty = empty
        self._follow = True
        self._first = 0  # number of the line at the top of the virtual area
        self._text = ""
        self._match: int | None = None
        self._search_from: tuple[int, int] | None = None  # line, step of a search under way
        self._to_top = False
        self._widest = 0
        self._strips: LRUCache[object, Strip] = LRUCache(512)

    # What a screen asks and sets

    @property
    def follow(self) -> bool:
        return self._follow

    @follow.setter
    def follow(self, value: bool) -> None:
        if value != self._follow:
            self._follow = value
            self.post_message(self.FollowChanged(self, value))
        if value:
            self._scroll_to_end()

    @property
    def search_text(self) -> str:
        return self._text

    def show(self, path: Path | None) -> None:
        """Show another file from its end, or none."""
        if self._file is not None:
            self._file.close()
        self._path = path
        self._log = self._file = LogFile(path) if path is not None else None
        self._filter = ""
        self._match, self._search_from, self._to_top, self._widest = None, None, False, 0
        self._follow = True
        self._rebuild()

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

    def lines(self, count: int) -> list[str]:
        """The last `count` lines as text, for copying."""
        log = self._log
        return [] if log is None else [log.line(number) for number in range(max(log.first, log.end - count), log.end)]

    def visible_lines(self) -> list[str]:
        """The lines in view, as text."""
        log = self._log
        if log is None:
            return []
        top = self._first + self.scroll_offset.y
        return [log.line(number) for number in range(top, min(log.end, top + self.size.height))]

    def search(self, text: str, step: int = -1) -> None:
        """Go to the nearest line with `text` before the end of the view (`step` -1) or after its start (1).

        Upper case in `text` makes it count. Long files are searched in slices; `SearchEnded` tells the outcome.
        """
        self._text = text
        self._match = None
        self._strips.clear()
        self.refresh()
        if text and self._log is not None:
            top = self._first + self.scroll_offset.y
            self._search_from = (min(self._log.end, top + self.size.height) - 1 if step < 0 else top, step)
            self._search_more()

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

    def action_follow(self) -> None:
        self.follow = not self.follow

    def action_search_next(self, step: int) -> None:
        if self._text and self._log is not None:
            if self._match is None:
                self.search(self._text, step)
            else:
                self._search_from = (self._match + step, step)
                self._search_more()

    # Growing and searching

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
        found, go_on = log.search(self._text, number, step)
        if (log.first, log.end) != was:
            self._grow(was, False)
        if go_on is not None:
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
        self.post_message(self.SearchEnded(self, self._text, found is not None))

    def _reveal(self, number: int) -> None:
        y = number - self._first
        top, height = self.scroll_offset.y, self.size.height
        if not top <= y < top + height:
            self.scroll_to(y=max(0, y - height // 2), animate=False)

    def _rebuild(self) -> None:
        log = self._log
        self._strips.clear()
        self._first = log.first if log else 0
        self.virtual_size = Size(self._widest, log.end - log.first if log else 0)
        if self._follow:
            self._scroll_to_end()
        self.refresh()

    def _grow(self, was: tuple[int, int], changed: bool) -> None:
        """Known lines were `was` (first, end) before: keep the same text in view, or the end."""
        log = self._log
        if log is None:
            return
        if log.end < was[1] or log.first > was[0]:  # another file
            self._match = None
            self._rebuild()
            return
        above = was[0] - log.first
        top = self.scroll_offset.y
        self._first = log.first
        self.virtual_size = Size(self._widest, log.end - log.first)
        if self._follow:
            self._scroll_to_end()
        elif above:
            self.scroll_to(y=top + above, animate=False, force=True)
        if changed:
            self._refresh_tail(was[1])

    def _refresh_tail(self, end: int) -> None:
        """Repaint from the line before `end`, which may have been incomplete."""
        y = max(0, end - 1 - self._first - self.scroll_offset.y)
        if y < self.size.height:
            self.refresh(Region(0, y, self.view_width, self.size.height - y))

    def _scroll_to_end(self) -> None:
        if self.is_mounted:
            self.scroll_end(animate=False, immediate=True, x_axis=False)

    def _keep_end(self) -> None:
        if self._follow:
            self._scroll_to_end()

    def _scroll_by(self, by: int) -> None:
        self._to_top = False
        target = max(0, min(self.max_scroll_y, self.scroll_offset.y + by))
        self.scroll_to(y=target, animate=False)

    # Painting

    def render_line(self, y: int) -> Strip:
        width, left = self.view_width, self.scroll_offset.x
        base, dark = self.rich_style, is_dark(self)
        log = self._log
        number = self._first + self.scroll_offset.y + y
        if log is None or log.end == log.first:
            missing = log is not None and not log.exists
            said = f"no line with {self._filter!r}" if self._filter else self._empty
            text = "" if y != self.size.height // 3 else "the log does not exist yet" if missing else tidy(said)
            return to_strip([(fit(text, width, "center"), "muted")], base, dark, width)
        line = log.styled(number)
        text = line.text
        key = (number, line, left, width)
        selection = self.text_selection
        strip = self._strips.get(key) if selection is None else None
        if strip is None:
            strip = self._line_strip(number, line, selection, dark).crop_extend(left, left + width, base)
            if selection is None:
                self._strips[key] = strip
            self._note_width(text)
        return strip.apply_offsets(left, self.scroll_offset.y + y)

    def _line_strip(self, number: int, line: Line, selection: Selection | None, dark: bool) -> Strip:
        base, text = self.rich_style, line.text
        if number == self._match:
            base += row_background("cursor", dark)
        span = selection.get_span(number - self._first) if selection is not None else None
        if span is not None:
            start, end = span[0], len(text) if span[1] == -1 else span[1]
            chosen = self.screen.get_component_rich_style("screen--selection")
            parts = [(text[:start], base), (text[start:end], base + chosen), (text[end:], base)]
            return Strip([Segment(part, style) for part, style in parts if part])
        spans = ansi.spans(text, line.marks, self._matches(text))
        return Strip([Segment(part, base + token_style(token, dark)) for part, token in spans])

    def _matches(self, text: str) -> list[ansi.Mark]:
        """Where `text` holds what is searched for."""
        wanted = self._text or self._filter
        fold = wanted == wanted.lower()
        where = text.lower() if fold else text
        found: list[ansi.Mark] = []
        at = 0
        while wanted and (at := where.find(wanted, at)) >= 0 and len(where) == len(text):
            found.append(ansi.Mark(at, at + len(wanted), "match reverse"))
            at += len(wanted)
        return found

    def _note_width(self, text: str) -> None:
        """Widen the scrollable area to the longest line that was ever in view."""
        size = width_of(text)
        if size > self._widest:
            self._widest = size
            self.call_later(self._widen)

    def _widen(self) -> None:
        log = self._log
        if log is not None and self._widest != self.virtual_size.width:
            self.virtual_size = Size(self._widest, log.end - log.first)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        log = self._log
        if log is None:
            return None
        start, end = selection.start, selection.end
        first = start.y if start is not None else 0
        last = end.y if end is not None else log.end - log.first - 1
        lines = [log.line(self._first + y) for y in range(first, last + 1)]
        if lines and end is not None:
            lines[-1] = lines[-1][: end.x]
        if lines and start is not None:
            lines[0] = lines[0][start.x :]
        return "\n".join(lines), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        self._strips.clear()
        self.refresh()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips.clear()

    # Events

    def on_mount(self) -> None:
        self.show(self._path)

    def on_unmount(self) -> None:
        if self._file is not None:
            self._file.close()

    def on_resize(self) -> None:
        if self._follow:
            self.call_after_refresh(self._keep_end)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """However the view was moved: at the end it follows, elsewhere not; near the top more lines are found."""
        super().watch_scroll_y(old_value, new_value)
        at_end = new_value >= self.max_scroll_y
        if at_end != self._follow:
            self._follow = at_end
            self.post_message(self.FollowChanged(self, at_end))
        log = self._log
        if new_value < old_value and log is not None and new_value < self.size.height and not log.complete:
            was = (log.first, log.end)
            if log.extend_back(_SLICE):
                self.call_later(self._grow, was, False)
