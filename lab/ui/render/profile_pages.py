"""All that a profile says of one column, of pictures, and of other files, as pages of lines."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from lab.domain.profiles import NUMBER, QUANTILES, TIME, ColumnProfile, FileGroup, ImagesProfile, Profile, TableProfile
from lab.ui.render.cells import fit, tidy, width_of
from lab.ui.render.facts import Pair, detail_rows
from lab.ui.render.glyphs import Row as Spans
from lab.ui.render.glyphs import glyphs
from lab.ui.render.histogram import histogram_rows
from lab.ui.render.number import NOTHING, format_number, format_size
from lab.ui.render.profiles import STRONG, column_flags, no_pictures, percent, pii_text
from lab.ui.render.sparkline import bar
from lab.ui.render.status import Level

_CHART_HEIGHT = 6
_BAR = 50  # cells of a bar at most


def column_page(column: ColumnProfile, table: TableProfile, width: int) -> list[Spans]:
    rows: list[Spans] = [[(fit(tidy(column.name), max(1, width)), "title")], [(column.type, "muted")]]
    rows += [[(f"{getattr(glyphs(), level)} ", level), (text, level)] for level, text in column_reasons(column, table)]
    chart = histogram_rows(column.histogram.counts, column.histogram.edges, width, _CHART_HEIGHT, _edge(column))
    rows += [[], *chart] if chart and not column.pii else []
    rows += [[], *detail_rows([Pair("Numbers"), *_numbers(column, table)], width)]
    if column.top and not column.pii:
        rows += [[], [("Most frequent", "title")], *top_rows(column.top, table.rows - column.nulls, width)]
    related = [one for one in table.correlations if column.name in (one.one, one.other)]
    if related:
        rows += [[], [("Moves with", "title")]]
        rows += [
            [(f"{one.r:+.2f} ", "warn" if abs(one.r) >= STRONG else "muted"),
             (one.other if one.one == column.name else one.one, "")]
            for one in related[:8]
        ]  # fmt: skip
    return rows


def column_reasons(column: ColumnProfile, table: TableProfile) -> list[tuple[Level, str]]:
    """The flags of a column, each as a sentence."""
    leak = next((one for one in table.leakage if one.column == column.name), None)
    told = {
        "leaks label": f"alone nearly tells {table.label} ({leak.measure} {leak.score:.2f})" if leak else "",
        "constant": "holds one value only",
        "empty": "holds nothing but nulls",
        "many nulls": f"{percent(column.nulls, table.rows)} of its values are null",
        "NaN": f"{column.nans:,} values are NaN, {column.infinities:,} infinite",
        "infinite": f"{column.infinities:,} values are infinite",
        "ID-like": "every value occurs once: an identifier, most likely",
        "label": "is what the model is to predict",
    }
    reasons = []
    for level, word in column_flags(column, table):
        if word.startswith("personal"):
            word = f"seems to hold {pii_text(column)}"
        elif word.startswith("= "):
            word = f"holds the same as {column.duplicate_of}"
        reasons.append((level, told.get(word, word)))
    return reasons


def _numbers(column: ColumnProfile, table: TableProfile) -> list[Pair]:
    pairs = [Pair("nulls", f"{column.nulls:,} of {table.rows:,} ({percent(column.nulls, table.rows)})")]
    pairs += [Pair("distinct", f"{column.distinct:,}")] if column.distinct >= 0 else []
    if column.pii:
        return pairs
    if column.kind == NUMBER:
        pairs += [Pair(name, format_number(value)) for name, value in
                  (("mean", column.mean), ("deviation", column.sd)) if value is not None]  # fmt: skip
        pairs += [Pair("minimum", format_number(column.minimum))]
        names = {50: "median"}
        pairs += [
            Pair(names.get(share, f"{share}% are below"), format_number(value))
            for share, value in zip(QUANTILES, column.quantiles, strict=False)
        ]
        pairs += [Pair("maximum", format_number(column.maximum))]
    elif column.first or column.last:
        pairs += [Pair("first", column.first), Pair("last", column.last)]
    if len(column.lengths) == 3:
        least, mean, most = map(format_number, column.lengths)
        pairs.append(Pair("length", f"{least} – {most}, {mean} on average"))
    return pairs


def _edge(column: ColumnProfile) -> Callable[[float], str]:
    return _moment if column.kind == TIME else format_number


def _moment(seconds: float) -> str:
    """A time of a histogram's edge (UTC), or its number where no calendar has it."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
    except (OverflowError, OSError, ValueError):
        return format_number(seconds)


def top_rows(top: Sequence[tuple[str, int]], whole: int, width: int) -> list[Spans]:
    """Values with bars of their share, one line each."""
    name = max((width_of(tidy(value)) for value, _ in top), default=0)
    name = max(4, min(name, width // 2))
    room = max(4, min(_BAR, width - name - 2 - 8 - 11))
    rows: list[Spans] = []
    for value, count in top:
        shown = fit(tidy(value) or "(empty)", name)
        share = count / whole if whole else 0.0
        rows.append(
            [
                (shown + " ", "" if value else "muted italic"),
                (bar(share, room), "series.0"),
                (f" {percent(count, whole):>6}", ""),
                (f" {count:>10,}", "muted"),
            ]
        )
    return rows


# Images and other files


def files_page(profile: Profile, width: int) -> list[Spans]:
    """What is no table: pictures by format and dimensions, other files by suffix."""
    rows: list[Spans] = [[(f"{profile.files:,} files", "title"), (f"   {format_size(profile.bytes)}", "muted")]]
    if profile.images is not None:
        rows += _images(profile.images, width)
    rows += [[], [("By suffix", "title")], *group_rows(profile.groups, width)]
    return rows


def _images(images: ImagesProfile, width: int) -> list[Spans]:
    rows: list[Spans] = [[], [(f"{images.count:,} pictures", "title")], *group_rows(images.formats, width)]
    if images.dimensions:
        sizes = [(f"{wide:,} × {high:,}", count) for wide, high, count in images.dimensions]
        rows += [[], [("Dimensions", "title")], *top_rows(sizes, images.count, width)]
    spread = [("width", images.widths, _number), ("height", images.heights, _number),
              ("size", images.sizes, format_size)]  # fmt: skip
    pairs = [Pair(name, _spread(values, say)) for name, values, say in spread if values]
    rows += [[], *detail_rows([Pair("1% – median – 99%"), *pairs], width)] if pairs else []
    if images.broken:
        rows += [[], [(f"{glyphs().fail} {no_pictures(images.broken_count)}", "fail")]]
        rows += [[("  " + name, "")] for name in images.broken]
    return rows


def _number(value: float) -> str:
    return format_number(value)


def _spread(values: Sequence[float], say: Callable[[float], str]) -> str:
    if len(values) != len(QUANTILES):
        return NOTHING
    low, middle, high = values[0], values[len(values) // 2], values[-1]
    return " – ".join(say(value) if math.isfinite(value) else NOTHING for value in (low, middle, high))


def group_rows(groups: Sequence[FileGroup], width: int) -> list[Spans]:
    """Groups of files with bars of their bytes."""
    most = max((one.bytes for one in groups), default=0)
    name = max([6, *(width_of(tidy(one.name)) for one in groups)])
    name = min(name, width // 3)
    room = max(4, min(_BAR, width - name - 1 - 11 - 10))
    return [
        [(fit(tidy(one.name) or "(none)", name) + " ", ""), (bar(one.bytes / most if most else 0, room), "series.0"),
         (f" {format_size(one.bytes):>9}", ""), (f" {one.count:>10,}", "muted")]
        for one in groups
    ]  # fmt: skip
