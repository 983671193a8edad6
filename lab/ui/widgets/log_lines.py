"""What a `LogView` shows: lines of a file that is never read as a whole, as strips."""

from __future__ import annotations

from pathlib import Path

from rich.segment import Segment
from textual.cache import LRUCache
from textual.geometry import Region, Size
from textual.selection import Selection
from textual.strip import Strip

from lab.ui.render import ansi
from lab.ui.render.cells import fit, tidy, width_of
from lab.ui.render.logfile import BLOCK, LogFile
from lab.ui.render.logfilter import FilteredLog
from lab.ui.render.logline import Line
from lab.ui.render.logrows import STAMP, Clock, Piece, matches, pieces_down, pieces_up
from lab.ui.theme import Ground, row_background, token_style
from lab.ui.widgets.strips import LineView, ground_of, to_strip

#: Bytes looked at per call while lines before the view are being counted.
_SLICE = BLOCK * 32
#: Bytes looked at per call for a filter, which may have to look at each line.
_FILTER_SLICE = BLOCK * 8


class LogLines(LineView, can_focus=True, inherit_bindings=False):
    """The lines of a file that are in view, cut or wrapped. `LogView` adds what a user does with them."""

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
        self._searched_from = 0  # the line that the search began at
        self._around = False  # whether it has gone on from the other end
        self._to_top = False
        self._widest = 0
        self._wrap = False
        self._stamped = False
        self._clock = Clock()
        self._wrapped: list[Piece] = []
        self._laid: tuple[object, ...] = ()
        self._strips: LRUCache[object, Strip] = LRUCache(512)

    @property
    def follow(self) -> bool:
        return self._follow

    @follow.setter
    def follow(self, value: bool) -> None:
        if value != self._follow:
            self._follow = value
            self._follow_changed(value)
        if value:
            self._scroll_to_end()

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

    def lines(self, count: int) -> list[str]:
        """The last `count` lines as text, for copying."""
        log = self._log
        return [] if log is None else [log.line(number) for number in range(max(log.first, log.end - count), log.end)]

    def visible_lines(self) -> list[str]:
        """The lines in view, as text."""
        log = self._log
        if log is None:
            return []
        if self._wrap:
            return [log.line(number) for number in dict.fromkeys(piece.number for piece in self._pieces())]
        top = self._first + self.scroll_offset.y
        return [log.line(number) for number in range(top, min(log.end, top + self.size.height))]

    @property
    def wraps(self) -> bool:
        return self._wrap

    @property
    def times(self) -> bool:
        """Whether the times of lines are to be shown, where they are known."""
        return self._stamped

    @property
    def timed(self) -> bool:
        """Whether it is known when lines were there."""
        return bool(self._clock)

    def set_clock(self, clock: Clock) -> None:
        """Tell when the file had how many bytes."""
        self._clock = clock
        if self._stamped:
            self._strips.clear()
            self.refresh()

    @property
    def _gutter(self) -> int:
        return STAMP if self._stamped and self._clock and self.view_width > 2 * STAMP else 0

    def _pieces(self) -> list[Piece]:
        """What each row of the screen shows of the wrapped lines: at the end the last ones, elsewhere those from the
        line at the top on."""
        log = self._log
        if log is None:
            return []
        top, height, width = self._first + self.scroll_offset.y, self.size.height, self.view_width - self._gutter
        key = (log, top, log.first, log.end, log.line(log.end - 1), height, width, self._follow)
        if key != self._laid:
            self._laid = key
            if self._follow:
                self._wrapped = pieces_up(log.first, log.end, height, width, log.line)
            else:
                self._wrapped = pieces_down(top, log.end, height, width, log.line)
        return self._wrapped

    @property
    def _lines_high(self) -> int:
        """Rows of the virtual area. Of wrapped lines each can be the top one."""
        log = self._log
        count = log.end - log.first if log is not None else 0
        return count + max(0, self.size.height - 1) if self._wrap and count else count

    def _follow_changed(self, follow: bool) -> None:
        """The end is kept in view, or no longer."""

    def _reveal(self, number: int) -> None:
        y = number - self._first
        top, height = self.scroll_offset.y, self.size.height
        if not top <= y < top + height:
            self.scroll_to(y=max(0, y - height // 2), animate=False)

    def _rebuild(self) -> None:
        log = self._log
        self._strips.clear()
        self._first = log.first if log else 0
        self.virtual_size = Size(0 if self._wrap else self._widest, self._lines_high)
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
        self.virtual_size = Size(0 if self._wrap else self._widest, self._lines_high)
        if self._follow:
            self._scroll_to_end()
        elif above:
            self.scroll_to(y=top + above, animate=False, force=True)
        if changed:
            self._refresh_tail(was[1])

    def _refresh_tail(self, end: int) -> None:
        """Repaint from the line before `end`, which may have been incomplete."""
        y = 0 if self._wrap else max(0, end - 1 - self._first - self.scroll_offset.y)
        if y < self.size.height:
            self.refresh(Region(0, y, self.view_width, self.size.height - y))

    def _scroll_to_end(self) -> None:
        if self.is_mounted:
            self.scroll_end(animate=False, immediate=True, x_axis=False)

    def _keep_end(self) -> None:
        if self._follow:
            self._scroll_to_end()

    def render_line(self, y: int) -> Strip:
        width, base, ground = self.view_width, self.base, ground_of(self)
        log = self._log
        if log is None or log.end == log.first:
            missing = log is not None and not log.exists
            said = f"no line with {self._filter!r}" if self._filter else self._empty
            text = "" if y != self.size.height // 3 else "the log does not exist yet" if missing else tidy(said)
            return to_strip([(fit(text, width, "center"), "muted")], base, ground, width)
        pieces = self._pieces() if self._wrap else ()
        if self._wrap and y >= len(pieces):
            return to_strip([], base, ground, width)
        number = pieces[y].number if self._wrap else self._first + self.scroll_offset.y + y
        left = pieces[y].start if self._wrap else self.scroll_offset.x
        line = log.styled(number)
        selection = self.text_selection
        key = (number, line, left, width, self._stamped)
        strip = self._strips.get(key) if selection is None else None
        if strip is None:
            whole = self._line_strip(number, line, selection, ground)
            room = width - self._gutter
            if self._wrap:
                start = width_of(line.text[: pieces[y].start])
                whole = whole.crop(start, start + width_of(line.text[pieces[y].start : pieces[y].stop]))
                strip = whole.extend_cell_length(room, base)
            else:
                strip = whole.crop_extend(left, left + room, base)
            if self._gutter:
                stamp = self._clock.stamp(log.end_offset(number)) if not self._wrap or not left else ""
                strip = Strip.join([to_strip([(stamp.ljust(STAMP), "muted")], base, ground, STAMP), strip])
            if selection is None and not (self._gutter and number >= log.end - 1):
                self._strips[key] = strip
            self._note_width(line.text)
        return strip.apply_offsets(left, number - self._first)

    def _line_strip(self, number: int, line: Line, selection: Selection | None, ground: Ground) -> Strip:
        base, text = self.base, line.text
        if number == self._match:
            base += row_background("cursor", ground)
        span = selection.get_span(number - self._first) if selection is not None else None
        if span is not None:
            start, end = span[0], len(text) if span[1] == -1 else span[1]
            chosen = self.screen.get_component_rich_style("screen--selection")
            parts = [(text[:start], base), (text[start:end], base + chosen), (text[end:], base)]
            return Strip([Segment(part, style) for part, style in parts if part])
        spans = ansi.spans(text, line.marks, matches(text, self._text or self._filter))
        return Strip([Segment(part, base + token_style(token, ground)) for part, token in spans])

    def _note_width(self, text: str) -> None:
        """Widen the scrollable area to the longest line that was ever in view."""
        size = width_of(text)
        if size > self._widest:
            self._widest = size
            self.call_later(self._widen)

    def _widen(self) -> None:
        log = self._log
        if log is not None and not self._wrap and self._widest != self.virtual_size.width:
            self.virtual_size = Size(0 if self._wrap else self._widest, self._lines_high)

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

    def on_mount(self) -> None:
        self.show(self._path)

    def on_unmount(self) -> None:
        if self._file is not None:
            self._file.close()

    def on_resize(self) -> None:
        if self._wrap:
            self.virtual_size = Size(0, self._lines_high)
        if self._follow:
            self.call_after_refresh(self._keep_end)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """However the view was moved: at the end it follows, elsewhere not; near the top more lines are found."""
        super().watch_scroll_y(old_value, new_value)
        at_end = new_value >= self.max_scroll_y
        if at_end != self._follow:
            self._follow = at_end
            self._follow_changed(at_end)
        log = self._log
        if new_value < old_value and log is not None and new_value < self.size.height and not log.complete:
            was = (log.first, log.end)
            if log.extend_back(_SLICE):
                self.call_later(self._grow, was, False)
