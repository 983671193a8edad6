"""What two runs predicted for the same samples, set against each other. Names and values are as in the files: clean
them to show.

Of two runs `old` is the one that is measured against (the baseline), `new` the other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from lab.dataclass import dataclass
from lab.domain.numbers import jsonable

#: What a task is: labels are classes, or labels are numbers.
CLASSES, NUMBERS = "classification", "regression"

#: Sorts of rows. Of classes: wrong to right, right to wrong, wrong in another way. Of numbers: nearer, farther.
FIXED, BROKEN, OTHER = "fixed", "broken", "other"
NEARER, FARTHER = "nearer", "farther"

#: From so many flips on, McNemar's test is taken from the normal distribution.
_MANY = 1000


@dataclass(frozen=True)
class SampleRow:
    """One sample that the two runs do not see alike.

    `old` and `new` are the predictions. `old_score` and `new_score` are each prediction's probability, or in a
    regression its absolute error; None where unknown. `row` is its number in the dataset from 0, `features` its
    columns there (name, value); both are unknown where the dataset's row could not be told.
    """

    id: str
    kind: str
    label: str
    old: str
    new: str
    old_score: float | None = None
    new_score: float | None = None
    row: int | None = None
    features: tuple[tuple[str, str | None], ...] = ()


@dataclass(frozen=True)
class ClassScore:
    """Precision, recall and their harmonic mean F1 (van Rijsbergen, Information Retrieval, 2nd ed., 1979, ch. 7), each
    0 to 1; NaN where nothing was predicted as the class, or nothing is of it."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class ClassChange:
    """One class: `support` counts its samples."""

    name: str
    support: int
    old: ClassScore
    new: ClassScore


@dataclass(frozen=True)
class Confusion:
    """Counts of samples, `[label][prediction]` in the order of `labels`, for both runs."""

    labels: tuple[str, ...]
    old: tuple[tuple[int, ...], ...]
    new: tuple[tuple[int, ...], ...]
    hidden: int = 0  # classes that are left out, those with the smallest changes

    def delta(self, label: int, prediction: int) -> int:
        return self.new[label][prediction] - self.old[label][prediction]


@dataclass(frozen=True)
class Bin:
    """Predictions with a probability from `low` to `high`: how many, how sure on average, what share is right."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Calibration:
    """Whether probabilities mean what they say: the bins of a reliability diagram (DeGroot & Fienberg 1983, The
    Statistician 32) and the expected calibration error Σ nᵢ/n · |accuracyᵢ − confidenceᵢ| over them (Naeini, Cooper &
    Hauskrecht 2015, AAAI), 0 to 1."""

    ece: float
    bins: tuple[Bin, ...]


@dataclass(frozen=True)
class Errors:
    """Errors (prediction − label) of a regression in the label's unit: mean absolute, root mean square, mean (bias),
    and quantiles of the absolute error."""

    mae: float
    rmse: float
    bias: float
    median: float
    p90: float
    worst: float


@dataclass(frozen=True)
class ErrorBin:
    """Samples with an error from `low` to `high`, of either run."""

    low: float
    high: float
    old: int
    new: int


@dataclass(frozen=True)
class SampleChanges:
    """Two runs on the samples that both predicted (`common`); `relabelled` of them have another label and do not count.

    `fixed`, `broken` and `other` count all rows of the sort (nearer and farther in a regression), `rows` holds the
    first of each, broken ones in front. `p` is McNemar's. `notes` are sentences about what was assumed.
    """

    task: str
    file: str
    old_rows: int
    new_rows: int
    common: int
    relabelled: int = 0
    old_right: int = 0
    new_right: int = 0
    fixed: int = 0
    broken: int = 0
    other: int = 0
    p: float | None = None
    rows: tuple[SampleRow, ...] = ()
    classes: tuple[ClassChange, ...] = ()
    confusion: Confusion | None = None
    old_calibration: Calibration | None = None
    new_calibration: Calibration | None = None
    old_errors: Errors | None = None
    new_errors: Errors | None = None
    histogram: tuple[ErrorBin, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def counted(self) -> int:
        """Samples that both runs predicted and agree on the label of."""
        return self.common - self.relabelled

    @property
    def sentence(self) -> str:
        """The first thing to know: `41 fixed, 12 broken of 360 samples (p = 0.0001)`."""
        if not self.counted:
            return "no sample was predicted by both runs" if self.old_rows else "confusion matrices only"
        what = "fixed", "broken"
        if self.task == NUMBERS:
            what = "nearer", "farther"
        text = f"{self.fixed:,} {what[0]}, {self.broken:,} {what[1]} of {self.counted:,} samples"
        if self.p is None:
            return text
        return text + (" (p < 0.0001)" if self.p < 0.0001 else f" (p = {self.p:.2g})")

    def to_json(self) -> dict[str, Any]:
        """For `json.dumps`; NaN and infinities are strings, features are an object."""
        found: dict[str, Any] = jsonable({**asdict(self), "sentence": self.sentence})
        for row, told in zip(self.rows, found["rows"], strict=True):
            told["features"] = dict(row.features)
        return found


def mcnemar(fixed: int, broken: int) -> float:
    """Two-sided p that as many samples would go one way by chance (Q. McNemar 1947, Psychometrika 12).

    Were neither run better, each flip would be a fair coin: exact binomial up to 1,000 flips, beyond them the normal
    distribution with the correction for continuity (A. L. Edwards 1948, Psychometrika 13).
    """
    flips, fewer = fixed + broken, min(fixed, broken)
    if not flips:
        return 1.0
    if flips > _MANY:
        z = max(0.0, abs(fixed - broken) - 1) / math.sqrt(flips)
        return math.erfc(z / math.sqrt(2))
    ways = sum(math.comb(flips, count) for count in range(fewer + 1))
    return float(min(1.0, 2 * ways / 2**flips))


def score(right: int, predicted: int, support: int) -> ClassScore:
    """Of a class: how many of its samples were found, how often it was predicted, how many it has."""
    precision = right / predicted if predicted else math.nan
    recall = right / support if support else math.nan
    both = predicted + support
    return ClassScore(precision, recall, 2 * right / both if both else math.nan)


def class_changes(confusion: Confusion) -> tuple[ClassChange, ...]:
    """Every class of two confusion matrices; support is that of the old one."""
    found = []
    for at, name in enumerate(confusion.labels):
        scores = [
            score(matrix[at][at], sum(row[at] for row in matrix), sum(matrix[at]))
            for matrix in (confusion.old, confusion.new)
        ]
        found.append(ClassChange(name, sum(confusion.old[at]), *scores))
    return tuple(found)


def confusion_of(labels: tuple[str, ...], old: Mapping[tuple[str, str], int], new: Mapping[tuple[str, str], int],
                 most: int) -> Confusion:  # fmt: skip
    """Matrices of counts by (label, prediction); of more than `most` classes those whose counts changed most."""
    kept = labels
    if len(labels) > most:
        moved = dict.fromkeys(labels, 0)
        for pair in {*old, *new}:
            by = abs(new.get(pair, 0) - old.get(pair, 0))
            for name in set(pair):
                moved[name] += by
        chosen = set(sorted(labels, key=lambda name: -moved[name])[:most])
        kept = tuple(name for name in labels if name in chosen)
    matrices = [tuple(tuple(counts.get((a, b), 0) for b in kept) for a in kept) for counts in (old, new)]
    return Confusion(kept, matrices[0], matrices[1], len(labels) - len(kept))
