"""Predictions of two runs set against each other: flips, classes, calibration, errors.

Only this module and what it is given know polars; whoever calls it is on a background thread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from lab.domain.predictions import (
    BROKEN,
    CLASSES,
    FARTHER,
    FIXED,
    NEARER,
    NUMBERS,
    OTHER,
    Bin,
    Calibration,
    ClassChange,
    ErrorBin,
    Errors,
    SampleChanges,
    SampleRow,
    confusion_of,
    mcnemar,
    score,
)
from lab.experiments.prediction_table import Predictions, text_of

#: Classes in a confusion matrix, and classes at all.
MOST_SHOWN, MOST_CLASSES = 30, 1000
BINS = 10
_ERROR_BINS = 20
_FEW = 20  # so many different whole numbers are classes, whatever else they look like


def compare(old: Predictions, new: Predictions, file: str = "", limit: int = 200) -> SampleChanges:
    """Flips, classes, confusion, calibration or errors of the samples that both have; at most `limit` rows in all."""
    notes = [*old.notes, *(note for note in new.notes if note not in old.notes)]
    pairs = _joined(old, new, notes)
    base = SampleChanges(NUMBERS, file, old.frame.height, new.frame.height, pairs.height, notes=tuple(notes))
    if _are_numbers([old.frame, new.frame]):
        return _numbers(base, pairs, limit)
    return _classes(replace(base, task=CLASSES), pairs, limit)


def _joined(old: Predictions, new: Predictions, notes: list[str]) -> pl.DataFrame:
    if old.positional != new.positional or (old.key and new.key and old.key != new.key):
        notes.append(f"samples are called by {new.key or 'place'} here and by {old.key or 'place'} there")
    if old.positional and new.positional:
        if old.frame.height != new.frame.height or not text_of(old.frame["label"]).equals(text_of(new.frame["label"])):
            notes.append("the files have no column id or row, and their labels differ: rows cannot be paired")
            return _pair(old.frame.clear(), new.frame.clear())
        notes.append("the files have no column id or row: samples are paired by their place")
    return _pair(old.frame, new.frame)


def _pair(old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    return new.join(old, on="id", how="inner", suffix="_old", maintain_order="left")


def _are_numbers(frames: Sequence[pl.DataFrame]) -> bool:
    """Whether labels are measurements rather than classes."""
    labels = [frame["label"] for frame in frames if frame.height]
    predictions = [frame["prediction"] for frame in frames if frame.height]
    if not labels or not all(one.dtype.is_numeric() for one in (*labels, *predictions)):
        return False
    if any(_fractional(one) for one in (*labels, *predictions)):
        return True
    several = max(one.n_unique() for one in labels)
    if several <= max(_FEW, labels[0].len() // 10):
        return False
    known = set(text_of(labels[0]).to_list())
    seen = set(text_of(predictions[0]).to_list())
    return len(seen & known) < 0.9 * len(seen)


def _fractional(values: pl.Series) -> bool:
    if not values.dtype.is_float():
        return False
    finite = values.filter(values.is_finite())
    return bool((finite != finite.round()).any())


# -- classes ------------------------------------------------------------------------------------------------------


def _classes(base: SampleChanges, pairs: pl.DataFrame, limit: int) -> SampleChanges:
    notes = list(base.notes)
    pairs = pairs.with_columns(
        label=text_of(pairs["label"]),
        label_old=text_of(pairs["label_old"]),
        prediction=text_of(pairs["prediction"]),
        prediction_old=text_of(pairs["prediction_old"]),
    )
    same = pairs.filter(pl.col("label") == pl.col("label_old"))
    before, after = _counts(same, "prediction_old"), _counts(same, "prediction")
    names = _order({name for pair in (*before, *after) for name in pair})
    positive = names[-1] if len(names) == 2 else ""
    same = same.with_columns(
        score_old=_sure(same, "score_old", "prediction_old", positive, notes),
        score=_sure(same, "score", "prediction", positive, notes),
        was=pl.col("prediction_old") == pl.col("label"),
        now=pl.col("prediction") == pl.col("label"),
    )
    kinds = {
        BROKEN: same.filter(pl.col("was") & ~pl.col("now")),
        FIXED: same.filter(~pl.col("was") & pl.col("now")),
        OTHER: same.filter(~pl.col("was") & ~pl.col("now") & (pl.col("prediction") != pl.col("prediction_old"))),
    }
    classes: tuple[ClassChange, ...] = ()
    confusion = None
    if len(names) <= MOST_CLASSES:
        classes = _class_changes(names, before, after)
        confusion = confusion_of(names, before, after, MOST_SHOWN) if names else None
    else:
        notes.append(f"{len(names):,} classes: too many for a table of them")
    fixed, broken = kinds[FIXED].height, kinds[BROKEN].height
    return replace(
        base,
        relabelled=base.common - same.height,
        old_right=int(same["was"].sum()),
        new_right=int(same["now"].sum()),
        fixed=fixed,
        broken=broken,
        other=kinds[OTHER].height,
        p=mcnemar(fixed, broken) if same.height else None,
        rows=_shown(kinds, limit),
        classes=classes,
        confusion=confusion,
        old_calibration=_calibration(same["score_old"], same["was"], notes),
        new_calibration=_calibration(same["score"], same["now"], notes),
        notes=tuple(dict.fromkeys(notes)),
    )


def _counts(pairs: pl.DataFrame, prediction: str) -> dict[tuple[str, str], int]:
    """Samples by (label, prediction)."""
    found = pairs.group_by("label", prediction).len()
    return {(label, predicted): count for label, predicted, count in found.iter_rows()}


def _order(names: set[str]) -> tuple[str, ...]:
    """Numbers by value, then texts."""

    def place(name: str) -> tuple[bool, float, str]:
        try:
            return False, float(name), name
        except ValueError:
            return True, 0.0, name

    return tuple(sorted(names, key=place))


def _sure(pairs: pl.DataFrame, column: str, prediction: str, positive: str, notes: list[str]) -> pl.Series:
    """Scores as the probability of what was predicted. Of two classes, a score below one half cannot be that of the
    likelier one: the scores are then those of the second class."""
    scores = pairs[column]
    known = scores.drop_nulls()
    if positive and len(known) and float(known.min()) < 0.5:  # type: ignore[arg-type]
        notes.append(f"scores are taken as the probability of {positive}")
        return pairs.select(
            pl.when(pl.col(prediction) == positive).then(pl.col(column)).otherwise(1 - pl.col(column))
        ).to_series()
    return scores


def _class_changes(
    names: Sequence[str], old: Mapping[tuple[str, str], int], new: Mapping[tuple[str, str], int]
) -> tuple[ClassChange, ...]:
    support, sums = dict.fromkeys(names, 0), [dict.fromkeys(names, 0), dict.fromkeys(names, 0)]
    for predicted, counts in zip(sums, (old, new), strict=True):
        for (label, prediction), count in counts.items():
            predicted[prediction] += count
            if counts is old:
                support[label] += count
    return tuple(
        ClassChange(
            name,
            support[name],
            score(old.get((name, name), 0), sums[0][name], support[name]),
            score(new.get((name, name), 0), sums[1][name], support[name]),
        )
        for name in names
    )


def _shown(kinds: Mapping[str, pl.DataFrame], limit: int) -> tuple[SampleRow, ...]:
    """The first rows: those that broke most surely, then those that were fixed, then what is wrong otherwise."""
    share = limit // len(kinds)
    found: list[SampleRow] = []
    left = limit
    for at, (kind, frame) in enumerate(kinds.items()):
        rest = sum(min(share, other.height) for other in list(kinds.values())[at + 1 :])
        chosen = frame.sort("score", descending=True, nulls_last=True, maintain_order=True).head(max(0, left - rest))
        left -= chosen.height
        wanted = ("id", "label", "prediction_old", "prediction", "score_old", "score", "row")
        found += [SampleRow(id, kind, *values) for id, *values in chosen.select(wanted).iter_rows()]
    return tuple(found)


def _calibration(scores: pl.Series, right: pl.Series, notes: list[str]) -> Calibration | None:
    known = scores.is_not_null()
    sure, hits = scores.filter(known).to_numpy(), right.filter(known).to_numpy().astype(float)
    if not len(sure):
        return None
    if sure.min() < -1e-9 or sure.max() > 1 + 1e-9:
        notes.append("scores are not between 0 and 1: no calibration")
        return None
    at = np.clip((sure * BINS).astype(int), 0, BINS - 1)
    counts = np.bincount(at, minlength=BINS)
    confidence = np.bincount(at, sure, BINS) / np.maximum(counts, 1)
    accuracy = np.bincount(at, hits, BINS) / np.maximum(counts, 1)
    bins = tuple(
        Bin(index / BINS, (index + 1) / BINS, int(counts[index]), float(confidence[index]), float(accuracy[index]))
        for index in range(BINS)
        if counts[index]
    )
    return Calibration(float((counts * np.abs(accuracy - confidence)).sum() / len(sure)), bins)


# -- numbers ------------------------------------------------------------------------------------------------------


def _numbers(base: SampleChanges, pairs: pl.DataFrame, limit: int) -> SampleChanges:
    number = [pl.col(name).cast(pl.Float64) for name in ("label", "label_old", "prediction", "prediction_old")]
    same = pairs.with_columns(*number)
    finite = pl.all_horizontal(pl.col(name).is_finite() for name in ("label", "prediction", "prediction_old"))
    wrong = same.filter(~finite).height
    notes = [*base.notes, *([f"{wrong:,} samples with NaN or infinity are left out"] if wrong else [])]
    same = same.filter(finite & (pl.col("label") == pl.col("label_old")))
    errors = [(same[name] - same["label"]).to_numpy() for name in ("prediction_old", "prediction")]
    sizes = [np.abs(one) for one in errors]
    moved = sizes[1] - sizes[0]
    order = np.argsort(-moved, kind="stable")
    worse, better = order[moved[order] > 0], order[::-1][moved[order[::-1]] < 0]
    half = limit // 2
    first = worse[: max(half, limit - len(better))]
    rows = [_number_row(same, sizes, int(at), FARTHER) for at in first]
    rows += [_number_row(same, sizes, int(at), NEARER) for at in better[: limit - len(rows)]]
    fixed, broken = len(better), len(worse)
    return replace(
        base,
        relabelled=base.common - same.height,
        fixed=fixed,
        broken=broken,
        p=mcnemar(fixed, broken) if same.height else None,
        rows=tuple(rows),
        old_errors=_errors(errors[0]),
        new_errors=_errors(errors[1]),
        histogram=_histogram(*errors),
        notes=tuple(notes),
    )


def _number_row(same: pl.DataFrame, sizes: Sequence[np.ndarray], at: int, kind: str) -> SampleRow:
    label, old, new = (f"{same[name][at]:.6g}" for name in ("label", "prediction_old", "prediction"))
    return SampleRow(same["id"][at], kind, label, old, new, float(sizes[0][at]), float(sizes[1][at]), same["row"][at])


def _errors(errors: np.ndarray) -> Errors | None:
    if not len(errors):
        return None
    sizes = np.abs(errors)
    median, p90 = np.quantile(sizes, (0.5, 0.9))
    return Errors(
        float(sizes.mean()),
        float(np.sqrt(np.square(errors).mean())),
        float(errors.mean()),
        float(median),
        float(p90),
        float(sizes.max()),
    )


def _histogram(old: np.ndarray, new: np.ndarray) -> tuple[ErrorBin, ...]:
    """Bins of equal width between the 1st and 99th percentile of both; what lies beyond is in the outer ones."""
    both = np.concatenate((old, new))
    if not len(both):
        return ()
    low, high = (float(value) for value in np.quantile(both, (0.01, 0.99)))
    if not high > low:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, _ERROR_BINS + 1)
    counts = [np.histogram(np.clip(one, low, high), edges)[0] for one in (old, new)]
    return tuple(
        ErrorBin(float(edges[at]), float(edges[at + 1]), int(counts[0][at]), int(counts[1][at]))
        for at in range(_ERROR_BINS)
    )
