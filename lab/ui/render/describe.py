"""A described column as lines: what there is, how it is spread, the commonest values."""

from __future__ import annotations

from collections.abc import Callable

from lab.domain.describe import Described, Numbers
from lab.domain.text import count_of
from lab.ui.render.cells import fit, tidy
from lab.ui.render.glyphs import Row
from lab.ui.render.number import format_number
from lab.ui.render.sparkline import short_bar

_BAR = 28  # cells of the longest bar


def lines(one: Described, title: str, noun: str = "run", tell: Callable[[float], str] = format_number) -> list[Row]:
    """`noun` is what has such a column, `tell` writes a number as the table's column does."""
    told: list[Row] = [[(f" {tidy(title, 60)}", "title"), (f"  over {count_of(one.runs, noun)}", "muted")]]
    parts = [f"{one.distinct:,} distinct"]
    parts += [f"{one.missing:,} without it"] if one.missing else []
    parts += [f"{one.odd:,} NaN or infinite"] if one.odd else []
    told.append([(f" {'   '.join(parts)}", "muted")])
    if one.numbers is not None and one.distinct > 1:
        told += [[], *_spread(one.numbers, tell)]
    if one.values and one.counted:
        return [*told, [], *_commonest(one)]
    return [*told, [], *_histogram(one.numbers, tell)] if one.numbers is not None else told


def _spread(numbers: Numbers, tell: Callable[[float], str]) -> list[Row]:
    spread = f" ± {tell(numbers.sd)}" if numbers.sd is not None else ""
    return [
        [(" mean    ", "muted"), (f"{tell(numbers.mean)}{spread}", "")],
        [(" median  ", "muted"), (tell(numbers.median), ""), (f"   half of them {tell(numbers.q1)} to ", "muted"),
         (tell(numbers.q3), "muted")],
        [(" range   ", "muted"), (f"{tell(numbers.low)} to {tell(numbers.high)}", "")],
    ]  # fmt: skip


def _histogram(numbers: Numbers, tell: Callable[[float], str]) -> list[Row]:
    size = _stretches(numbers)
    edges, bins = numbers.edges[::size], [sum(numbers.bins[at : at + size]) for at in range(0, len(numbers.bins), size)]
    most = max(bins)
    return [
        [(f" {fit(tell(begin), 10, 'right')} ", "muted"), *_bar(count, most)]
        for begin, count in zip(edges, bins, strict=True)
    ]


def _stretches(numbers: Numbers) -> int:
    """How many stretches make one bar, so that there are about twice the cube root of the number of values (the Rice
    rule), which a few values do not fall between."""
    wanted = max(1.0, 2 * numbers.n ** (1 / 3))
    sizes = [size for size in range(1, len(numbers.bins) + 1) if len(numbers.bins) % size == 0]
    return max((size for size in sizes if len(numbers.bins) / size >= wanted), default=1)


def _commonest(one: Described) -> list[Row]:
    most = one.values[0][1]
    labels = [text if one.numbers is None else _short(text) for text, _ in one.values]
    if len(set(labels)) < len(labels):  # numbers that differ only in what is not shown
        labels = [text for text, _ in one.values]
    told = [
        [(f" {fit(tidy(label), 24)} ", ""), *_bar(count, most)]
        for label, (_, count) in zip(labels, one.values, strict=True)
    ]
    rest = one.distinct - len(one.values)
    return [*told, [(f" and {rest:,} more", "muted")]] if rest > 0 else told


def _short(text: str) -> str:
    """A number as tables write it; anything else as it is."""
    for kind in (int, float):
        try:
            return format_number(kind(text))
        except ValueError:
            continue
    return text


def _bar(count: int, most: int) -> Row:
    if not count:
        return []
    return [(short_bar(count / most, _BAR), "primary"), (f" {count:,}", "muted")]
