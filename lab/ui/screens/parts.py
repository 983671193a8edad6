"""The small fixed parts of every screen: lines of styled text, the top line, the key bar, the prompt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from lab.ui import actions
from lab.ui.render.cells import fit, tidy, width_of
from lab.ui.render.glyphs import Row, glyphs
from lab.ui.widgets.strips import ground_of, to_strip


class Lines(Widget):
    """Rows of (text, token) spans. Text is made safe here; rows that are too long are cut."""

    DEFAULT_CSS = "Lines { height: auto; }"
    ALLOW_SELECT = False

    def __init__(self, rows: Sequence[Row] = (), *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._rows = _safe(rows)

    @property
    def plain(self) -> str:
        """What is shown, without styles."""
        return "\n".join("".join(text for text, _ in row) for row in self._rows)

    def show(self, rows: Sequence[Row]) -> None:
        """Show other rows; nothing is painted when they are the same."""
        rows = _safe(rows)
        if rows != self._rows:
            relaid = len(rows) != len(self._rows)
            self._rows = rows
            self.refresh(layout=relaid)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._rows)

    def render_line(self, y: int) -> Strip:
        spans = cut_row(self._rows[y], self.size.width) if y < len(self._rows) else []
        return to_strip(spans, self.rich_style, ground_of(self), self.size.width)


def _safe(rows: Sequence[Row]) -> tuple[Row, ...]:
    return tuple([(tidy(text), token) for text, token in row] for row in rows)


def cut_row(row: Row, width: int) -> Row:
    """`row` in at most `width` cells, the last span that fits ending in an ellipsis."""
    out: Row = []
    for text, token in row:
        size = width_of(text)
        if size > width:
            return [*out, (fit(text, width), token)] if width > 0 else out
        out.append((text, token))
        width -= size
    return out


def join(*groups: Row, gap: str = "   ") -> Row:
    """Groups of spans on one line, with a gap between those that are not empty."""
    row: Row = []
    for group in groups:
        if group:
            row += [(gap, ""), *group] if row else group
    return row


class Choices(Lines):
    """One line of things to choose from by mouse: the top line and the tabs."""

    class Chosen(Message):
        """The choice with `key` was clicked."""

        def __init__(self, choices: Choices, key: str) -> None:
            super().__init__()
            self.choices = choices
            self.key = key

        @property
        def control(self) -> Choices:
            return self.choices

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__([[]], id=id, classes=classes)
        self._spots: list[tuple[int, int, str]] = []

    def put(self, items: Sequence[tuple[str, Row]], right: Row | None = None, gap: str = "  ") -> None:
        """Show `items` (key, spans) from the left and `right` at the right end."""
        right = right or []
        row: Row = []
        self._spots = []
        used = 0
        for key, spans in items:
            if row:
                row.append((gap, ""))
                used += len(gap)
            size = spans_width(spans)
            self._spots.append((used, used + size, key))
            row += spans
            used += size
        room = self.size.width - used - spans_width(right)
        self.show([[*row, (" " * room, ""), *right] if room > 1 else row])

    @property
    def places(self) -> list[tuple[int, str]]:
        """Where on the line each choice begins, and its key."""
        return [(start, key) for start, _, key in self._spots]

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        for start, stop, key in self._spots if offset is not None else ():
            if offset is not None and start <= offset.x < stop:
                self.post_message(self.Chosen(self, key))


class TopLine(Choices):
    """Where one is: the screens by number, or the way here; and what is worked on."""

    def __init__(self, current: str) -> None:
        super().__init__(id="top")
        self._current = current
        self._trail: tuple[tuple[str, str], ...] = ()
        self._where = ""

    def tell(self, trail: Sequence[tuple[str, str]] = (), where: str = "") -> None:
        """`trail` are (key, name) of the screens from a numbered one to this, `where` the project."""
        self._trail, self._where = tuple(trail), where
        self._fill()

    def on_resize(self) -> None:
        self._fill()

    def _fill(self) -> None:
        narrow = self.size.width < 76
        items: list[tuple[str, Row]] = []
        for number, screen in enumerate(actions.MODES, 1):
            here = screen == self._current
            name = actions.SCREENS[screen]
            name = "Deploy" if narrow and screen == "deployments" else name
            items.append((f"go_{screen}", [(f"{number}", "accent" if here else "muted"),
                                           (f" {name}", "title underline" if here else "muted")]))  # fmt: skip
        right: Row = [(tidy(self._where, 24), "muted")] if self._where else []
        if self._trail:
            used = sum(width_of(text) for _, spans in items for text, _ in spans) + 2 * len(items)
            room = self.size.width - used - sum(width_of(text) for text, _ in right) - 3
            items += _crumbs(self._trail, room) if room > 8 else []
        self.put(items, right)


def _crumbs(trail: Sequence[tuple[str, str]], room: int) -> list[tuple[str, Row]]:
    """The end of the way in so many cells: where one is matters more than where one came from."""
    more, names = f"{glyphs().more} ", [(key, tidy(name)) for key, name in trail]
    while len(names) > 1 and sum(4 + width_of(name) for _, name in names) > room:
        del names[0]
    return [
        (key, [(more, "muted"), (fit(name, min(room - 2, width_of(name))), "title" if at == len(names) else "muted")])
        for at, (key, name) in enumerate(names, 1)
    ]


class KeyBar(Choices):
    """The keys that matter here."""

    def __init__(self, screen: str) -> None:
        super().__init__(id="keys")
        self._screen = screen
        self._hidden: frozenset[str] = frozenset()
        self._lead = ""
        self._leave = "Quit"
        self._moved: Mapping[str, str] = {}
        self._first: Sequence[tuple[str, str, str]] = ()

    def tell(
        self,
        lead: str,
        leave: str,
        hidden: Iterable[str],
        moved: Mapping[str, str],
        first: Sequence[tuple[str, str, str]] = (),
    ) -> None:
        """`lead` is what enter does, `leave` what `q` does; `hidden` are ids of actions that make no sense now,
        `moved` the keys that the user has given to actions; `first` (action, key, label) come before all others."""
        self._first = first
        self._lead, self._leave, self._hidden, self._moved = lead, leave, frozenset(hidden), moved
        self._fill()

    def on_resize(self) -> None:
        self._fill()

    def _fill(self) -> None:
        items: list[tuple[str, Row]] = [(action, _key(key, label)) for action, key, label in self._first]
        items += [("", _key("enter", self._lead))] if self._lead else []
        for action in actions.bar(self._screen, actions.BAR - len(items), self._hidden):
            label = self._leave if action.id == "app.leave" else action.bar_label
            key = self._moved.get(action.id, action.keys[0]).partition(",")[0]
            items.append((action.method, _key(actions.key_text(key), label)))
        # The last two, help and leave, stay; those before them go first when it is narrow.
        while len(items) > 3 and sum(spans_width(spans) + 2 for _, spans in items) > self.size.width > 0:
            del items[-3]
        self.put(items)


def _key(key: str, label: str) -> Row:
    return [(key, "primary bold"), (f" {label}", "muted")]


def spans_width(spans: Row) -> int:
    """Cells that spans take once their text is made safe."""
    return sum(width_of(tidy(text)) for text, _ in spans)
