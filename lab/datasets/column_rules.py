"""Rules about columns as polars expressions: what to measure in one pass, and which rows break them.

NaN counts as null everywhere: `not_null` counts it, every other rule passes over it, as over nulls.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl

from lab.dataclass import dataclass
from lab.datasets.formats import column
from lab.domain.expectations import ColumnRule, UniqueRule, format_bound, format_number, type_matches
from lab.domain.text import clean

Measured = Sequence[Any]

#: How dates and times are written in text, in the order in which they are tried.
_ISO = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d", "%Y-%m-%d %H:%M")
_ISO_ZONED = "%Y-%m-%d %H:%M:%S%.f%#z"
_MILLENNIA = 100_000 * 366 * 86_400_000  # milliseconds of years that can be written
_LISTED = 8  # values that a sentence lists
_VALUE_MAX = 40  # characters of one of them


class Unfit(Exception):
    """The rule cannot be put to the column; the text is a sentence without its column."""


@dataclass(frozen=True)
class Test:
    """A rule made ready for a table.

    `measures` are aggregates; `holds` judges what they gave, and `observed` says it in a few words. Where it does not
    hold, `bad` is true for the rows to blame; without it the whole column is. `complaint` completes `3 of 10 rows …`,
    or `column x …`.
    """

    wanted: str
    measures: tuple[pl.Expr, ...]
    holds: Callable[[Measured], bool]
    observed: Callable[[Measured], str]
    complaint: str
    bad: pl.Expr | None = None
    order: pl.Expr | None = None  # of the sample's rows
    listing: bool = False  # whether the sentence lists the values to blame


def column_test(rule: ColumnRule, name: str, dtype: pl.DataType) -> Test:
    """A rule that cannot be put to a column of that type holds only where there is no value in it."""
    cell = column(name)
    try:
        return _TESTS[rule.rule](rule.value, cell, dtype)
    except Unfit as misfit:
        return Test(
            wanted=str(rule.value) if rule.rule == "type" else f"{rule.rule} of another type",
            measures=(cell.count(),),
            holds=lambda found: not found[0],
            observed=lambda found: _plain(dtype) if found[0] else "no values",
            complaint=str(misfit),
        )


def unique_test(rule: UniqueRule, schema: Mapping[str, pl.DataType]) -> Test:
    """Rows with a null in one of the columns are like no other row, as in SQL."""
    cells = [_known(column(name), schema[name]) for name in rule.columns]
    there = pl.all_horizontal(cell.is_not_null() for cell in cells)
    named = [cell.alias(str(at)) for at, cell in enumerate(cells)]
    return _distinct(pl.struct(named), there, "rows unlike each other", "repeat the values of another")


def _known(cell: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """`cell` with NaN as null."""
    return cell.fill_nan(None) if dtype.is_float() else cell


def _not_null(share: float, cell: pl.Expr, dtype: pl.DataType) -> Test:
    bad = _known(cell, dtype).is_null()
    return Test(
        wanted="no nulls" if share == 0 else f"at most {_percent(share)} nulls",
        measures=(bad.sum(), pl.len()),
        holds=lambda found: found[0] <= share * found[1],
        observed=lambda found: f"{_percent(found[0] / found[1]) if found[1] else '0 %'} nulls",
        complaint="are null" if share == 0 else f"are null, more than {_percent(share)}",
        bad=bad,
    )


def _unique(_: bool, cell: pl.Expr, dtype: pl.DataType) -> Test:
    known = _known(cell, dtype)
    return _distinct(known, known.is_not_null(), "values unlike each other", "are there more than once")


def _distinct(value: pl.Expr, there: pl.Expr, wanted: str, complaint: str) -> Test:
    """Equal values have equal hashes, so no two equal hashes prove it; what hashes cannot tell, `bad` decides."""
    return Test(
        wanted=wanted,
        measures=(there.sum(), value.filter(there).hash().n_unique()),
        holds=lambda found: found[0] == found[1],
        observed=lambda found: f"{found[1]:,} different ones of {found[0]:,}",
        complaint=complaint,
        bad=there & value.is_duplicated(),
        order=value,
    )


def _range(bounds: tuple[Any, Any], cell: pl.Expr, dtype: pl.DataType) -> Test:
    low, high = bounds
    wanted = _between(low, high)
    outside = f"are outside {wanted}"
    kinds = {type(bound) for bound in bounds if bound not in (-math.inf, math.inf)}
    if kinds & {dt.date, dt.datetime, dt.time}:
        value, bad = _time_outside(low, high, cell, dtype)
        kind = pl.Time() if dt.time in kinds else pl.Datetime()
        found: tuple[pl.Expr, ...] = (bad.sum(), iso(value.min(), kind), iso(value.max(), kind))
        return Test(wanted, found, lambda one: not one[0], lambda one: _span(*map(_brief, one[1:])), outside, bad)
    if not dtype.is_numeric():
        raise Unfit(f"holds {_plain(dtype)}, which cannot be compared with numbers")
    value = cell.cast(pl.Float64) if dtype.is_decimal() else _known(cell, dtype)
    return Test(
        wanted=wanted,
        measures=(value.min(), value.max()),
        holds=lambda one: one[0] is None or (low <= one[0] and one[1] <= high),
        observed=lambda one: _span(*map(_number, one)),
        complaint=outside,
        bad=_number_outside(low, high, value, pl.Float64() if dtype.is_decimal() else dtype),
    )


def _number_outside(low: float, high: float, value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Bounds take the column's own type: 0.1 in a Float32 column is at 0.1, and whole numbers compare exactly."""
    if not dtype.is_integer():
        return (value < pl.lit(float(low), dtype)) | (value > pl.lit(float(high), dtype))
    least, most = _limits(dtype)
    bottom = least if low == -math.inf else most + 1 if low == math.inf else math.ceil(low)
    top = most if high == math.inf else least - 1 if high == -math.inf else math.floor(high)
    if bottom > most or top < least:
        return value.is_not_null()
    return (value < pl.lit(max(bottom, least), dtype)) | (value > pl.lit(min(top, most), dtype))


