"""Flips, classes, confusion, calibration and errors as text."""

from __future__ import annotations

import numpy as np
import polars as pl

from lab.domain.predictions import Confusion, SampleChanges
from lab.experiments.prediction_table import recognise
from lab.experiments.predictions import compare
from lab.ui.render.glyphs import Row
from lab.ui.render.samples import quality_rows, sample_columns, sample_facts, sample_rows, samples_heading


def text(rows: list[Row]) -> str:
    return "\n".join("".join(piece for piece, _ in row) for row in rows)


def classes(count: int, samples: int = 200) -> SampleChanges:
    dice = np.random.default_rng(0)
    labels = dice.integers(0, count, samples)
    sides = []
    for accuracy in (0.6, 0.9):
        found = np.where(dice.random(samples) < accuracy, labels, dice.integers(0, count, samples))
        sides.append(recognise(pl.DataFrame({"row": np.arange(samples), "label": labels, "prediction": found,
                                             "score": dice.random(samples)})))  # fmt: skip
    return compare(sides[0], sides[1], "predictions.csv")


def test_the_heading_says_who_gained_what() -> None:
    found = classes(3)
    told = text(samples_heading(found, "new", "old"))
    assert f"{found.fixed} fixed  {found.broken} broken" in told
    assert "new against old" in told
    assert "p < 0.0001" in told
    same = compare(recognise(pl.DataFrame({"id": [1], "label": ["a"], "prediction": ["a"]})),
                   recognise(pl.DataFrame({"id": [2], "label": ["a"], "prediction": ["a"]})))  # fmt: skip
    assert "no sample was predicted by both" in text(samples_heading(same, "new", "old"))


def test_rows_and_facts_tell_the_same_sample() -> None:
    found = classes(3)
    rows = sample_rows(found)
    assert all(len(row.cells) == len(sample_columns(found)) for row in rows)
    facts = {pair.label: pair.value for pair in sample_facts(found.rows[0]) if pair.value}
    assert facts["label"] == found.rows[0].label
    assert facts["row"] == found.rows[0].id


def test_the_matrix_is_shown_where_it_fits_else_the_worst_pairs() -> None:
    wide = text(quality_rows(classes(6), 100))
    assert "rows are labels, columns predictions" in wide
    assert "CALIBRATION" in wide
    narrow = text(quality_rows(classes(30, 2000), 80))
    assert "taken for" in narrow
    lone = Confusion(("a", "b"), ((1, 0), (0, 1)), ((1, 0), (0, 1)))
    assert "the same counts" in text(quality_rows(SampleChanges("classification", "", 2, 2, 2, confusion=lone), 10))


def test_a_regression_shows_its_errors_and_their_distribution() -> None:
    dice = np.random.default_rng(0)
    y = dice.normal(size=300)
    sides = [recognise(pl.DataFrame({"id": np.arange(300), "y_true": y, "y_pred": y + dice.normal(size=300) * spread}))
             for spread in (1.0, 0.5)]  # fmt: skip
    found = compare(sides[0], sides[1])
    told = text(quality_rows(found, 80))
    assert "root mean square" in told
    assert "DISTRIBUTION OF ERRORS" in told
    assert "nearer" in text(samples_heading(found, "new", "old"))
    assert sample_columns(found)[-1].title == "err now"
