"""Model files that nobody vouches for: what opens, what is refused, and why."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from lab.runtime import skops_files

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 4))
Y = (X[:, 0] + X[:, 1] > 0).astype(int) + (X[:, 2] > 1)

MODELS = {
    "pipeline": make_pipeline(StandardScaler(), LogisticRegression()),
    "ridge": Ridge(),
    "sgd": SGDClassifier(loss="log_loss"),
    "mlp": MLPClassifier((8,), max_iter=5),
    "tree": DecisionTreeClassifier(),
    "forest": RandomForestClassifier(5, random_state=0),
    "extra": ExtraTreesRegressor(5),
    "boosting": GradientBoostingClassifier(n_estimators=3),
    "hist": HistGradientBoostingClassifier(max_iter=3),
    "ada": AdaBoostClassifier(n_estimators=3),
    "bagging": BaggingClassifier(DecisionTreeClassifier(), n_estimators=3, max_features=2),
    "voting": VotingClassifier([("t", DecisionTreeClassifier()), ("l", LogisticRegression())]),
    "stacking": StackingClassifier([("t", DecisionTreeClassifier()), ("l", LogisticRegression())], cv=2),
    "neighbours": KNeighborsClassifier(),
    "vectors": SVC(),
    "calibrated": CalibratedClassifierCV(LogisticRegression(), cv=2),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MODELS)
def test_ordinary_models_open_and_predict_alike(name: str) -> None:
    model = MODELS[name].fit(X, Y)
    opened = skops_files.load(skops.io.dumps(model))
    assert np.array_equal(opened.predict(X), model.predict(X))


class Custom(BaseEstimator):
    def predict(self, table: Any) -> Any:
        return table[:, 0]


@pytest.mark.parametrize(
    ("model", "named"),
    [
        (make_pipeline(FunctionTransformer(__import__("os").system), Ridge()), "system"),
        (make_pipeline(FunctionTransformer(eval), Ridge()), "eval"),
        (make_pipeline(FunctionTransformer(np.load), Ridge()), "load"),
        (Custom(), "Custom"),
    ],
)
def test_what_could_run_code_is_refused_by_name(model: Any, named: str) -> None:
    with pytest.raises(skops_files.RefusedModelError, match=named):
        skops_files.load(skops.io.dumps(model))


def test_a_file_that_unpacks_to_far_more_is_refused() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", "{}")
        archive.writestr("zeros.npy", bytes(200 * 1024 * 1024))
    with pytest.raises(skops_files.RefusedModelError, match="unpacks"):
        skops_files.load(buffer.getvalue())


def _forged(model: Any, change: Callable[[np.ndarray[Any, Any]], None]) -> bytes:
    """A file in which the arrays that hold a tree's nodes were changed by hand."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(skops.io.dumps(model))) as given,
        zipfile.ZipFile(buffer, "w") as forged,
    ):
        for name in given.namelist():
            data = given.read(name)
            if name.endswith(".npy"):
                array = np.load(io.BytesIO(data), allow_pickle=False)
                if array.dtype.names:
                    array = array.copy()
                    change(array)
                    out = io.BytesIO()
                    np.save(out, array, allow_pickle=False)
                    data = out.getvalue()
            forged.writestr(name, data)
    return buffer.getvalue()


def _set(field: str, value: int) -> Callable[[np.ndarray[Any, Any]], None]:
    def change(nodes: np.ndarray[Any, Any]) -> None:
        if field in (nodes.dtype.names or ()):
            nodes[field][0] = value

    return change


@pytest.mark.parametrize("name", ["tree", "forest", "extra", "boosting", "bagging"])
@pytest.mark.parametrize(
    ("field", "value"),
    [("left_child", 10**9), ("right_child", -7), ("left_child", 0), ("feature", 10**6), ("feature", -5)],
)
def test_forged_trees_are_refused_before_they_predict(name: str, field: str, value: int) -> None:
    model = MODELS[name].fit(X, Y)
    with pytest.raises(skops_files.RefusedModelError, match="tree"):
        skops_files.load(_forged(model, _set(field, value)))


@pytest.mark.parametrize(("field", "value"), [("left", 2**31), ("right", 0), ("feature_idx", 4), ("feature_idx", -1)])
def test_forged_histogram_trees_are_refused(field: str, value: int) -> None:
    model = MODELS["hist"].fit(X, Y)
    with pytest.raises(skops_files.RefusedModelError, match="tree"):
        skops_files.load(_forged(model, _set(field, value)))


@pytest.mark.parametrize(("field", "value"), [("idx_end", 10**9), ("idx_start", -1)])
def test_forged_neighbour_indices_are_refused(field: str, value: int) -> None:
    model = MODELS["neighbours"].fit(X, Y)
    with pytest.raises(skops_files.RefusedModelError, match="neighbour"):
        skops_files.load(_forged(model, _set(field, value)))


def test_members_that_expect_other_columns_than_their_model_are_refused() -> None:
    forest = RandomForestClassifier(3).fit(X, Y)
    forest.estimators_[1] = DecisionTreeClassifier().fit(np.tile(X, 50), Y)
    with pytest.raises(skops_files.RefusedModelError, match="columns"):
        skops_files.load(skops.io.dumps(forest))
    tree = DecisionTreeClassifier().fit(X, Y)
    tree.n_features_in_ = 1
    with pytest.raises(skops_files.RefusedModelError, match="columns"):
        skops_files.load(skops.io.dumps(tree))


def test_forged_support_vectors_are_refused() -> None:
    machine = SVC().fit(X, Y)
    machine._n_support = machine._n_support * 1000
    with pytest.raises(skops_files.RefusedModelError, match="vector"):
        skops_files.load(skops.io.dumps(machine))


def test_a_tree_hidden_in_an_array_of_objects_is_found() -> None:
    booster = GradientBoostingClassifier(n_estimators=2).fit(X, Y)
    found = [part for part in skops_files._reachable(booster) if type(part).__name__ == "Tree"]
    assert len(found) == booster.estimators_.size


def test_noise_is_not_a_model() -> None:
    with pytest.raises(zipfile.BadZipFile):
        skops_files.load(b"not a zip file")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("schema.json", json.dumps({"protocol": 99}))
    with pytest.raises(ValueError, match="protocol"):
        skops_files.load(buffer.getvalue())
