"""Predictions of two runs compared for a verdict on a reproduction."""

from __future__ import annotations

import math

import polars as pl
import pytest

from lab.domain.reproduction import EXACT, Agreement, PredictionVerdict, Tolerance
from lab.experiments.probes import judge


def table(**columns: list[object]) -> pl.DataFrame:
    return pl.DataFrame(columns)


BASE = table(id=["a", "b", "c", "d"], y_pred=[1.0, 2.0, math.nan, None], other=[1, 2, 3, 4])


def test_equal_predictions_are_identical_in_any_order_and_without_labels() -> None:
    found = judge("p.csv", BASE, BASE.reverse().with_columns(other=pl.lit(0)), EXACT)
    assert found == PredictionVerdict("p.csv", Agreement.IDENTICAL, 4, 4, 0.0)


@pytest.mark.parametrize(
    ("second", "tolerance", "agreement", "equal", "off"),
    [
        (2.0 + 2**-50, EXACT, Agreement.DIFFERENT, 3, 2**-50),
        (2.5, Tolerance(absolute=0.5), Agreement.WITHIN, 3, 0.5),
        (2.5, Tolerance(relative=0.25), Agreement.WITHIN, 3, 0.5),
        (2.5, Tolerance(relative=0.2), Agreement.DIFFERENT, 3, 0.5),
        (math.nan, Tolerance(absolute=9), Agreement.DIFFERENT, 3, math.inf),
        (None, Tolerance(absolute=9), Agreement.DIFFERENT, 3, math.inf),
    ],
)
def test_numbers(second: float | None, tolerance: Tolerance, agreement: Agreement, equal: int, off: float) -> None:
    new = table(id=["a", "b", "c", "d"], y_pred=[1.0, second, math.nan, None])
    found = judge("p.csv", BASE, new, tolerance)
    assert (found.agreement, found.equal, found.off) == (agreement, equal, off)


def test_classes_with_scores() -> None:
    old = table(row=[0, 1, 2], prediction=["cat", "dog", "dog"], proba_cat=[0.9, 0.2, 0.1], proba_dog=[0.1, 0.8, 0.9])
    assert judge("p.csv", old, old, EXACT) == PredictionVerdict("p.csv", Agreement.IDENTICAL, 3, 3, 0.0)
    nearly = old.with_columns(proba_cat=pl.Series([0.9, 0.2 + 1e-12, 0.1]))
    found = judge("p.csv", old, nearly, EXACT)
    assert (found.agreement, found.equal) == (Agreement.DIFFERENT, 2)
    assert found.off == pytest.approx(1e-12, rel=1e-3)
    assert judge("p.csv", old, nearly, Tolerance(1e-9)).agreement is Agreement.WITHIN
    flipped = old.with_columns(prediction=pl.Series(["cat", "cat", "dog"]))
    assert judge("p.csv", old, flipped, Tolerance(9)).agreement is Agreement.DIFFERENT


def test_whole_numbers_and_floats_of_the_same_value_are_equal() -> None:
    assert judge("p", table(pred=[1, 2]), table(pred=[1.0, 2.0]), EXACT).agreement is Agreement.IDENTICAL


def test_other_samples_are_no_reproduction() -> None:
    found = judge("p.csv", BASE, BASE.head(3), Tolerance(absolute=9))
    assert (found.agreement, found.common, found.equal, found.alone) == (Agreement.DIFFERENT, 3, 3, 1)
    apart = judge("p.csv", BASE, BASE.with_columns(id=pl.Series(["w", "x", "y", "z"])), EXACT)
    assert (apart.agreement, apart.common, apart.alone, apart.off) == (Agreement.DIFFERENT, 0, 8, None)


def test_what_cannot_be_compared_says_why() -> None:
    nothing = judge("p.csv", BASE, table(id=["a"], label=[1]), EXACT)
    assert (nothing.agreement, nothing.note) == (
        Agreement.UNKNOWN,
        "it has no column prediction (or predicted, y_pred)",
    )
    apart = judge("p.csv", BASE, table(y_pred=[1.0]), EXACT)
    assert (apart.agreement, apart.note) == (Agreement.UNKNOWN, "only one of the runs tells samples by an id")
    assert judge("p.csv", BASE.clear(), BASE.clear(), EXACT).agreement is Agreement.DIFFERENT
