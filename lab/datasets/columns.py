"""The profile of one column, from all of its values. One sort or one count of values answers nearly everything."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lab.domain.profiles import (
    BOOLEAN,
    NESTED,
    NUMBER,
    OTHER,
    QUANTILES,
    TEXT,
    TIME,
    ColumnProfile,
    Histogram,
)

_BINS = 20
_TOP = 10
_VALUE_MAX = 200  # characters of a value that is kept
_ID_LENGTH_MAX = 64  # characters that ids have on average at most; longer texts that differ are just texts
_ISO_TIME = r"^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$"
_CALENDAR = 8e12  # seconds around 1970 that polars can write as dates: 253,000 years
_PER_SECOND = {"ms": 1e3, "us": 1e6, "ns": 1e9}

_Array = NDArray[Any]


def column_profile(series: pl.Series) -> ColumnProfile:
    """Everything about a column but its relations to others and whether it looks personal."""
    kind = kind_of(series.dtype)
    base: dict[str, Any] = {"name": series.name, "type": str(series.dtype)[:120], "nulls": series.null_count()}
    values = series.rename("value").drop_nulls()
    if kind == NUMBER:
        facts = _numbers(values)
    elif kind == TEXT:
        facts = _texts(values.cast(pl.String))
    elif kind == TIME:
        facts = _times(values)
    elif kind == BOOLEAN:
        facts = _booleans(values)
    elif series.dtype == pl.Binary:
        facts = {"distinct": values.n_unique()}
    else:
        facts = {"distinct": 0} if series.dtype == pl.Null else {}
    return _judge(ColumnProfile(**{"kind": kind, **base, **facts}), series)


def kind_of(dtype: pl.DataType) -> str:
    """One of `profiles.NUMBER` and so on."""
    if dtype.is_numeric():
        return NUMBER
    if dtype in (pl.String, pl.Categorical, pl.Enum):
        return TEXT
    if dtype.is_temporal():
        return TIME
    if dtype == pl.Boolean:
        return BOOLEAN
    return NESTED if dtype.is_nested() else OTHER


def sorted_quantiles(ordered: _Array, shares: tuple[float, ...] = QUANTILES) -> tuple[float, ...]:
    """Quantiles of sorted values without NaN, in percent, interpolated linearly (Hyndman & Fan 1996, type 7)."""
    if not len(ordered):
        return ()
    at = (len(ordered) - 1) * np.array(shares) / 100
    below = at.astype(int)
    above = np.minimum(below + 1, len(ordered) - 1)
    part = at - below
    lower, upper = ordered[below].astype(float), ordered[above].astype(float)
    # Equal neighbours as they are: weighting would round them, and make NaN of infinite ones.
    weighed = np.where(lower == upper, lower, lower * (1 - part) + upper * part)
    return tuple(weighed.tolist())


def sorted_histogram(ordered: _Array) -> Histogram:
    """Twenty equally wide bins of sorted finite values; a lone one where all are equal, none where there are none."""
    if not len(ordered):
        return Histogram()
    low, high = float(ordered[0]), float(ordered[-1])
    if low == high:
        return Histogram((low, high), (len(ordered),))
    steps = np.linspace(0, 1, _BINS + 1)
    edges = low * (1 - steps) + high * steps  # (high - low) may be more than a float holds
    inner = np.searchsorted(ordered, edges[1:-1])
    counts = np.diff(np.concatenate(([0], inner, [len(ordered)])))
    return Histogram(tuple(edges.tolist()), tuple(counts.tolist()))


def _numbers(values: pl.Series) -> dict[str, Any]:
    if values.dtype.is_decimal() or values.dtype in (pl.Int128, pl.UInt128):
        # Beyond 64 bits: exact where equality counts, in floats else.
        return {**_numbers(values.cast(pl.Float64)), "distinct": values.n_unique(), "top": _top(values)}
    ordered = np.sort(values.to_numpy())
    with np.errstate(all="ignore"):
        return _sorted_numbers(ordered)


def _sorted_numbers(ordered: _Array) -> dict[str, Any]:
    floats = ordered.dtype.kind == "f"
    known = ordered[: np.searchsorted(ordered, np.nan)] if floats else ordered
    nans = len(ordered) - len(known)
    finite = known
    if floats:
        finite = known[np.searchsorted(known, -np.inf, "right") : np.searchsorted(known, np.inf, "left")]
    change = known[1:] != known[:-1]
    distinct = (int(np.count_nonzero(change)) + 1 if len(known) else 0) + bool(nans)
    facts: dict[str, Any] = {
        "distinct": distinct,
        "nans": nans,
        "infinities": len(known) - len(finite),
        "top": _runs(known, change, distinct),
    }
    if len(finite):
        mean = float(finite.mean(dtype=float))
        off = np.subtract(finite, mean, dtype=float)
        facts |= {
            "minimum": finite[0].item(),
            "maximum": finite[-1].item(),
            "mean": mean,
            "sd": math.sqrt(float(np.square(off, out=off).sum()) / (len(off) - 1)) if len(off) > 1 else None,
            "quantiles": sorted_quantiles(finite),
            "histogram": sorted_histogram(finite),
        }
    return facts


def _runs(ordered: _Array, change: NDArray[np.bool_], distinct: int) -> tuple[tuple[str, int], ...]:
    """The longest runs of equal values; none where most values differ, since they tell nothing then."""
    values, counts = _longest(ordered, change, distinct)
    return tuple((str(value), count) for value, count in zip(values.tolist(), counts, strict=True))


def _longest(ordered: _Array, change: NDArray[np.bool_], distinct: int) -> tuple[_Array, list[int]]:
    if not len(ordered) or (distinct * 2 > len(ordered) > _TOP):
        return ordered[:0], []
    starts = np.concatenate(([0], np.flatnonzero(change) + 1))
    counts = np.diff(np.concatenate((starts, [len(ordered)])))
    best = np.argsort(-counts, kind="stable")[:_TOP]
    return ordered[starts[best]], counts[best].tolist()


def _top(values: pl.Series) -> tuple[tuple[str, int], ...]:
    return _most(values.value_counts(), len(values))


def _most(counted: pl.DataFrame, rows: int) -> tuple[tuple[str, int], ...]:
    """The most frequent of counted values, by value where counts are equal."""
    if len(counted) * 2 > rows > _TOP:
        return ()
    best = counted.top_k(_TOP, by=["count", "value"], reverse=[False, True])
    return tuple((_cut(str(value)), int(count)) for value, count in best.rows())


def _texts(values: pl.Series) -> dict[str, Any]:
    counted = values.value_counts()
    different, counts = counted["value"], counted["count"].to_numpy()
    facts: dict[str, Any] = {"distinct": len(different), "top": _most(counted, len(values))}
    if len(different):
        sizes = different.str.len_chars().to_numpy()
        facts |= {
            "first": _cut(str(different.min())),
            "last": _cut(str(different.max())),
            "lengths": (float(sizes.min()), float(np.average(sizes, weights=counts)), float(sizes.max())),
        }
        if different.head(100).str.contains(_ISO_TIME).all():
            facts |= _written_times(different, counts)
    return facts


def _written_times(different: pl.Series, counts: _Array) -> dict[str, Any]:
    """What is known of text that is dates throughout: their histogram, and that they are times."""
    if not different.str.contains(_ISO_TIME).all():
        return {}
    days = different.str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)
    if days.null_count():
        return {}
    seconds = np.repeat(days.to_physical().to_numpy().astype(float) * 86400, counts)
    return {"kind": TIME, "histogram": sorted_histogram(np.sort(seconds))}


def _times(values: pl.Series) -> dict[str, Any]:
    ordered = np.sort(values.to_physical().to_numpy())
    if not len(ordered):
        return {"distinct": 0}
    change = ordered[1:] != ordered[:-1]
    distinct = int(np.count_nonzero(change)) + 1
    frequent, counts = _longest(ordered, change, distinct)
    first, last, *top = _written(np.concatenate((ordered[[0, -1]], frequent)), values.dtype)
    return {
        "distinct": distinct,
        "top": tuple(zip(top, counts, strict=True)),
        "first": first,
        "last": last,
        "histogram": sorted_histogram(_seconds(ordered, values.dtype)),
    }


def as_text(values: pl.Series) -> list[str | None]:
    """Values as they are shown, whatever they are; at most 200 characters of each."""
    if values.dtype.is_temporal():
        known = iter(_written(values.drop_nulls().to_physical().to_numpy(), values.dtype))
        return [None if null else next(known) for null in values.is_null()]
    return [None if value is None else _cut(str(value)) for value in values.to_list()]


def _written(physical: _Array, dtype: pl.DataType) -> list[str]:
    """Times in ISO format; durations, and moments beyond the calendar of polars and Python, in seconds."""
    seconds = _seconds(physical, dtype)
    if dtype == pl.Duration or (len(seconds) and float(np.abs(seconds).max()) > _CALENDAR):
        return [f"{second:.15g} s" for second in seconds.tolist()]
    integers = pl.Int32 if dtype == pl.Date else pl.Int64
    return pl.Series(physical, dtype=integers).cast(dtype).cast(pl.String).to_list()


def _seconds(ordered: _Array, dtype: pl.DataType) -> _Array:
    if dtype == pl.Date:
        return ordered * 86400.0
    return ordered / _PER_SECOND[getattr(dtype, "time_unit", None) or "ns"]


def _booleans(values: pl.Series) -> dict[str, Any]:
    true = int(values.sum())
    counts = sorted([("true", true), ("false", len(values) - true)], key=lambda pair: -pair[1])
    top = tuple((value, count) for value, count in counts if count)
    return {"distinct": len(top), "top": top, "mean": true / len(values) if len(values) else None}


def _judge(found: ColumnProfile, series: pl.Series) -> ColumnProfile:
    rows = len(series)
    whole = found.distinct == rows and not found.nulls and rows > 1
    named = series.dtype.is_integer() or (found.kind == TEXT and found.lengths[1:2] <= (_ID_LENGTH_MAX,))
    constant = rows > 0 and ((found.distinct == 1 and not found.nulls) or found.nulls == rows)
    return ColumnProfile(**{**vars(found), "constant": constant, "id_like": whole and named})


def _cut(text: str) -> str:
    return text if len(text) <= _VALUE_MAX else text[: _VALUE_MAX - 1] + "…"
