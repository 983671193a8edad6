"""Forests asked tree by tree: what scikit-learn computes, without what it does around each tree. Needs scikit-learn.

`predict_proba` of a forest sums the trees' answers in their order and divides; so does this, so that every bit is the
same. A call costs a tenth or less, most of which was scheduling a hundred small jobs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor, RandomForestClassifier, RandomForestRegressor

from lab.runtime.serving.compute import Output

_CLASSIFIERS = (RandomForestClassifier, ExtraTreesClassifier)
_REGRESSORS = (RandomForestRegressor, ExtraTreesRegressor)


def suits(model: Any) -> bool:
    """Whether `model` is a forest with one output, and nothing derived from one."""
    return type(model) in (*_CLASSIFIERS, *_REGRESSORS) and getattr(model, "n_outputs_", 0) == 1


def direct(model: Any) -> Callable[[Any], Output]:
    """A function of a float64 array (rows × columns). Rows with values that are not finite go by the forest itself."""
    classifies = type(model) in _CLASSIFIERS
    trees = [estimator.tree_ for estimator in model.estimators_]
    classes = model.classes_ if classifies else None
    width = len(classes) if classes is not None else 1

    def predict(table: Any) -> Output:
        rows = table.astype(np.float32)
        if not np.isfinite(rows).all():
            if classes is None:
                return Output(model.predict(table))
            chances = model.predict_proba(table)
        else:
            chances = np.zeros((len(rows), width))
            for tree in trees:
                chances += tree.predict(rows)[:, :width]
            chances /= len(trees)
            if classes is None:
                return Output(chances[:, 0])
        return Output(classes.take(np.argmax(chances, axis=1)), chances)

    return predict
