"""Lines in a scrollable panel: any that fit its width, or names and values of one object."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.strip import Strip

from lab.ui.render.cells import fit, tidy
from lab.ui.render.facts import Pair, detail_rows, flowing_rows
from lab.ui.render.glyphs import Row
from lab.ui.widgets.strips import LineView, ground_of, to_strip

__all__ = ["DetailPanel", "Page", "Pair", "detail_rows"]


class Page(LineView, can_focus=True, inherit_bindings=False):
    """Shows the rows that a function makes for its width; other rows keep the scroll position."""

    DEFAULT_CSS = "Page { padding: 0 1; overflow-x: hidden; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll(-1)", "Up", show=False, id="detail.up"),
        Binding("down,j", "scroll(1)", "Down", show=False, id="detail.down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="detail.page_up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="detail.page_down"),
        Binding("home,g", "scroll(-100000)", "Top", show=False, id="detail.first"),
        Binding("end,G", "scroll(100000)", "Bottom", show=False, id="detail.last"),
    ]

    def __init__(self, *, empty: str = "nothing to show", id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._empty = empty
        self._make: Callable[[int], Sequence[Row]] = _nothing
        self._rows: list[Row] = []

    @property
    def plain(self) -> str:
        """What is shown, without styles."""
        return "\n".join("".join(text for text, _ in row) for row in self._rows)

    def show(self, make: Callable[[int], Sequence[Row]]) -> None:
        """Show `make(width)`, now and whenever the width is another one. Text is made safe here."""
        self._make = make
        if self.is_mounted:
            self._lay_out()

    def clear(self, empty: str = "") -> None:
        """Show nothing but `empty`."""
        self._empty = empty or self._empty
        self.show(_nothing)
        self.refresh()

    def _lay_out(self) -> None:
        width = self.view_width
        rows = [[(tidy(text), token) for text, token in row] for row in self._make(width)] if width else []
        before, self._rows = self._rows, rows
        if self.virtual_size != Size(width, len(rows)) or not rows or len(before) != len(rows):
            self.virtual_size = Size(width, len(rows))
            self.refresh()
            return
        for at, (old, new) in enumerate(zip(before, rows, strict=True)):
            if old != new:
                self.refresh_line(at)

    def on_mount(self) -> None:
        self._lay_out()

    def on_resize(self) -> None:
        self._lay_out()

    def action_scroll(self, by: int) -> None:
        self.scroll_to(y=max(0, min(self.max_scroll_y, self.scroll_offset.y + by)), animate=False)

    def action_page(self, by: int) -> None:
        self.action_scroll(by * max(1, self.size.height - 1))

    def render_line(self, y: int) -> Strip:
        width = self.view_width
        at = y + self.scroll_offset.y
        row: Row = self._rows[at] if at < len(self._rows) else []
        if not self._rows and y == self.size.height // 3:
            row = [(fit(tidy(self._empty), width, "center"), "muted")]
        return to_strip(row, self.base, ground_of(self), width)


def _nothing(width: int) -> Sequence[Row]:
    return ()


class DetailPanel(Page):
    """Shows pairs; changing them keeps the scroll position."""

    DEFAULT_CSS = "DetailPanel { padding: 0 1; overflow-x: hidden; }"

    def __init__(
        self,
        pairs: Sequence[Pair] = (),
        *,
        empty: str = "nothing to show",
        flow: bool = False,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        """`flow` puts sections beside each other where there is room."""
        super().__init__(empty=empty, id=id, classes=classes)
        self._pairs: tuple[Pair, ...] = ()
        self._flow = flow
        self.set_pairs(pairs)

    @property
    def pairs(self) -> tuple[Pair, ...]:
        return self._pairs

    def set_pairs(self, pairs: Sequence[Pair]) -> None:
        if tuple(pairs) != self._pairs:
            self._pairs = chosen = tuple(pairs)
            make = flowing_rows if self._flow else detail_rows
            self.show(lambda width: make(chosen, width))
