"""Names and values of one object, in a scrollable panel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import chop_cells
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.strip import Strip

from lab.ui.render.cells import fit, tidy, tidy_lines, width_of
from lab.ui.render.glyphs import Row
from lab.ui.widgets.strips import LineView, is_dark, to_strip

_MAX_LABEL = 24
_MAX_VALUE = 20_000


@dataclass(frozen=True)
class Pair:
    """One line: `label` and `value` from anywhere, and the value's style token. Without a value, a heading."""

    label: str
    value: str = ""
    token: str = ""


def detail_rows(pairs: Sequence[Pair], width: int) -> list[Row]:
    """`pairs` as rows of at most `width` cells; long values go on below themselves, line breaks in them are kept."""
    labels = [width_of(tidy(pair.label)) for pair in pairs if pair.value]
    gutter = min(max(labels, default=0), _MAX_LABEL, max(4, width // 3)) + 2
    rows: list[Row] = []
    for pair in pairs:
        if not pair.value:
            rows += [[]] if rows else []
            rows.append([(fit(tidy(pair.label), width), "title")])
            continue
        lines = [
            piece
            for line in tidy_lines(pair.value, _MAX_VALUE).split("\n")
            for piece in (chop_cells(line, max(1, width - gutter)) or [""])
        ]
        for index, line in enumerate(lines):
            label = fit(tidy(pair.label), gutter - 2) if index == 0 else " " * (gutter - 2)
            rows.append([(label + "  ", "muted"), (line, pair.token)])
    return rows


class DetailPanel(LineView, can_focus=True, inherit_bindings=False):
    """Shows pairs; changing them keeps the scroll position."""

    DEFAULT_CSS = "DetailPanel { padding: 0 1; overflow-x: hidden; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll(-1)", "Up", show=False, id="detail.up"),
        Binding("down,j", "scroll(1)", "Down", show=False, id="detail.down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="detail.page_up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="detail.page_down"),
        Binding("home,g", "scroll(-100000)", "Top", show=False, id="detail.first"),
        Binding("end,G", "scroll(100000)", "Bottom", show=False, id="detail.last"),
    ]

    def __init__(
        self,
        pairs: Sequence[Pair] = (),
        *,
        empty: str = "nothing to show",
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._pairs = tuple(pairs)
        self._empty = empty
        self._rows: list[Row] = []

    @property
    def pairs(self) -> tuple[Pair, ...]:
        return self._pairs

    def set_pairs(self, pairs: Sequence[Pair]) -> None:
        if tuple(pairs) != self._pairs:
            self._pairs = tuple(pairs)
            self._lay_out()

    def _lay_out(self) -> None:
        width = self.view_width
        self._rows = detail_rows(self._pairs, width) if width else []
        self.virtual_size = Size(width, len(self._rows))
        self.refresh()

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
        return to_strip(row, self.rich_style, is_dark(self), width)
