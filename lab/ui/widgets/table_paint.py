"""How a `FrameTable` looks: its lines as strips, from plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from lab.dataclass import dataclass
from lab.ui.render.glyphs import Span, glyphs
from lab.ui.render.rows import GAP, Column, Row, Sort, header_spans, row_spans
from lab.ui.theme import Ground, row_background, token_style
from lab.ui.widgets.strips import to_strip

#: Cells left of the first column: the sign of the cursor, that of a mark, a blank.
GUTTER = 3
#: A column of which fewer cells than this can be seen is left out.
_LEAST_SEEN = 8


@dataclass(frozen=True)
class Grid:
    """Where columns are: their widths, how many of them do not scroll, and the cells of the view."""

    columns: Sequence[Column] = ()
    widths: Sequence[int] = ()
    pinned: int = 0
    view: int = 0

    def start(self, index: int) -> int:
        """The first cell of a column, counted from the left edge of the whole table."""
        return GUTTER + sum(self.widths[:index]) + GAP * index

    @property
    def total(self) -> int:
        return self.start(len(self.widths)) - GAP if self.widths else 0

    @property
    def pinned_width(self) -> int:
        """Cells at the left that do not scroll; none where they would leave too little for the rest."""
        width = self.start(min(self.pinned, len(self.widths))) - GAP if self.pinned and self.widths else 0
        return width if width <= self.view * 2 // 3 else 0

    def scroll_to_show(self, index: int, left: int) -> int:
        """The sideways scroll position, from `left` now, that shows a column beside the pinned ones."""
        if index < self.pinned:
            return 0
        start, stop = self.start(index), self.start(index) + self.widths[index]
        if start - left < self.pinned_width + GAP:
            return start - self.pinned_width - GAP
        if stop - self.view <= left:
            return left
        # At the beginning of a column, so that none is cut at the left.
        beginnings = (self.start(i) - self.pinned_width - GAP for i in range(self.pinned, index + 1))
        return next((at for at in beginnings if at >= stop - self.view), stop - self.view)

    @property
    def reach(self) -> int:
        """Cells that can be scrolled over: all, and so many more that the last columns begin at a column's edge."""
        return max(self.total, self.scroll_to_show(len(self.widths) - 1, 0) + self.view) if self.widths else 0

    def seen(self, left: int) -> Grid:
        """What of it is painted in a view scrolled to `left`: a column that does not fit at the right is narrower, but
        one of numbers is left out, since a cut number reads like another one."""
        edge = left + self.view
        cut = next((i for i in range(len(self.widths)) if self.start(i) + self.widths[i] > edge), None)
        if cut is None or cut < self.pinned:
            return self
        room = edge - self.start(cut)
        if room < _LEAST_SEEN or self.columns[cut].align == "right":
            return replace(self, columns=self.columns[:cut], widths=self.widths[:cut])
        return replace(self, columns=self.columns[: cut + 1], widths=(*self.widths[:cut], room))

    def border_at(self, x: int, left: int) -> int | None:
        """The column whose right edge lies in cell `x`: the gap behind it."""
        x += left if x >= self.pinned_width else 0
        ends = ((i, self.start(i) + self.widths[i]) for i in range(len(self.widths)))
        return next((i for i, end in ends if end <= x < end + GAP), None)

    def lies_at(self, column: int, place: int, x: int, left: int) -> bool:
        """Whether a column would lie in cell `x` of a view scrolled to `left` if it were moved to `place`."""
        widths = list(self.widths)
        widths.insert(place, widths.pop(column))
        moved = replace(self, widths=widths)
        return moved.column_at(x, left) == place

    def column_at(self, x: int, left: int) -> int | None:
        """The column in cell `x` of a view scrolled to `left`."""
        x += left if x >= self.pinned_width else 0
        hits = (i for i in range(len(self.widths)) if self.start(i) <= x < self.start(i) + self.widths[i] + GAP)
        return next(hits, None)


@dataclass(frozen=True)
class Look:
    """What state a row is in. `column` is the one with the column cursor, or -1; cells with `needle` stand out."""

    cursor: bool = False
    focused: bool = False
    marked: bool = False
    ranged: bool = False
    column: int = -1
    needle: str = ""


def row_strip(row: Row, look: Look, grid: Grid, left: int, base: Style, ground: Ground) -> Strip:
    """One row of a view scrolled sideways to `left`."""
    signs = glyphs()
    mark = signs.mark if look.marked else signs.range if look.ranged else " "
    gutter: Span = ((signs.cursor if look.cursor else " ") + mark + " ", "accent")
    if look.cursor:
        base += row_background("cursor" if look.focused else "cursor_blurred", ground)
    elif look.marked or look.ranged:
        base += row_background("marked", ground)
    # The cells are every second span, after the gutter and between the gaps.
    seen = grid.seen(left)
    spans = [gutter, *row_spans(row, seen.columns, seen.widths)]
    over = {at: token_style("match underline", ground) for at in range(1, len(spans), 2)
            if look.needle and look.needle in spans[at][0].lower()}  # fmt: skip
    if look.column >= 0:
        at = 1 + 2 * look.column
        over[at] = over.get(at, Style.null()) + row_background("cell", ground)
    return _scrolled(to_strip(spans, base, ground, max(grid.view, grid.total), over), grid, left, base)


def totals_strip(row: Row, grid: Grid, left: int, base: Style, ground: Ground) -> Strip:
    """The row below all others, which scrolls sideways only."""
    style = base + row_background("header", ground)
    seen = grid.seen(left)
    spans: list[Span] = [(" " * GUTTER, ""), *row_spans(row, seen.columns, seen.widths)]
    return _scrolled(to_strip(spans, style, ground, max(grid.view, grid.total)), grid, left, style)


def header_strip(grid: Grid, sorts: Sequence[Sort], column: int, left: int, base: Style, ground: Ground) -> Strip:
    """The header, with signs at its ends where columns are out of view."""
    style = base + row_background("header", ground)
    seen = grid.seen(left)
    spans = [(" " * GUTTER, ""), *header_spans(seen.columns, seen.widths, sorts, column)]
    strip = _scrolled(to_strip(spans, style, ground, max(grid.view, grid.total)), grid, left, style)
    signs, hint = glyphs(), style + token_style("accent", ground)
    before = Strip([Segment(signs.less, hint)] if left else [], 1 if left else 0)
    hidden = grid.total > left + grid.view
    after = Strip([Segment(signs.more, hint)] if hidden else [], 1 if hidden else 0)
    return Strip.join([before, strip.crop(before.cell_length, grid.view - after.cell_length), after])


def _scrolled(strip: Strip, grid: Grid, left: int, base: Style) -> Strip:
    if not left:
        return strip.crop_extend(0, grid.view, base)
    pinned = grid.pinned_width
    return Strip.join([strip.crop(0, pinned), strip.crop_extend(left + pinned, left + grid.view, base)])
