"""Rows as frames: the type of a column is the signature's, whatever values a request happens to bring."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from lab.runtime.tabular import PANDAS, POLARS, Typed, build

COLUMNS = [
    Typed("age", "float64", True), Typed("city", "string", True), Typed("visits", "int64"), Typed("member", "bool"),
]  # fmt: skip
ROWS: list[list[Any]] = [[None, None, 3, True], [20, "Oslo", 2, False], [30.5, "Bergen", 2.0, True]]

FRAMES = [
    POLARS,
    pytest.param(
        PANDAS, marks=pytest.mark.skipif(importlib.util.find_spec(PANDAS) is None, reason="pandas is not installed")
    ),
]


@pytest.mark.parametrize("kind", FRAMES)
def test_a_row_has_the_same_types_alone_and_among_others(kind: str) -> None:
    whole = build(kind, COLUMNS, ROWS)
    for row in ROWS:
        alone = build(kind, COLUMNS, [row])
        assert list(map(str, alone.dtypes)) == list(map(str, whole.dtypes)), row
    assert str(build(kind, COLUMNS, [[1, "a", 2.5, True]])["visits"].dtype).lower() == "float64"
    assert float(build(kind, COLUMNS, [[1, "a", 1e300, True]])["visits"][0]) == 1e300


def test_an_answer_does_not_depend_on_who_else_asks() -> None:
    frame = pl.DataFrame({"age": [20.0, None, 60.0, 30.5] * 25, "city": ["Oslo", None, "Bergen", "Oslo"] * 25})
    columns = make_column_transformer(
        (SimpleImputer(), ["age"]), (OneHotEncoder(handle_unknown="ignore"), ["city"])
    )  # fmt: skip
    model = make_pipeline(columns, LogisticRegression()).fit(frame, [0, 1, 1, 0] * 25)
    rows = [[None, None], [20, "Oslo"], [30.5, None]]
    together = model.predict_proba(build(POLARS, COLUMNS[:2], rows))
    alone = [model.predict_proba(build(POLARS, COLUMNS[:2], [row]))[0] for row in rows]
    assert np.allclose(alone, together, rtol=1e-9)
