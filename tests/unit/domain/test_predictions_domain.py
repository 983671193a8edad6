"""McNemar's test, class scores and matrices, against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest

from lab.domain.predictions import Confusion, class_changes, confusion_of, mcnemar, score


def test_mcnemar_is_a_fair_coin() -> None:
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(5, 5) == 1.0
    assert mcnemar(9, 4) == pytest.approx(2 * (1 + 13 + 78 + 286 + 715) / 8192)
    assert mcnemar(4, 9) == mcnemar(9, 4)
    assert mcnemar(10, 0) == 2 / 1024


def test_mcnemar_of_many_flips_meets_the_exact_one() -> None:
    exact = 2 * sum(math.comb(1002, k) for k in range(471)) / 2**1002
    assert mcnemar(470, 532) == pytest.approx(exact, rel=0.01)
    assert mcnemar(1, 10_000_000) < 1e-100


def test_a_class_without_samples_or_predictions_has_no_score() -> None:
    nothing = score(0, 0, 0)
    assert math.isnan(nothing.precision)
    assert math.isnan(nothing.recall)
    assert math.isnan(nothing.f1)
    assert score(0, 0, 3).f1 == 0.0
    half = score(2, 3, 4)
    assert (half.precision, half.recall, half.f1) == (2 / 3, 1 / 2, pytest.approx(4 / 7))


def test_a_matrix_of_many_classes_keeps_those_that_changed() -> None:
    labels = ("a", "b", "c", "d")
    old = {("a", "a"): 5, ("b", "b"): 5, ("c", "d"): 1}
    new = {("a", "a"): 5, ("b", "b"): 5, ("c", "c"): 1}
    found = confusion_of(labels, old, new, 2)
    assert found == Confusion(("c", "d"), ((0, 1), (0, 0)), ((1, 0), (0, 0)), 2)
    assert found.delta(0, 1) == -1
    changed = class_changes(found)
    assert [one.support for one in changed] == [1, 0]
    assert changed[0].new.recall == 1.0
