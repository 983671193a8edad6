"""Opening a skops file that nobody vouches for. Needs scikit-learn and skops: imported only where a model is.

skops builds nothing but types it trusts, and it does not trust some that ordinary models hold. Those are listed here,
in Lab's code: a list that came with the model would be the attacker's own. Types that index memory by numbers out of
the file are checked once they are built, before anything predicts with them.
"""

from __future__ import annotations

import gc
import io
import types
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import skops
import skops.io
from sklearn.ensemble import BaseEnsemble
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
from sklearn.neighbors import BallTree, KDTree
from sklearn.svm._base import BaseLibSVM
from sklearn.tree._tree import Tree

#: Older releases could be talked into building types that nobody trusted.
MIN_SKOPS = (0, 16)

#: What ordinary scikit-learn models hold beyond the types that skops trusts by itself.
ALLOWED = (
    "numpy.dtype",
    "sklearn._loss.loss.HalfTweedieLossIdentity",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.feature_selection._univariate_selection.chi2",
    "sklearn.feature_selection._univariate_selection.f_classif",
    "sklearn.feature_selection._univariate_selection.f_regression",
    "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
    "sklearn.gaussian_process.kernels.ConstantKernel",
    "sklearn.gaussian_process.kernels.Matern",
    "sklearn.gaussian_process.kernels.Product",
    "sklearn.gaussian_process.kernels.RBF",
    "sklearn.gaussian_process.kernels.RationalQuadratic",
    "sklearn.gaussian_process.kernels.Sum",
    "sklearn.gaussian_process.kernels.WhiteKernel",
    "sklearn.metrics._dist_metrics.EuclideanDistance64",
    "sklearn.metrics._dist_metrics.ManhattanDistance64",
    "sklearn.neighbors._ball_tree.BallTree",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.tree._tree.Tree",
    "sklearn.utils._bunch.Bunch",
)

#: A file may grow this much when unpacked; skops itself stores without compression.
_MAX_GROWTH = 50
_GROWTH_FLOOR = 64 * 1024 * 1024

_OPAQUE = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, str, bytes, int, float)


class RefusedModelError(Exception):
    """The file is not a model that may be opened; the message says why."""


def refused_types(data: bytes) -> list[str]:
    """Types in the skops file `data` that neither skops nor Lab trusts, sorted."""
    return sorted(set(skops.io.get_untrusted_types(data=data)) - set(ALLOWED))


def load(data: bytes) -> Any:
    """The object in the skops file `data`.

    Raises RefusedModelError for types that are not trusted, for indices that lead out of bounds and for files that
    unpack to far more than they are; any other exception if the file is not a skops file.
    """
    if tuple(int(part) for part in skops.__version__.split(".")[:2]) < MIN_SKOPS:
        raise RefusedModelError(f"skops {skops.__version__} is too old to open models safely: 0.16 or later is needed")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > max(_GROWTH_FLOOR, _MAX_GROWTH * len(data)):
            raise RefusedModelError("the model file unpacks to far more than its size")
    refused = refused_types(data)
    if refused:
        raise RefusedModelError(f"the model holds types that are not trusted: {', '.join(refused)[:500]}")
    model = skops.io.loads(data, trusted=list(ALLOWED))
    check_bounds(model)
    return model


def check_bounds(model: Any) -> None:
    """Raise RefusedModelError if anything inside `model` would index out of its own arrays, or for ever."""
    for part in _reachable(model):
        if isinstance(part, Tree):
            _check_tree(part)
        elif isinstance(part, TreePredictor):
            _check_predictor(part)
        elif isinstance(part, (KDTree, BallTree)):
            _check_neighbours(part)
        elif isinstance(part, BaseLibSVM):
            _check_svm(part)
        if isinstance(part, BaseEnsemble):
            _check_ensemble(part)
        elif hasattr(part, "tree_") and isinstance(part.tree_, Tree):
            _require(part.tree_.n_features == part.n_features_in_, "a tree expects other columns than its estimator")
        elif hasattr(part, "_predictors"):
            _check_boosting(part)


def _reachable(root: Any) -> Iterator[Any]:
    """Every object that `root` refers to, itself included, each once."""
    seen, waiting = {id(root)}, [root]
    keep = []  # ids stay unique only while the objects live
    while waiting:
        part = waiting.pop()
        keep.append(part)
        yield part
        inside = list(part.flat) if isinstance(part, np.ndarray) and part.dtype == object else gc.get_referents(part)
        for child in inside:
            if id(child) not in seen and not isinstance(child, _OPAQUE):
                seen.add(id(child))
                waiting.append(child)


