"""A dataset's profile: what is wrong with it first, then its columns, one per line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lab.dataclass import dataclass
from lab.domain.profiles import NUMBER, QUANTILES, TIME, ColumnProfile, Profile, TableProfile
from lab.ui.render.cells import tidy, width_of
from lab.ui.render.glyphs import Row as Spans
from lab.ui.render.glyphs import glyphs
from lab.ui.render.histogram import histogram_line
from lab.ui.render.number import NOTHING, format_number
from lab.ui.render.rows import Cell, Column, Row
from lab.ui.render.status import Level, mark

#: Cells of a column's histogram: half as many as a profile has bins.
SHAPE = 10

COLUMNS = (
    Column("name", "column", min_width=10, max_width=32, flex=1),
    Column("flags", "look at", min_width=7, max_width=22),
    Column("type", "type", min_width=4, max_width=14),
    Column("nulls", "nulls", width=6, align="right"),
    Column("distinct", "distinct", min_width=8, max_width=13, align="right"),
    Column("shape", "shape", width=SHAPE, sortable=False),
    Column("values", "min – median – max, or most frequent", min_width=20, max_width=64, sortable=False, flex=2),
)

#: From this share of nulls on, a column is told to be empty for the most part.
MANY_NULLS = 0.2
#: From this |r| on, two columns are told to say the same.
STRONG = 0.95
_LEVELS: tuple[Level, ...] = ("fail", "warn", "idle")
_NAMED = 4  # columns that a sentence names


@dataclass(frozen=True)
class Trouble:
    """One thing to know before the data is used, worst level first: `fail`, `warn`, `idle`."""

    level: Level
    text: str


# What is wrong


def troubles(profile: Profile) -> list[Trouble]:
    """Everything that is wrong or strange, worst first."""
    found = [Trouble("idle" if profile.table else "warn", note) for note in profile.notes]
    if profile.table is not None:
        found = _table_troubles(profile.table) + found
    if profile.images is not None and profile.images.broken_count:
        broken = profile.images
        found.insert(0, Trouble("fail", f"{no_pictures(broken.broken_count)}: {_some(broken.broken)}"))
    return sorted(found, key=lambda one: _LEVELS.index(one.level))


def no_pictures(count: int) -> str:
    return "1 file is no picture" if count == 1 else f"{count:,} files are no pictures"


def _table_troubles(table: TableProfile) -> list[Trouble]:
    found = [
        Trouble("fail", f"{leak.column} alone nearly tells the label {table.label} ({leak.measure} {leak.score:.2f}): "
                "it may not be there when you predict")
        for leak in table.leakage
    ]  # fmt: skip
    for column in table.columns:
        found += [Trouble("warn", f"{column.name} seems to hold {pii_text(column)}: its values are not shown")
                  ] if column.pii else []  # fmt: skip
    if not table.rows:
        found.append(Trouble("fail", "there are no rows"))
    if table.duplicate_rows:
        share = percent(table.duplicate_rows, table.rows)
        found.append(Trouble("warn", f"{table.duplicate_rows:,} rows ({share}) are exact copies of others"))
    found += _together(table)
    return found


def _together(table: TableProfile) -> list[Trouble]:
    """Sentences about several columns at once."""
    columns = table.columns
    empty = sorted((one for one in columns if table.rows and one.nulls / table.rows >= MANY_NULLS),
                   key=lambda one: -one.nulls)  # fmt: skip
    strong = [(f"{one.one} and {one.other} (r {one.r:.2f})") for one in table.correlations if abs(one.r) >= STRONG]
    parts: list[tuple[Level, str, list[str]]] = [
        ("warn", "many nulls", [f"{one.name} {percent(one.nulls, table.rows)}" for one in empty]),
        ("warn", "not finite numbers",
         [f"{one.name} {one.nans + one.infinities:,}" for one in columns if one.nans or one.infinities]),
        ("warn", "only one value", [one.name for one in columns if one.constant]),
        ("warn", "the same as another column",
         [f"{one.name} = {one.duplicate_of}" for one in columns if one.duplicate_of]),
        ("warn", "move together", strong),
        ("idle", "an identifier, most likely", [one.name for one in columns if one.id_like]),
    ]  # fmt: skip
    return [Trouble(level, f"{what}: {_some(names)}") for level, what, names in parts if names]


def trouble_rows(found: Sequence[Trouble], most: int) -> list[Spans]:
    """At most `most` lines; the last one says how many there are besides."""
    if not found:
        return [[(f" {mark('ok', 'nothing strange was found').text}", "ok")]]
    shown = list(found) if len(found) <= most else list(found[: max(1, most - 1)])
    rows: list[Spans] = [
        [(f" {getattr(glyphs(), one.level)} ", one.level), (one.text, "" if one.level == "fail" else one.level)]
        for one in shown
    ]
    if len(shown) < len(found):
        rows.append([(f"   and {len(found) - len(shown)} more: W shows all", "muted")])
    return rows


def trouble_page(found: Sequence[Trouble], width: int) -> list[Spans]:
    """All of them, in full."""
    rows: list[Spans] = [[("What to know before this data is used", "title")], []]
    for one in found:
        sign = getattr(glyphs(), one.level)
        rows += [
            [((sign if index == 0 else " " * width_of(sign)) + " ", one.level), (line, "")]
            for index, line in enumerate(wrap(one.text, width - width_of(sign) - 1))
        ]
    return rows if found else [[("nothing strange was found", "muted")]]


def wrap(text: str, width: int) -> list[str]:
    """Words on lines of at most `width` cells; longer words are cut into pieces by whoever draws them."""
    lines, line = [], ""
    for word in tidy(text).split(" "):
        if line and width_of(line) + 1 + width_of(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line]


def column_flags(column: ColumnProfile, table: TableProfile) -> list[tuple[Level, str]]:
    """What to know of one column, in a word or two each, worst first."""
    flags: list[tuple[Level, str]] = []
    leak = next((one for one in table.leakage if one.column == column.name), None)
    if leak is not None:
        flags.append(("fail", "leaks label"))
    if column.pii:
        flags.append(("warn", f"personal: {column.pii[0].kind}"))
    if table.rows and column.nulls == table.rows:
        flags.append(("warn", "empty"))
    elif column.constant:
        flags.append(("warn", "constant"))
    if column.duplicate_of:
        flags.append(("warn", f"= {column.duplicate_of}"))
    if table.rows and MANY_NULLS <= column.nulls / table.rows < 1:
        flags.append(("warn", "many nulls"))
    if column.nans or column.infinities:
        flags.append(("warn", "NaN" if column.nans else "infinite"))
    if column.id_like:
        flags.append(("idle", "ID-like"))
    if column.name == table.label:
        flags.append(("ok", "label"))
    return flags


# The table of columns


def column_rows(table: TableProfile, sort: str = "", reverse: bool = False) -> list[Row]:
    """One row per column, keyed by its place in the table."""
    places = list(range(len(table.columns)))
    if sort:
        places.sort(key=lambda at: _SORT[sort](table.columns[at], table), reverse=reverse)
    return [Row(str(at), _column_cells(table.columns[at], table)) for at in places]


def _worst(column: ColumnProfile, table: TableProfile) -> tuple[int, int]:
    flags = column_flags(column, table)
    ranks = [_LEVELS.index(level) for level, _ in flags if level in _LEVELS]
    return (min(ranks, default=len(_LEVELS)), -len(flags))


_SORT: dict[str, Callable[[ColumnProfile, TableProfile], tuple[Any, ...]]] = {
    "name": lambda column, _: (column.name,),
    "flags": _worst,
    "type": lambda column, _: (column.type, column.name),
    "nulls": lambda column, _: (-column.nulls,),
    "distinct": lambda column, _: (column.distinct,),
}


def _column_cells(column: ColumnProfile, table: TableProfile) -> tuple[Cell, ...]:
    flags = column_flags(column, table)
    signs = glyphs()
    many = table.rows and column.nulls / table.rows >= MANY_NULLS
    flag = Cell("")
    if flags:
        more = f" +{len(flags) - 1}" if len(flags) > 1 else ""
        flag = Cell(f"{getattr(signs, flags[0][0])} {flags[0][1]}{more}", flags[0][0])
    return (
        Cell(column.name, "bold"),
        flag,
        Cell(column.type, "muted"),
        Cell(percent(column.nulls, table.rows), "warn" if many else "" if column.nulls else "muted"),
        Cell(NOTHING if column.distinct < 0 else f"{column.distinct:,}"),
        Cell(shape(column, SHAPE), "series.0"),
        Cell(values_text(column, table.rows), "muted" if column.pii else ""),
    )


def shape(column: ColumnProfile, width: int) -> str:
    """The histogram of a column, or how often its most frequent values are."""
    counts = column.histogram.counts or tuple(count for _, count in column.top[:width])
    return histogram_line(counts, width)


def values_text(column: ColumnProfile, rows: int) -> str:
    if column.pii:
        return "not shown: personal"
    if column.kind == NUMBER and column.minimum is not None:
        middle = [column.quantiles[3]] if len(column.quantiles) == len(QUANTILES) else []
        return " – ".join(format_number(one) for one in (column.minimum, *middle, column.maximum))
    if column.kind == TIME and column.first:
        return f"{column.first} – {column.last}"
    full = rows - column.nulls
    return ", ".join(f"{value or '(empty)'} {percent(count, full)}" for value, count in column.top[:4])


def percent(part: int, whole: int) -> str:
    """A share that never claims to be 0 % or 100 % when it is not."""
    if not whole or not part:
        return "0%" if whole else NOTHING
    share = part / whole * 100
    if part == whole:
        return "100%"
    if share < 0.1:
        return "<0.1%"
    if share > 99.9:
        return ">99.9%"
    return f"{share:.1f}%" if share < 10 or share > 99 else f"{share:.0f}%"


def pii_text(column: ColumnProfile) -> str:
    one = column.pii[0]
    why = "by its name" if one.by_name and not one.share else f"{one.share:.0%} of its values"
    return f"personal data: {one.kind} ({why})"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
