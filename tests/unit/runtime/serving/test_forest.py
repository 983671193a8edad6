"""Forests asked tree by tree answer as scikit-learn does, to the bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)

from lab.runtime.serving.compute import Output, identical
from lab.runtime.serving.forest import direct, suits

CLASSES = make_classification(800, 12, n_informative=8, n_classes=3, random_state=0)
VALUES = make_regression(800, 12, noise=1.0, random_state=0)


def own(model: Any, rows: Any) -> Output:
    if hasattr(model, "predict_proba"):
        return Output(model.predict(rows), model.predict_proba(rows))
    return Output(model.predict(rows))


@pytest.mark.parametrize("labels", [[0, 1, 2], ["ash", "beech", "cedar"], [False, True, True]])
@pytest.mark.parametrize("kind", [RandomForestClassifier, ExtraTreesClassifier])
def test_classifiers(kind: Any, labels: list[Any]) -> None:
    inputs, classes = CLASSES
    model = kind(40, random_state=1).fit(inputs, np.array(labels)[classes])
    assert suits(model)
    for count in (1, 2, 37, 800):
        assert identical(direct(model)(inputs[:count]), own(model, inputs[:count]))


@pytest.mark.parametrize("kind", [RandomForestRegressor, ExtraTreesRegressor])
def test_regressors(kind: Any) -> None:
    inputs, values = VALUES
    model = kind(40, random_state=1).fit(inputs, values)
    assert suits(model)
    for count in (1, 2, 37, 800):
        assert identical(direct(model)(inputs[:count]), own(model, inputs[:count]))


def test_missing_values_go_where_the_forest_learned_to_send_them() -> None:
    inputs, classes = CLASSES
    holes = np.where(np.random.default_rng(0).random(inputs.shape) < 0.1, np.nan, inputs)
    model = RandomForestClassifier(20, random_state=1).fit(holes, classes)
    assert identical(direct(model)(holes[:50]), own(model, holes[:50]))


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e300])
def test_values_that_the_forest_refuses_are_refused(value: float) -> None:
    inputs, values = VALUES
    model = RandomForestRegressor(5, random_state=1).fit(inputs, values)
    with pytest.raises(ValueError, match="infinity"):
        direct(model)(np.full((1, 12), value))


def test_other_models_are_left_alone() -> None:
    inputs, classes = CLASSES
    assert not suits(GradientBoostingClassifier(n_estimators=2).fit(inputs, classes))
    assert not suits(IsolationForest(n_estimators=3).fit(inputs))
    assert not suits(RandomForestClassifier(3).fit(inputs, np.column_stack([classes, classes])))
    assert not suits(RandomForestClassifier(3))
