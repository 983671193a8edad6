"""A flat forest answers as scikit-learn's own does, to the bit, and arrays from elsewhere lead nowhere."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)

from lab.runtime.flat_forest import FlatForest, MalformedError, agrees, flatten, from_bytes, suits, to_bytes

CLASSES = make_classification(700, 12, n_informative=8, n_classes=3, random_state=0)
VALUES = make_regression(700, 12, noise=1.0, random_state=0)
HOLES = np.where(np.random.default_rng(0).random((700, 12)) < 0.1, np.nan, CLASSES[0])


def kept(model: Any) -> FlatForest:
    """As a server gets it: written and read again."""
    assert suits(model)
    return from_bytes(to_bytes(flatten(model)))


@pytest.mark.parametrize("inputs", [CLASSES[0], HOLES], ids=["whole", "with gaps"])
@pytest.mark.parametrize("kind", [RandomForestClassifier, ExtraTreesClassifier])
def test_classifiers(kind: Any, inputs: Any) -> None:
    model = kind(50, random_state=1).fit(inputs, np.array(["ash", "beech", "cedar"])[CLASSES[1]])
    forest = kept(model)
    for count in (1, 2, 255, 256, 257, 700):
        rows = inputs[:count]
        assert forest.sums(rows).tobytes() == model.predict_proba(rows).tobytes()
        assert agrees(forest, model.classes_, rows.tolist(), (model.predict(rows), model.predict_proba(rows)))


@pytest.mark.parametrize("trees", [1, 7, 8, 9, 130])  # numpy adds in pairs from eight on, where it may
@pytest.mark.parametrize("kind", [RandomForestRegressor, ExtraTreesRegressor])
def test_regressors(kind: Any, trees: int) -> None:
    inputs, values = VALUES
    model = kind(trees, random_state=1).fit(inputs, values)
    forest = kept(model)
    for count in (1, 3, 700):
        assert forest.sums(inputs[:count])[:, 0].tobytes() == model.predict(inputs[:count]).tobytes()
    assert agrees(forest, None, inputs.tolist(), (model.predict(inputs), None))
    assert not agrees(forest, None, inputs.tolist(), (np.nextafter(model.predict(inputs), 0), None))


def test_missing_values_that_training_did_not_have_go_as_the_forest_sends_them() -> None:
    inputs, values = VALUES
    model = RandomForestRegressor(20, random_state=1).fit(inputs, values)
    assert kept(model).sums(HOLES)[:, 0].tobytes() == model.predict(HOLES).tobytes()


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e300])
def test_what_the_forest_refuses_is_refused(value: float) -> None:
    inputs, values = VALUES
    forest = kept(RandomForestRegressor(5, random_state=1).fit(inputs, values))
    with pytest.raises(ValueError, match="infinit"):
        forest.sums(np.full((1, 12), value))


def test_a_forest_of_stumps_and_one_of_nothing() -> None:
    inputs, classes = CLASSES
    for model in (RandomForestClassifier(5, max_depth=1), RandomForestClassifier(5, min_samples_leaf=700)):
        model.fit(inputs, classes)
        assert kept(model).sums(inputs).tobytes() == model.predict_proba(inputs).tobytes()


def test_other_models_are_left_alone() -> None:
    inputs, classes = CLASSES
    assert not suits(IsolationForest(n_estimators=3).fit(inputs))
    assert not suits(RandomForestClassifier(3).fit(inputs, np.column_stack([classes, classes])))
    assert not suits(RandomForestClassifier(3))


@pytest.fixture(scope="module")
def small() -> FlatForest:
    return flatten(RandomForestClassifier(3, max_depth=3, random_state=0).fit(*CLASSES))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("roots", lambda array: array + 10**6),
        ("roots", lambda array: array - 10**6),
        ("roots", lambda array: array[:0]),
        ("roots", lambda array: array.astype(np.float64)),
        ("children", lambda array: np.where(array == array.max(), 10**9, array)),
        ("children", lambda array: array[:-1]),
        ("children", lambda array: -array),
        ("feature", lambda array: array + 12),
        ("feature", lambda array: array.astype(object)),
        ("threshold", lambda array: array[1:]),
        ("missing", lambda array: array + 1),
        ("values", lambda array: array[1:]),
        ("values", lambda array: array.ravel()),
        ("depth", lambda _: np.int64(10**12)),
        ("depth", lambda _: np.int64(-1)),
        ("features", lambda _: np.int64(3)),
    ],
)
def test_arrays_that_lead_elsewhere_are_refused(small: FlatForest, name: str, change: Any) -> None:
    data = to_bytes(replace(small, **{name: change(np.asarray(getattr(small, name)))}))
    with pytest.raises((MalformedError, ValueError)):
        from_bytes(data)


def test_files_that_are_none_are_refused(small: FlatForest) -> None:
    with pytest.raises((ValueError, OSError, zipfile.BadZipFile)):
        from_bytes(b"x" * 100)
    with pytest.raises((ValueError, OSError, zipfile.BadZipFile)):
        from_bytes(to_bytes(small)[:-50])
