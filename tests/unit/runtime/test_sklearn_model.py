"""Saving an estimator: what the folder says about it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import skops.io
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from lab.runtime import reference, sklearn_model, tabular

X = np.random.default_rng(0).normal(size=(60, 3))
Y = np.where(X[:, 0] > 0, "yes", "no")


def _save(
    folder: Path, model: Any, example: Any, **extra: Any
) -> tuple[dict[str, Any], list[dict[str, Any]], list[str]]:
    warnings = sklearn_model.save(model, folder, example=example, framework=None, labels=extra.get("labels"))
    golden = folder / "golden.jsonl"
    lines = [json.loads(line) for line in golden.read_text().splitlines()] if golden.exists() else []
    return json.loads((folder / "signature.json").read_text()), lines, warnings


def test_an_array_example_gives_names_ranges_and_golden_rows(tmp_path: Path) -> None:
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y)
    signature, golden, warnings = _save(tmp_path, model, X, labels=["No", "Yes"])
    assert warnings == []
    assert signature["v"] == 1
    assert (signature["framework"], signature["task"], signature["kind"]) == ("sklearn", "classification", "array")
    assert signature["classes"] == ["no", "yes"]
    assert signature["labels"] == ["No", "Yes"]
    assert [column["name"] for column in signature["inputs"]] == ["x0", "x1", "x2"]
    assert signature["inputs"][1]["min"] == X[:, 1].min()
    assert signature["inputs"][1]["max"] == X[:, 1].max()
    assert signature["outputs"][1] == {"name": "probabilities", "dtype": "float64", "width": 2}
    assert signature["sha256"] == hashlib.sha256((tmp_path / "model.skops").read_bytes()).hexdigest()
    assert len(golden) == reference.GOLDEN_ROWS
    rows = np.array([line["data"] for line in golden])
    assert [line["prediction"] for line in golden] == model.predict(rows).tolist()
    assert np.allclose([line["probabilities"] for line in golden], model.predict_proba(rows))
    pinned = (tmp_path / "requirements.txt").read_text()
    assert f"skops=={skops.__version__}\n" in pinned
    assert all(f"{name}==" in pinned for name in ("scikit-learn", "numpy", "scipy", "joblib"))


def test_named_rows_keep_their_names(tmp_path: Path) -> None:
    rows = [dict(zip(("a", "b", "c"), row, strict=True)) for row in X[:3].tolist()]
    signature, golden, _ = _save(tmp_path, Ridge().fit(X, X[:, 0]), rows)
    assert signature["task"] == "regression"
    assert [column["name"] for column in signature["inputs"]] == ["a", "b", "c"]
    assert len(golden) == 3
    assert "probabilities" not in golden[0]


def test_a_frame_with_text_columns_is_taken_back_as_a_frame(tmp_path: Path) -> None:
    frame = pl.DataFrame({"city": ["A", "B", "C"] * 20, "size": list(range(60))})
    encode = make_column_transformer((OneHotEncoder(), ["city"]), remainder="passthrough")
    model = make_pipeline(encode, LogisticRegression(max_iter=2000)).fit(frame, Y)
    signature, golden, _ = _save(tmp_path, model, frame)
    assert signature["kind"] == tabular.POLARS
    assert signature["inputs"][0] == {"name": "city", "dtype": "string", "categories": ["A", "B", "C"]}
    assert signature["inputs"][1] == {"name": "size", "dtype": "int64", "min": 0, "max": 59}
    assert "polars==" in (tmp_path / "requirements.txt").read_text()
    rebuilt = tabular.build(signature["kind"], tabular.typed(signature["inputs"]), [line["data"] for line in golden])
    assert model.predict(rebuilt).tolist() == [line["prediction"] for line in golden]


def test_a_numeric_frame_needs_no_frame_library_to_serve(tmp_path: Path) -> None:
    frame = pl.DataFrame(X, schema=["a", "b", "c"])
    signature, _, _ = _save(tmp_path, LogisticRegression().fit(frame, Y), frame)
    assert signature["kind"] == tabular.ARRAY
    assert [column["name"] for column in signature["inputs"]] == ["a", "b", "c"]
    assert "polars" not in (tmp_path / "requirements.txt").read_text()


def test_missing_values_in_the_example_make_a_column_nullable(tmp_path: Path) -> None:
    gaps = X.copy()
    gaps[::2, 1] = np.nan
    signature, golden, _ = _save(tmp_path, HistGradientBoostingRegressor(max_iter=5).fit(gaps, X[:, 0]), gaps)
    assert [column.get("nullable", False) for column in signature["inputs"]] == [False, True, False]
    assert any(line["data"][1] is None for line in golden)


def test_no_example_still_saves_and_says_what_is_missing(tmp_path: Path) -> None:
    signature, golden, warnings = _save(tmp_path, KMeans(2, n_init=1).fit(X), None)
    assert signature["task"] == "other"
    assert [column["name"] for column in signature["inputs"]] == ["x0", "x1", "x2"]
    assert golden == []
    assert "example" in warnings[0]


@pytest.mark.parametrize(
    "example",
    [X[:, :2], X[0, 0], [], [{"a": 1.0}], np.empty((0, 3)), [[object(), 1, 2]], X.reshape(3, 20, 3)],
)
def test_an_example_that_does_not_fit_costs_the_checks_and_not_the_model(tmp_path: Path, example: Any) -> None:
    model = Ridge().fit(X, X[:, 0])
    signature, golden, warnings = _save(tmp_path, model, example)
    assert "example" in warnings[0]
    assert golden == []
    assert [column["name"] for column in signature["inputs"]] == ["x0", "x1", "x2"]
    assert np.array_equal(skops.io.load(tmp_path / "model.skops").coef_, model.coef_)


class Doubler:
    def predict(self, table: Any) -> Any:
        return np.asarray(table)[:, 0] * 2


def test_a_class_of_the_script_is_saved_with_a_warning_that_serving_refuses_it(tmp_path: Path) -> None:
    _, _, warnings = _save(tmp_path, Doubler(), X)
    assert "Doubler" in warnings[0]


def test_objects_that_do_not_predict_and_unknown_frameworks_are_errors(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="predict"):
        _save(tmp_path, object(), None)
    with pytest.raises(ValueError, match="torch"):
        sklearn_model.save(Ridge(), tmp_path, example=None, framework="torch", labels=None)


def test_outputs_are_the_same_within_tolerance_only() -> None:
    assert tabular.same([1.0, float("nan")], np.array([1.0 + 1e-9, float("nan")]))
    assert not tabular.same([1.0], [1.001])
    assert not tabular.same([1.0], [1.0, 1.0])
    assert not tabular.same(["a"], ["b"])
    assert not tabular.same(["1"], [1.0])
    assert tabular.same(["a", "b"], np.array(["a", "b"], dtype=object))
