"""How columns of a sample go together: correlations, and columns that tell the label."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lab.datasets.formats import column
from lab.domain.profiles import Correlation, Leakage

_PAIRS = 20  # correlations that are kept
_WEAKEST = 0.1  # |r| of a correlation that is kept
_NUMERIC_MAX = 300  # columns that are correlated
_BINS = 50  # of a feature that is set against a label
_PER_BIN = 20  # rows for each bin at least: fewer would tell a label by chance
_CLASSES = 50  # distinct values up to which a numeric label counts as classes
_CLASSES_MAX = 1_000  # distinct values of a label of another type, beyond which it is none
_ROWS_LEAST = 100  # rows below which nothing is said about leakage

#: From these scores on, a column is reported as leaking the label.
U_LEAK = 0.8
ETA2_LEAK = 0.95

_Floats = NDArray[np.float64]


def correlations(sample: pl.DataFrame) -> tuple[Correlation, ...]:
    """The strongest pairs of numeric columns by Pearson's r, over rows where both are finite numbers."""
    names = [name for name, dtype in sample.schema.items() if dtype.is_numeric()][:_NUMERIC_MAX]
    if len(names) < 2 or len(sample) < 3:
        return ()
    with np.errstate(all="ignore"):
        r = _pearson(np.stack([_floats(sample[name]) for name in names]))
    one, other = np.triu_indices(len(names), 1)
    strength = np.nan_to_num(np.abs(r[one, other]), nan=0.0)
    best = np.argsort(-strength, kind="stable")[:_PAIRS]
    return tuple(
        Correlation(names[one[at]], names[other[at]], float(r[one[at], other[at]]))
        for at in best
        if strength[at] >= _WEAKEST
    )


def leakage(sample: pl.DataFrame, label: str) -> tuple[Leakage, ...]:
    """Columns that alone nearly determine the label, worst first.

    For a label of classes, the uncertainty coefficient U = I(label; column) / H(label) (Theil 1970), for a numeric
    one the correlation ratio eta² = between-bin variance / variance (Pearson 1905); columns are cut into at most 50
    bins: numbers by quantiles, others by their most frequent values, nulls and the rest in one bin each.
    """
    if label not in sample.columns:
        return ()
    sample = sample.filter(column(label).is_not_null())
    if len(sample) < _ROWS_LEAST or sample[label].dtype.is_nested():
        return ()
    target = sample[label]
    classes = not target.dtype.is_numeric() or target.n_unique() <= _CLASSES
    if not target.dtype.is_numeric() and target.n_unique() > _CLASSES_MAX:
        return ()
    measure, least = ("U", U_LEAK) if classes else ("eta2", ETA2_LEAK)
    codes = _codes(target, len(target)) if classes else np.array([], np.int64)
    numbers = np.array([]) if classes else _floats(target)
    found = []
    for name, dtype in sample.schema.items():
        if name == label or dtype.is_nested():
            continue
        bins = _codes(sample[name], min(_BINS, len(sample) // _PER_BIN))
        score = uncertainty(codes, bins) if classes else correlation_ratio(numbers, bins)
        if score >= least:
            found.append(Leakage(name, measure, round(score, 4)))
    return tuple(sorted(found, key=lambda leak: -leak.score))


def uncertainty(label: NDArray[Any], feature: NDArray[Any]) -> float:
    """Theil's U: the share of the entropy of `label` that `feature` takes away, both as codes from 0; 0 to 1."""
    width = int(feature.max()) + 1
    joint = np.bincount(label * width + feature, minlength=(int(label.max()) + 1) * width).reshape(-1, width)
    joint = joint / joint.sum()
    whole = _entropy(joint.sum(axis=1))
    return (whole + _entropy(joint.sum(axis=0)) - _entropy(joint.ravel())) / whole if whole else 0.0


def correlation_ratio(label: _Floats, feature: NDArray[Any]) -> float:
    """eta²: the share of the variance of `label` that lies between the codes of `feature`; 0 to 1."""
    known = np.isfinite(label)
    label, feature = label[known], feature[known]
    if not len(label):
        return 0.0
    with np.errstate(all="ignore"):
        label = label - label.mean()
        counts = np.bincount(feature)
        sums = np.bincount(feature, weights=label)
        total = float((label**2).sum())
        between = float(np.nansum(sums**2 / counts))
    return between / total if total > 0 and np.isfinite(total) else 0.0


def _entropy(shares: _Floats) -> float:
    held = shares[shares > 0]
    return float(-(held * np.log(held)).sum())


def _pearson(values: _Floats) -> _Floats:
    """r of every pair of rows of `values`, over the places where both are finite; NaN where either does not vary."""
    known = np.isfinite(values)
    if not known.all():
        values = np.where(known, values, 0.0)
    # Centred and scaled first, so that sums of squares neither overflow nor cancel.
    values = (values - values.sum(axis=1, keepdims=True) / known.sum(axis=1, keepdims=True)) * known
    values /= np.maximum(np.abs(values).max(axis=1, keepdims=True), 1e-300)
    if known.all():
        covariance = values @ values.T
        variance = squares = np.repeat(np.diag(covariance)[:, None], len(values), axis=1)
    else:
        there = known.astype(float)
        count = there @ there.T
        sums = values @ there.T
        squares = values**2 @ there.T
        covariance = values @ values.T - sums * sums.T / count
        variance = squares - sums**2 / count
    variance = np.where(variance > 1e-12 * np.maximum(squares, 1e-300), variance, np.nan)
    r: _Floats = np.clip(covariance / np.sqrt(variance * variance.T), -1, 1)
    return r


def _floats(series: pl.Series) -> _Floats:
    """Values as floats, NaN for null."""
    return series.cast(pl.Float64, strict=False).to_numpy().astype(float)


def _codes(series: pl.Series, bins: int) -> NDArray[np.int64]:
    """Values as codes from 0: quantile bins of numbers and times with many values, else frequent values; null apart."""
    values = series.rename("value")
    if values.dtype.is_temporal():
        values = values.to_physical()
    if values.dtype.is_numeric() and values.n_unique() > bins:
        numbers = _floats(values)
        known = np.isfinite(numbers)
        if not known.any():
            return np.zeros(len(numbers), np.int64)
        edges = np.unique(np.quantile(numbers[known], np.linspace(0, 1, bins)[1:-1]))
        return np.where(known, np.searchsorted(edges, numbers, "right"), len(edges) + 1)
    counted = values.drop_nulls().value_counts().top_k(bins, by=["count", "value"], reverse=[False, True])
    order = counted.select("value").with_row_index("code")
    joined = values.to_frame().join(order, on="value", how="left", maintain_order="left")
    rest = pl.when(pl.col("value").is_null()).then(len(order)).otherwise(len(order) + 1)
    return joined.select(pl.col("code").cast(pl.Int64).fill_null(rest)).to_series().to_numpy()