def _limits(dtype: pl.DataType) -> tuple[int, int]:
    name = str(dtype)  # Int8 to UInt128
    bits = int(name.lstrip("UInt"))
    return (0, 2**bits - 1) if name.startswith("U") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def _time_outside(low: Any, high: Any, cell: pl.Expr, dtype: pl.DataType) -> tuple[pl.Expr, pl.Expr]:
    """The column's times, and which of its values are outside; text that is no time is outside."""
    if dt.time in (type(low), type(high)):
        if dtype != pl.Time:
            raise Unfit(f"holds {_plain(dtype)}, which cannot be compared with times of day")
        value = cell
        edges = [None if isinstance(bound, float) else pl.lit(bound) for bound in (low, high)]
    else:
        value = moments(cell, dtype)
        edges = [_moment(low, last=False), _moment(high, last=True)]
    bad = cell.is_not_null() & value.is_null()
    if edges[0] is not None:
        bad |= (value < edges[0]).fill_null(value=False)
    if edges[1] is not None:
        bad |= (value > edges[1]).fill_null(value=False)
    return value, bad


def moments(cell: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Dates and times as UTC without its name; from text too, where it is ISO 8601. Raises Unfit for other types."""
    if dtype == pl.String:
        text = cell.str.strip_chars().str.replace("T", " ", literal=True)
        zoned = text.str.to_datetime(_ISO_ZONED, strict=False, time_unit="us", time_zone="UTC")
        local = [text.str.to_datetime(form, strict=False, time_unit="us") for form in _ISO]
        return pl.coalesce(*local, zoned.dt.replace_time_zone(None))
    if isinstance(dtype, pl.Datetime):
        utc = cell.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if dtype.time_zone else cell
        return utc.dt.cast_time_unit("us")
    if dtype == pl.Date:
        return cell.cast(pl.Datetime("us"), strict=False)  # null for days too far away
    raise Unfit(f"holds {_plain(dtype)}, which is no date or time")


def iso(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Dates, times and durations as text. Polars breaks off at years that it cannot write, so those are only named."""
    if dtype not in (pl.Date, pl.Datetime):
        return value.dt.to_string("iso")
    known = value.dt.epoch("ms").is_between(-_MILLENNIA, _MILLENNIA)
    far = pl.when(value.is_not_null()).then(pl.lit("beyond the calendar"))
    return pl.coalesce(pl.when(known).then(value).dt.to_string("iso"), far)


def _moment(bound: Any, *, last: bool) -> pl.Expr | None:
    """A bound as UTC without its name: a date is its first moment, or its `last`."""
    if isinstance(bound, float):  # infinite
        return None
    if not isinstance(bound, dt.datetime):
        bound = dt.datetime.combine(bound, dt.time.max if last else dt.time.min)
    elif bound.tzinfo:
        bound = bound.astimezone(dt.UTC).replace(tzinfo=None)
    return pl.lit(bound, pl.Datetime("us"))


def _values(values: tuple[Any, ...], cell: pl.Expr, dtype: pl.DataType) -> Test:
    value, allowed = _allowed(values, cell, dtype)
    bad = value.is_not_null() & ~value.is_in(allowed.implode())
    wanted = ", ".join(_short(item) for item in values[:_LISTED]) + (" …" if len(values) > _LISTED else "")
    return Test(
        wanted=f"one of {wanted}",
        measures=(bad.sum(),),
        holds=lambda found: not found[0],
        observed=lambda found: f"{found[0]:,} others" if found[0] else "no others",
        complaint="are none of the values allowed",
        bad=bad,
        listing=True,
    )


def _allowed(values: tuple[Any, ...], cell: pl.Expr, dtype: pl.DataType) -> tuple[pl.Expr, pl.Series]:
    """The column and the values that it may have, in one type."""
    first = values[0]
    if isinstance(first, str) and type_matches("text", str(dtype)):
        return cell.cast(pl.String), pl.Series(values, dtype=pl.String)
    if isinstance(first, bool) and dtype == pl.Boolean:
        return cell, pl.Series(values, dtype=pl.Boolean)
    if isinstance(first, int | float) and not isinstance(first, bool):
        if dtype.is_integer():
            least, most = _limits(dtype)
            whole = [int(one) for one in values if math.isfinite(one) and one == int(one) and least <= one <= most]
            return cell, pl.Series(whole, dtype=dtype)
        if dtype.is_numeric():
            kept = pl.Float64() if dtype.is_decimal() else dtype
            return _known(cell.cast(kept), kept), pl.Series([float(one) for one in values]).cast(kept)
    if isinstance(first, dt.time) and dtype == pl.Time:
        return cell, pl.Series(values, dtype=pl.Time)
    if isinstance(first, dt.date) and dtype in (pl.Date, pl.Datetime):
        edges = [_moment(one, last=False) for one in values]
        return moments(cell, dtype), pl.select(pl.concat_list(edge for edge in edges if edge is not None)).item()
    raise Unfit(f"holds {_plain(dtype)}, and the values allowed are {_kind(first)}")


def _kind(value: Any) -> str:
    match value:
        case str():
            return "text"
        case bool():
            return "true or false"
        case int() | float():
            return "numbers"
    return "dates or times"


def _pattern(pattern: str, cell: pl.Expr, dtype: pl.DataType) -> Test:
    """The whole value is to match."""
    if not type_matches("text", str(dtype)):
        raise Unfit(f"holds {_plain(dtype)}, and a pattern is for text")
    text = cell.cast(pl.String)
    bad = ~text.str.contains(f"^(?:{pattern})$")
    return Test(
        wanted=f"matches {clean(pattern, 80)}",
        measures=(bad.sum(),),
        holds=lambda found: not found[0],
        observed=lambda found: f"{found[0]:,} do not match" if found[0] else "all match",
        complaint=f"do not match {clean(pattern, 80)}",
        bad=bad,
        listing=True,
    )


def _length(bounds: tuple[int, float], cell: pl.Expr, dtype: pl.DataType) -> Test:
    """Of text in characters, of lists in items, of binary values in bytes."""
    low, high = bounds
    if type_matches("text", str(dtype)):
        length, unit = cell.cast(pl.String).str.len_chars(), "characters"
    elif isinstance(dtype, pl.List):
        length, unit = cell.list.len(), "items"
    elif dtype == pl.Binary:
        length, unit = cell.bin.size(), "bytes"
    else:
        raise Unfit(f"holds {_plain(dtype)}, which has no length")
    wanted = f"{_between(low, high)} {unit}"
    return Test(
        wanted=wanted,
        measures=(length.min(), length.max()),
        holds=lambda found: found[0] is None or (low <= found[0] and found[1] <= high),
        observed=lambda found: f"{_span(*map(_number, found))} {unit}",
        complaint=f"are not {wanted} long",
        bad=_number_outside(low, high, length.cast(pl.Int64), pl.Int64()),
    )


def _type(wanted: str, _: pl.Expr, dtype: pl.DataType) -> Test:
    if not type_matches(wanted, str(dtype)):
        raise Unfit(f"is {_plain(dtype)}, not {wanted}")
    return Test(wanted, (), lambda _: True, lambda _: _plain(dtype), "")


_TESTS: Mapping[str, Callable[[Any, pl.Expr, pl.DataType], Test]] = {
    "not_null": _not_null,
    "unique": _unique,
    "range": _range,
    "values": _values,
    "pattern": _pattern,
    "type": _type,
    "length": _length,
}


def _plain(dtype: pl.DataType) -> str:
    return clean(str(dtype), 60)


def _percent(share: float) -> str:
    return f"{share * 100:.3g} %"


def _number(value: Any) -> str | None:
    return None if value is None else f"{value:.6g}" if isinstance(value, float) else format_number(value)


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else format_bound(value)
    return clean(text, _VALUE_MAX)


def _span(low: str | None, high: str | None) -> str:
    return "no values" if low is None or high is None else low if low == high else f"{low} to {high}"


def _brief(moment: str | None) -> str | None:
    """A moment without zeros that tell nothing."""
    return moment and moment.removesuffix(".000000").removesuffix(" 00:00:00")


def _between(low: Any, high: Any) -> str:
    if low == -math.inf:
        return "anything" if high == math.inf else f"at most {format_bound(high)}"
    return f"at least {format_bound(low)}" if high == math.inf else f"{format_bound(low)} to {format_bound(high)}"
