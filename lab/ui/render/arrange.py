"""Which columns of a table are shown, in which order, and which groups of its rows are folded away."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from lab.dataclass import dataclass
from lab.ui.render.glyphs import glyphs
from lab.ui.render.rows import Cell, Column, Row, RowSource


@dataclass(frozen=True)
class Arrangement:
    """What somebody changed of a table's columns, by id. `order` is of those that were moved about, `pinned` how many
    do not scroll sideways; None as the table has it."""

    order: tuple[str, ...] = ()
    hidden: frozenset[str] = frozenset()
    pinned: int | None = None

    @classmethod
    def from_json(cls, data: Any) -> Arrangement:
        """What was remembered; nothing changed for what is no arrangement."""
        if not isinstance(data, dict):
            return cls()
        order, hidden, pinned = data.get("order"), data.get("hidden"), data.get("pinned")
        known = isinstance(pinned, int) and not isinstance(pinned, bool) and pinned >= 0
        return cls(tuple(_texts(order)), frozenset(_texts(hidden)), pinned if known else None)

    def to_json(self) -> dict[str, Any]:
        return {"order": list(self.order), "hidden": sorted(self.hidden), "pinned": self.pinned}

    def places(self, columns: Sequence[Column]) -> tuple[int, ...]:
        """The places in `columns` of those that are shown, in their order; all of them rather than none. A column that
        was never moved stays behind the one it comes after."""
        ranks = {key: at for at, key in enumerate(self.order)}
        keys, before = {}, -1.0
        for at, column in enumerate(columns):
            before = float(ranks[column.id]) if column.id in ranks else before
            keys[at] = (before, at)
        shown = [at for at, column in enumerate(columns) if column.id not in self.hidden]
        return tuple(sorted(shown, key=lambda at: keys[at])) or tuple(range(len(columns)))

    def moved(self, shown: Sequence[str], at: int, by: int) -> Arrangement:
        """The shown column at `at` so many places to the right; at an edge it stays."""
        to = at + by
        if not 0 <= to < len(shown):
            return self
        ids = list(shown)
        ids.insert(to, ids.pop(at))
        return replace(self, order=tuple(ids))

    def without(self, shown: Sequence[str], at: int) -> Arrangement:
        """Without the shown column at `at`; the last one stays."""
        if len(shown) < 2:
            return self
        pinned = self.pinned - 1 if self.pinned is not None and at < self.pinned else self.pinned
        return replace(self, hidden=self.hidden | {shown[at]}, pinned=pinned)


def _texts(data: Any) -> list[str]:
    return [one for one in data if isinstance(one, str)] if isinstance(data, list) else []


class Reordered:
    """A source with the cells of its rows in another order, some of them left out."""

    def __init__(self, source: RowSource, places: Sequence[int]) -> None:
        self._source = source
        self._places = tuple(places)

    def count(self) -> int:
        return self._source.count()

    def window(self, offset: int, limit: int) -> Sequence[Row]:
        return [self._row(row) for row in self._source.window(offset, limit)]

    def find(self, key: str) -> int | None:
        return self._source.find(key)

    def _row(self, row: Row) -> Row:
        cells = row.cells
        return replace(row, cells=tuple(cells[at] if at < len(cells) else Cell("") for at in self._places))


def folded_rows(rows: Sequence[Row], folded: Collection[str]) -> list[Row]:
    """`rows` with a sign at each head of a group, and without the rows of those groups that are folded."""
    found: list[Row] = []
    signs = glyphs()
    hidden, head = 0, -1
    for row in rows:
        if row.head:
            head, hidden = len(found), 0
            sign = signs.folded if row.key in folded else signs.unfolded
            found.append(_signed(row, sign))
        elif head >= 0 and found[head].key in folded:
            hidden += 1
            first = found[head].cells[0]
            text = first.text.partition("  (")[0]
            found[head] = replace(
                found[head], cells=(first._replace(text=f"{text}  ({hidden})"), *found[head].cells[1:])
            )
        else:
            found.append(row)
    return found


def _signed(row: Row, sign: str) -> Row:
    first = row.cells[0] if row.cells else Cell("")
    return replace(row, cells=(first._replace(text=f"{sign} {first.text}"), *row.cells[1:]))
