"""What two runs predicted for the same samples, compared to the last bit: part of the verdict on a reproduction.

Only this module and what it is given know polars; labels are not needed, since neither run has to be right.
"""

from __future__ import annotations

import polars as pl

from lab.domain.reproduction import Agreement, PredictionVerdict, Tolerance
from lab.experiments.prediction_table import IDS, PREDICTIONS, PROBAS, ROWS, SCORES, text_of

_OLD = "_old"


def judge(file: str, old: pl.DataFrame, new: pl.DataFrame, tolerance: Tolerance) -> PredictionVerdict:
    """The verdict on one file of predictions. Samples are paired by their id or row, else by their place."""
    chosen = [_chosen(frame) for frame in (old, new)]
    if None in chosen:
        return PredictionVerdict(file, Agreement.UNKNOWN, note="it has no column prediction (or predicted, y_pred)")
    mine, theirs = (_named(frame, columns or {}) for frame, columns in zip((old, new), chosen, strict=True))
    if ("id" in mine.columns) != ("id" in theirs.columns):
        return PredictionVerdict(file, Agreement.UNKNOWN, note="only one of the runs tells samples by an id")
    pairs = _pairs(mine, theirs)
    alone = mine.height + theirs.height - 2 * pairs.height
    columns = [name for name in mine.columns if name != "id" and name in theirs.columns]
    equal = pairs.select(pl.all_horizontal(_same(pairs, name) for name in columns)).to_series()
    numbers = [name for name in columns if _is_number(pairs, name)]
    texts = [name for name in columns if name not in numbers]
    agreement = Agreement.IDENTICAL
    if not pairs.height or not bool(equal.all()) or alone:
        close = pairs.select(
            pl.all_horizontal(
                *(_same(pairs, name) for name in texts), *(_near(pairs, name, tolerance) for name in numbers)
            )
        ).to_series()
        within = bool(pairs.height) and not alone and bool(close.all())
        agreement = Agreement.WITHIN if within else Agreement.DIFFERENT
    return PredictionVerdict(file, agreement, pairs.height, int(equal.sum()), _off(pairs, numbers), alone)


def _chosen(frame: pl.DataFrame) -> dict[str, str] | None:
    """The names of the columns that count, by what they are; None without a prediction."""
    names = {name.lower(): name for name in reversed(frame.columns)}
    prediction = next((names[name] for name in PREDICTIONS if name in names), None)
    if prediction is None:
        return None
    key = next((names[name] for name in (*IDS, *ROWS) if name in names), None)
    scores = [name for low, name in names.items() if low in SCORES or low.startswith(PROBAS)]
    found = {name: name for name in scores if name not in (prediction, key) and frame[name].dtype.is_numeric()}
    return {**({"id": key} if key is not None else {}), "prediction": prediction, **found}


def _named(frame: pl.DataFrame, columns: dict[str, str]) -> pl.DataFrame:
    chosen = frame.select(**{name: frame[column] for name, column in columns.items()})
    if "id" not in columns:
        return chosen
    return chosen.with_columns(id=text_of(chosen["id"])).unique("id", keep="last", maintain_order=True)


def _pairs(old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    if "id" not in old.columns:
        old, new = (frame.with_columns(id=pl.int_range(pl.len())) for frame in (old, new))
    return new.join(old, on="id", how="inner", suffix=_OLD, maintain_order="left", nulls_equal=True)


def _is_number(pairs: pl.DataFrame, name: str) -> bool:
    return pairs[name].dtype.is_numeric() and pairs[name + _OLD].dtype.is_numeric()


def _same(pairs: pl.DataFrame, name: str) -> pl.Series:
    """NaN is NaN, and nothing is nothing."""
    if _is_number(pairs, name):
        return pairs[name].cast(pl.Float64).eq_missing(pairs[name + _OLD].cast(pl.Float64))
    return text_of(pairs[name]).eq_missing(text_of(pairs[name + _OLD]))


def _near(pairs: pl.DataFrame, name: str, tolerance: Tolerance) -> pl.Series:
    new, old = (pairs[column].cast(pl.Float64) for column in (name, name + _OLD))
    widest = pl.max_horizontal(pl.lit(tolerance.absolute), old.abs() * tolerance.relative)
    close = pairs.select((new - old).abs() <= widest).to_series().fill_null(value=False)
    return close | _same(pairs, name)


def _off(pairs: pl.DataFrame, numbers: list[str]) -> float | None:
    """The largest distance of two numbers; infinite where one of a pair is none."""
    worst = [_distance(pairs, name) for name in numbers] if pairs.height else []
    return max(worst) if worst else None


def _distance(pairs: pl.DataFrame, name: str) -> float:
    apart = pairs.filter(~_same(pairs, name))
    off = (apart[name].cast(pl.Float64) - apart[name + _OLD].cast(pl.Float64)).abs()
    return float(off.fill_null(float("inf")).fill_nan(float("inf")).max() or 0.0)  # type: ignore[arg-type]