def _require(holds: Any, message: str) -> None:
    if not holds:
        raise RefusedModelError(message)


def _check_children(left: Any, right: Any, inner: Any, feature: Any, features: int) -> None:
    """Children of inner nodes lie behind their parent and inside the table, so every walk ends; features exist."""
    own, count = np.flatnonzero(inner), len(inner)
    for child in (left[inner].astype(np.int64), right[inner].astype(np.int64)):
        _require(((child > own) & (child < count)).all(), "a tree's nodes lead out of the tree")
    used = feature[inner].astype(np.int64)
    _require(((used >= 0) & (used < features)).all(), "a tree looks at columns that do not exist")


def _check_tree(tree: Any) -> None:
    _require(tree.node_count >= 1, "a tree has no nodes")
    nodes = tree.__getstate__()["nodes"]
    _require(len(nodes) == tree.node_count, "a tree's nodes are incomplete")
    left = nodes["left_child"]
    _check_children(left, nodes["right_child"], left != -1, nodes["feature"], tree.n_features)


def _check_predictor(predictor: Any) -> None:
    nodes = predictor.nodes
    _require(nodes.ndim == 1 and len(nodes) >= 1, "a tree has no nodes")
    inner = nodes["is_leaf"] == 0
    _check_children(nodes["left"], nodes["right"], inner, nodes["feature_idx"], 2**31)
    bitsets = predictor.raw_left_cat_bitsets
    _require(bitsets.ndim == 2 and bitsets.shape[1] == 8, "a tree's categories are malformed")
    by_category = inner & (nodes["is_categorical"] != 0)
    _require((nodes["bitset_idx"][by_category] < len(bitsets)).all(), "a tree's categories are out of bounds")


def _check_boosting(booster: Any) -> None:
    for stage in booster._predictors:
        for predictor in stage:
            used = predictor.nodes["feature_idx"][predictor.nodes["is_leaf"] == 0]
            _require((used < booster.n_features_in_).all(), "a tree looks at columns that do not exist")


def _check_ensemble(ensemble: Any) -> None:
    """Members are called without checks of their own: each must expect the columns that it will be given."""
    members = list(np.ravel(np.asarray(getattr(ensemble, "estimators_", []), dtype=object)))
    chosen = getattr(ensemble, "estimators_features_", None)
    _require(chosen is None or len(chosen) == len(members), "an ensemble's columns are incomplete")
    for index, member in enumerate(members):
        given = ensemble.n_features_in_ if chosen is None else len(chosen[index])
        _require(getattr(member, "n_features_in_", given) == given, "a tree expects other columns than its ensemble")


def _check_neighbours(tree: Any) -> None:
    state = tree.__getstate__()
    data, index, nodes, bounds, levels, count = state[0], state[1], state[2], state[3], state[5], state[6]
    _require(data.ndim == 2 and len(data) >= 1 and index.shape == (len(data),), "a neighbour index is incomplete")
    _require(((index >= 0) & (index < len(data))).all(), "a neighbour index is out of bounds")
    _require(len(nodes) == count == 2**levels - 1 >= 1, "a neighbour index has a wrong number of nodes")
    start, end = nodes["idx_start"], nodes["idx_end"]
    _require(((start >= 0) & (start <= end) & (end <= len(data))).all(), "a neighbour index is out of bounds")
    _require((nodes["is_leaf"][count // 2 :] != 0).all(), "a neighbour index leads out of its nodes")
    _require(bounds.ndim == 3 and bounds.shape[1:] == (count, data.shape[1]), "a neighbour index has wrong bounds")


def _check_svm(machine: Any) -> None:
    vectors = machine.support_vectors_
    count = vectors.shape[0]
    per_class = np.asarray(machine._n_support)
    rows = max(1, len(per_class) - 1) if hasattr(machine, "classes_") else 1
    pairs = rows * (rows + 1) // 2
    _require((per_class >= 0).all(), "a support vector machine is malformed")
    if hasattr(machine, "classes_"):
        _require(per_class.sum() == count, "a support vector machine counts vectors that it does not have")
        _require(len(per_class) == len(machine.classes_), "a support vector machine has wrong classes")
    _require(vectors.ndim == 2 and vectors.shape[1] == machine.n_features_in_, "support vectors have wrong columns")
    _require(machine._dual_coef_.shape == (rows, count), "a support vector machine has wrong coefficients")
    _require(len(machine.support_) == count, "a support vector machine has wrong indices")
    _require(len(machine._intercept_) == pairs, "a support vector machine has wrong intercepts")
    for name in ("_probA", "_probB"):
        _require(len(getattr(machine, name)) in (0, pairs), "a support vector machine has wrong probabilities")
