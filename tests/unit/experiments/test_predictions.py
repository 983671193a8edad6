"""Predictions of two runs against each other: the same numbers as scikit-learn's and as plain loops."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import (
    confusion_matrix,
    mean_absolute_error,
    precision_recall_fscore_support,
    root_mean_squared_error,
)

from lab.domain.predictions import BROKEN, CLASSES, FARTHER, FIXED, NEARER, NUMBERS, OTHER
from lab.experiments.prediction_table import NotPredictionsError, recognise
from lab.experiments.predictions import compare


def frame(**columns: object) -> pl.DataFrame:
    return pl.DataFrame(columns)  # type: ignore[arg-type]


def drawn(seed: int, labels: np.ndarray, accuracy: float, **more: object) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    wrong = random.integers(0, 5, len(labels))
    return frame(
        row=np.arange(len(labels)),
        label=labels,
        prediction=np.where(random.random(len(labels)) < accuracy, labels, wrong),
        score=random.random(len(labels)),
        **more,
    )


def test_flips_are_counted_and_shown_with_their_rows() -> None:
    old = recognise(frame(id=["a", "b", "c", "d", "e"], y_true=["x"] * 4 + ["y"], y_pred=["x", "y", "y", "x", "y"]))
    new = recognise(frame(id=["e", "d", "c", "b", "a"], y_true=["y"] + ["x"] * 4, y_pred=["y", "y", "z", "x", "x"]))
    found = compare(old, new)
    assert (found.task, found.fixed, found.broken, found.other) == (CLASSES, 1, 1, 1)
    assert {row.id: (row.kind, row.old, row.new) for row in found.rows} == {
        "b": (FIXED, "y", "x"), "d": (BROKEN, "x", "y"), "c": (OTHER, "y", "z"),
    }  # fmt: skip
    assert (found.old_right, found.new_right, found.counted) == (3, 3, 5)
    assert found.sentence == "1 fixed, 1 broken of 5 samples (p = 1)"


def test_classes_and_matrices_are_those_of_scikit_learn() -> None:
    labels = np.random.default_rng(0).integers(0, 5, 400)
    tables = [drawn(1, labels, 0.6), drawn(2, labels, 0.8)]
    found = compare(*(recognise(one) for one in tables))
    for side, table in zip(("old", "new"), tables, strict=True):
        precision, recall, f1, support = precision_recall_fscore_support(labels, table["prediction"].to_numpy())
        told = [getattr(one, side) for one in found.classes]
        assert [one.precision for one in told] == pytest.approx(precision)
        assert [one.recall for one in told] == pytest.approx(recall)
        assert [one.f1 for one in told] == pytest.approx(f1)
        assert [one.support for one in found.classes] == list(support)
        assert found.confusion is not None
        matrix = getattr(found.confusion, side)
        assert np.array_equal(matrix, confusion_matrix(labels, table["prediction"].to_numpy()))
    before, now = (np.asarray(one["prediction"]) == labels for one in tables)
    assert found.fixed == int((~before & now).sum())
    assert found.broken == int((before & ~now).sum())


def test_calibration_is_the_gap_between_sure_and_right() -> None:
    labels = np.random.default_rng(0).integers(0, 5, 300)
    table = drawn(3, labels, 0.7)
    found = compare(recognise(table), recognise(table))
    gap = 0.0
    for low in range(10):
        inside = [(s, p == t) for s, p, t in zip(table["score"], table["prediction"], labels, strict=True)
                  if low / 10 <= s < (low + 1) / 10]  # fmt: skip
        if inside:
            gap += abs(sum(s for s, _ in inside) - sum(hit for _, hit in inside)) / 300
    assert found.old_calibration is not None
    assert found.old_calibration.ece == pytest.approx(gap)
    assert sum(one.count for one in found.old_calibration.bins) == 300


def test_probabilities_come_from_a_column_per_class_or_of_the_second_class() -> None:
    table = frame(label=["a", "b"], prediction=["a", "b"], proba_a=[0.9, 0.2], proba_b=[0.1, 0.8])
    assert recognise(table).frame["score"].to_list() == [0.9, 0.8]
    second = recognise(frame(label=[0, 1], prediction=[0, 1], score=[0.1, 0.8]))
    found = compare(second, second)
    assert found.new_calibration is not None
    assert found.new_calibration.ece == pytest.approx((0.1 + 0.2) / 2)
    assert "scores are taken as the probability of 1" in found.notes
    logits = recognise(frame(label=[0, 1, 2], prediction=[0, 1, 2], score=[3.0, -1.0, 2.0]))
    assert compare(logits, logits).new_calibration is None


def test_a_regression_is_told_by_its_errors() -> None:
    random = np.random.default_rng(0)
    y = random.normal(size=200)
    old, new = y + random.normal(size=200), y + random.normal(size=200) / 2
    found = compare(*(recognise(frame(id=np.arange(200), target=y, prediction=one)) for one in (old, new)), limit=10)
    assert found.task == NUMBERS
    assert found.new_errors is not None
    assert found.new_errors.mae == pytest.approx(mean_absolute_error(y, new))
    assert found.new_errors.rmse == pytest.approx(root_mean_squared_error(y, new))
    moved = np.abs(new - y) - np.abs(old - y)
    assert found.rows[0].kind == FARTHER
    assert found.rows[0].id == str(int(moved.argmax()))
    assert found.rows[5].kind == NEARER
    assert found.rows[5].id == str(int(moved.argmin()))
    assert (found.fixed, found.broken) == (int((moved < 0).sum()), int((moved > 0).sum()))
    assert sum(one.new for one in found.histogram) == 200


def test_whole_numbers_are_classes_unless_they_measure() -> None:
    ages = frame(id=range(100), label=list(range(100)), prediction=[value + 200 for value in range(100)])
    assert compare(recognise(ages), recognise(ages)).task == NUMBERS
    digits = frame(
        id=range(100), label=[value % 10 for value in range(100)], prediction=[float(v % 9) for v in range(100)]
    )
    found = compare(recognise(digits), recognise(digits))
    assert found.task == CLASSES
    assert [one.name for one in found.classes] == [str(digit) for digit in range(10)]


def test_samples_are_told_apart_by_id_row_or_place() -> None:
    both = recognise(frame(id=["p", "q"], row=[7, 9], label=[0, 1], prediction=[0, 1]))
    assert both.frame["id"].to_list() == ["p", "q"]
    assert both.frame["row"].to_list() == [7, 9]
    pandas = recognise(pl.DataFrame({"": [7, 9], "label": [0, 1], "prediction": [0, 1]}))
    assert pandas.frame["row"].to_list() == [7, 9]
    here, there = (recognise(frame(label=labels, prediction=[0, 1])) for labels in ([0, 1], [1, 0]))
    assert compare(here, here).common == 2
    unlike = compare(here, there)
    assert unlike.common == 0
    assert "cannot be paired" in unlike.notes[-1]


def test_what_is_odd_is_said() -> None:
    twice = recognise(frame(id=["a", "a", "b"], label=[0, 0, None], prediction=[0, 1, 1]))
    assert twice.frame["prediction"].to_list() == [1]
    assert len(twice.notes) == 2
    relabelled = compare(
        recognise(frame(id=["a", "b"], label=["x", "y"], prediction=["x", "x"])),
        recognise(frame(id=["a", "b"], label=["x", "x"], prediction=["x", "x"])),
    )
    assert (relabelled.relabelled, relabelled.fixed, relabelled.counted) == (1, 0, 1)
    for table, lacking in ((frame(prediction=[1]), "label"), (frame(label=[1]), "prediction")):
        with pytest.raises(NotPredictionsError, match=lacking):
            recognise(table)


def test_nothing_breaks_odd_values() -> None:
    odd = frame(id=["\x1b[2J", "b", "c"], label=[math.nan, math.inf, 1.5], prediction=[1.0, 2.0, math.nan])
    assert compare(recognise(odd), recognise(odd)).task == NUMBERS
    nested = frame(id=["a"], label=[[1, 2]], prediction=[[1, 2]])
    assert compare(recognise(nested), recognise(nested)).old_right == 1
    empty = recognise(frame(id=[], label=[], prediction=[]))
    assert compare(empty, empty).counted == 0


def test_the_rows_that_are_shown_are_bounded_and_of_every_sort() -> None:
    labels = np.random.default_rng(0).integers(0, 5, 2000)
    found = compare(recognise(drawn(1, labels, 0.5)), recognise(drawn(2, labels, 0.5)), limit=30)
    assert len(found.rows) == 30
    assert {row.kind for row in found.rows} == {FIXED, BROKEN, OTHER}
    scores = [row.new_score for row in found.rows if row.kind == BROKEN]
    assert scores == sorted(scores, reverse=True)  # type: ignore[type-var]
    assert not compare(recognise(drawn(1, labels, 0.5)), recognise(drawn(2, labels, 0.5)), limit=0).rows
