"""The drift that a table's project tolerates: how far its columns have moved from an earlier version."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from lab.datasets import drift, tables
from lab.datasets.formats import column
from lab.domain.expectations import DriftRule, Result
from lab.domain.text import clean

#: Rows of either version that are compared; beyond, a sample of about as many.
SAMPLE = 100_000

_CATEGORIES_MAX = 1_000  # different texts beyond which a column is not one of categories


def drift_results(
    rule: DriftRule, frame: pl.LazyFrame, reference: pl.LazyFrame, skip: Sequence[str] = ()
) -> list[Result]:
    """One failed result for each column that has moved too far, worst first; one that holds if none has.

    Compared are the columns that the rule names, or all but `skip` (keys, which always move), as far as both versions
    have them as numbers, categories or booleans. Times move by nature and are compared only where they are named.
    Raises NotATableError for a version that cannot be read.
    """
    ours, theirs = frame.collect_schema(), reference.collect_schema()
    chosen = rule.columns or tuple(name for name in ours if name not in skip)
    fit = [name for name in chosen if _like(ours.get(name), theirs.get(name), named=bool(rule.columns))]
    results = [
        _result(rule, name, None, "it is not there, or of another kind, in one of both versions")
        for name in rule.columns
        if name not in fit
    ]
    measured = _measure(fit, frame, reference, ours)
    far = sorted(((psi, name) for name, psi in measured.items() if psi > rule.psi), reverse=True)
    results += [_result(rule, name, psi, "") for psi, name in far]
    return results or [_calm(rule, measured)]


def _like(one: pl.DataType | None, other: pl.DataType | None, *, named: bool) -> bool:
    if one is None or other is None or not _kind(one):
        return False
    return _kind(one) == _kind(other) and (named or _kind(one) != "time")


def _kind(dtype: pl.DataType) -> str:
    if dtype.is_numeric():
        return "number"
    if dtype in (pl.String, pl.Categorical, pl.Enum, pl.Boolean):
        return "category"
    return "time" if dtype.is_temporal() else ""


def _measure(names: Sequence[str], frame: pl.LazyFrame, reference: pl.LazyFrame, schema: pl.Schema) -> dict[str, float]:
    """PSI of each column that has values in both versions."""
    if not names:
        return {}
    then, now = _sampled(names, reference), _sampled(names, frame)
    found = {}
    for name in names:
        psi = _psi(then[name], now[name], _kind(schema[name]))
        if psi is not None and not np.isnan(psi):
            found[name] = psi
    return found


def _sampled(names: Sequence[str], frame: pl.LazyFrame) -> pl.DataFrame:
    """The columns' rows, or a fixed choice of them without regard to their order."""
    rows = tables.collect(frame.select(pl.len())).item()
    kept = frame.select([column(name) for name in names])
    if rows > SAMPLE:
        lot = pl.int_range(pl.len()).hash(seed=0)
        kept = kept.filter(lot % 1_000_003 < SAMPLE * 1_000_003 // rows)
    return tables.collect(kept)


def _psi(reference: pl.Series, current: pl.Series, kind: str) -> float | None:
    if kind == "category":
        one, other = _counts(reference), _counts(current)
        if max(len(one), len(other)) > _CATEGORIES_MAX:
            return None
        return drift.psi_categories(one, other)[0]
    return drift.psi(_numbers(reference), _numbers(current))


def _counts(series: pl.Series) -> dict[str, int]:
    counted = series.drop_nulls().cast(pl.String).rename("value").value_counts()
    return dict(counted.rows())


def _numbers(series: pl.Series) -> drift.Numbers:
    """Of times: since 1970 (or midnight), in milliseconds, so that both versions count alike."""
    known = series.drop_nulls()
    if known.dtype == pl.Date:
        known = known.cast(pl.Datetime("ms"), strict=False)
    if isinstance(known.dtype, pl.Datetime | pl.Duration):
        known = known.dt.cast_time_unit("ms")
    return (known.to_physical() if known.dtype.is_temporal() else known).cast(pl.Float64).to_numpy()


def _wanted(rule: DriftRule) -> str:
    return f"PSI at most {rule.psi:g}"


def _result(rule: DriftRule, name: str, psi: float | None, reason: str) -> Result:
    shown = clean(name, 80)
    against = clean(rule.against, 80)
    observed = "not compared" if psi is None else f"PSI {psi:.3g}"
    sentence = (
        f"{shown} was not compared with {against}: {reason}"
        if psi is None
        else f"{shown} has moved from {against}: PSI {psi:.3g}, at most {rule.psi:g} wanted"
    )
    return Result("drift", name, rule.severity, False, observed, _wanted(rule), sentence)


def _calm(rule: DriftRule, measured: dict[str, float]) -> Result:
    against = clean(rule.against, 80)
    if not measured:
        sentence = f"no column could be compared with {against}"
        return Result("drift", "", rule.severity, True, "nothing to compare", _wanted(rule), sentence, skipped=True)
    psi, name = max((psi, name) for name, psi in measured.items())
    sentence = f"none of {len(measured)} columns has moved from {against}; the most is {clean(name, 80)}, PSI {psi:.3g}"
    return Result("drift", "", rule.severity, True, f"PSI {psi:.3g}", _wanted(rule), sentence)
