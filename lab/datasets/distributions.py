"""How far the distribution of every shared column has moved from one version to another, worst first."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lab.datasets import drift, tables
from lab.datasets.alike import Alike
from lab.datasets.columns import kind_of
from lab.datasets.formats import exactly
from lab.domain.diffs import CATEGORIES, LENGTHS, NOTHING, VALUES, ColumnDrift
from lab.domain.profiles import BOOLEAN, NESTED, NUMBER, OTHER, TEXT, TIME

#: Rows of a side up to which all are measured; of more, a sample.
ALL_ROWS = 1_000_000
SAMPLE_ROWS = 100_000

_CATEGORIES_MAX = 1_000  # distinct values of a text column that counts as categories
_NAMED = 20  # categories that are listed
_VALUE_MAX = 200
_TOGETHER = 16  # columns that are read at once, where they are not held in memory


def drifts(
    both: Alike, rows: tuple[int, int], skip: Collection[str] = (), progress: Callable[[str], None] | None = None
) -> tuple[tuple[ColumnDrift, ...], int]:
    """The drift of all shared columns but `skip`, worst first, and the rows of a side that it was measured on (0: all).

    `rows` are those of both sides. Raises NotATableError for what is broken inside.
    """
    if not all(rows):
        return (), 0
    names = [name for name in both.columns if name not in skip]
    chosen = [_chosen(count) for count in rows]
    found: list[ColumnDrift] = []
    for part in _parts(names, len(names) if both.held else _TOGETHER):
        if progress:
            progress(f"distributions: {len(found):,} of {len(names):,} columns")
        old, new = (
            _sampled(tables.collect(frame.select(exactly(part))), rows)
            for frame, rows in zip((both.old, both.new), chosen, strict=True)
        )
        found += [column_drift(old[name], new[name]) for name in part]
    found.sort(key=_badness)
    return tuple(found), SAMPLE_ROWS if any(picked is not None for picked in chosen) else 0


def column_drift(old: pl.Series, new: pl.Series) -> ColumnDrift:
    """How far one column has moved; both sides are of one type."""
    one, other = old.drop_nulls(), new.drop_nulls()
    kind = kind_of(old.dtype)
    facts: dict[str, Any] = {}
    measured = NOTHING
    if kind in (NESTED, OTHER) or not len(one) or not len(other):
        facts = {}
    elif kind in (NUMBER, TIME):
        measured, facts = VALUES, _of_numbers(_numbers(one), _numbers(other), means=kind == NUMBER)
    elif kind == BOOLEAN:
        measured, facts = CATEGORIES, _of_categories(_counts(one.cast(pl.String)), _counts(other.cast(pl.String)))
    elif kind == TEXT:
        measured, facts = _of_text(one.cast(pl.String), other.cast(pl.String))
    return ColumnDrift(new.name, measured, old_nulls=_null_share(old), new_nulls=_null_share(new), **facts)


def _parts(names: list[str], size: int) -> Iterator[list[str]]:
    for at in range(0, len(names), max(1, size)):
        yield names[at : at + size]


def _chosen(rows: int) -> NDArray[np.int64] | None:
    """Numbers of the rows that are measured; None for all."""
    if rows <= ALL_ROWS:
        return None
    return np.sort(np.random.default_rng(0).choice(rows, SAMPLE_ROWS, replace=False))


def _sampled(frame: pl.DataFrame, rows: NDArray[np.int64] | None) -> pl.DataFrame:
    return frame if rows is None else frame[rows]


def _null_share(values: pl.Series) -> float:
    return values.null_count() / len(values) if len(values) else 0.0


def _numbers(values: pl.Series) -> NDArray[Any]:
    """Sorted, without NaN."""
    if values.dtype.is_temporal():
        values = values.to_physical()
    if values.dtype.is_decimal() or values.dtype in (pl.Int128, pl.UInt128):
        values = values.cast(pl.Float64)
    ordered = np.sort(values.to_numpy())
    return ordered[: np.searchsorted(ordered, np.nan)] if ordered.dtype.kind == "f" else ordered


def _of_numbers(old: NDArray[Any], new: NDArray[Any], means: bool) -> dict[str, Any]:
    if not len(old) or not len(new):
        return {}
    facts = {"psi": drift.psi_sorted(old, new), "ks": drift.ks_sorted(old, new)}
    if means:
        with np.errstate(all="ignore"):
            facts |= {"old_mean": float(old.mean(dtype=float)), "new_mean": float(new.mean(dtype=float))}
    return facts


def _of_text(old: pl.Series, new: pl.Series) -> tuple[str, dict[str, Any]]:
    """By categories where there are few, else by lengths: what each id or sentence says cannot be compared."""
    before, after = _counts(old), _counts(new)
    if max(len(before), len(after)) <= _CATEGORIES_MAX:
        return CATEGORIES, _of_categories(before, after)
    return LENGTHS, _of_numbers(_numbers(old.str.len_chars()), _numbers(new.str.len_chars()), means=True)


def _of_categories(old: pl.DataFrame, new: pl.DataFrame) -> dict[str, Any]:
    before, after = dict(old.rows()), dict(new.rows())
    psi, unseen = drift.psi_categories(before, after)
    _, gone = drift.psi_categories(after, before)
    names = sorted(before.keys() | after.keys())
    one, other = (np.array([counts.get(name, 0) for name in names], float) for counts in (before, after))
    return {
        "psi": psi,
        "js": drift.jensen_shannon(one, other),
        "unseen": _listed(unseen),
        "unseen_count": len(unseen),
        "gone": _listed(gone),
        "gone_count": len(gone),
    }


def _counts(values: pl.Series) -> pl.DataFrame:
    return values.rename("value").value_counts()


def _listed(categories: dict[str, int]) -> tuple[tuple[str, int], ...]:
    most = sorted(categories.items(), key=lambda pair: (-pair[1], pair[0]))[:_NAMED]
    return tuple((name[:_VALUE_MAX], count) for name, count in most)


def _badness(found: ColumnDrift) -> tuple[float, float, float, str]:
    psi = found.psi if found.psi is not None and not math.isnan(found.psi) else -1.0
    return -max(psi, 0.0), -abs(found.null_delta), -(found.ks or 0.0), found.name
