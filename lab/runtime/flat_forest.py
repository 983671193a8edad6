"""A forest of scikit-learn's as a few arrays, asked without scikit-learn, to the same bit. Needs numpy.

All trees are walked at once, a level at a time. A server that has only numpy starts in a fraction of the time and of
the memory, and answers one row faster than a hundred calls of compiled code do.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

FILE = "forest.npz"

_CLASSIFIERS = ("RandomForestClassifier", "ExtraTreesClassifier")
_REGRESSORS = ("RandomForestRegressor", "ExtraTreesRegressor")
_MODULE = "sklearn.ensemble._forest"
#: Larger forests would cost too much room twice.
MAX_NODES = 1_000_000
#: So many rows are walked at once, so that what is looked at stays near the processor.
_ROWS = 256


class MalformedError(ValueError):
    """The arrays are not those of a forest."""


@dataclass(frozen=True)
class FlatForest:
    """Nodes of all trees in one row; a leaf is its own child.

    `roots` (trees,) are nodes; `children` (2 × nodes,) holds for node i at 2i where values up to the threshold go and
    at 2i + 1 where others do; `missing` (nodes,) is 0 or 1, the side of missing values; `values` (nodes, width) are the
    classes' shares, or the value.
    """

    roots: Any
    children: Any
    feature: Any
    threshold: Any
    missing: Any
    values: Any
    depth: int
    features: int

    def sums(self, table: Any) -> Any:
        """(rows, width): what the trees say, each in its turn added up, divided by their number.

        `table` is (rows, features), numbers. Raises ValueError for infinities, also those of single precision.
        """
        rows = np.asarray(table).astype(np.float32)
        if np.isinf(rows).any():
            raise ValueError("the rows hold infinities, or values too large for single precision")
        return np.concatenate([self._sums(rows[start : start + _ROWS]) for start in range(0, len(rows), _ROWS)])

    def _sums(self, rows: Any) -> Any:
        places = np.repeat(self.roots, len(rows))
        offsets = np.tile(np.arange(len(rows)) * self.features, len(self.roots))
        flat = rows.ravel().astype(np.float64)
        gaps = np.isnan(flat).any()
        for _ in range(self.depth):
            given = flat.take(self.feature.take(places) + offsets)
            side = given > self.threshold.take(places)
            if gaps:
                side = np.where(np.isnan(given), self.missing.take(places), side)
            places = self.children.take(2 * places + side)
        shares = self.values.take(places, axis=0).reshape(len(self.roots), len(rows), -1)
        # Accumulated and not reduced: the order of additions is the forest's own, and so is every bit.
        return np.add.accumulate(shares, axis=0)[-1] / len(self.roots)


def suits(model: Any) -> bool:
    """Whether `model` is a forest with one output and not too large, and nothing derived from one."""
    kind = type(model)
    return (
        kind.__module__ == _MODULE
        and kind.__name__ in (*_CLASSIFIERS, *_REGRESSORS)
        and getattr(model, "n_outputs_", 0) == 1
        and sum(estimator.tree_.node_count for estimator in model.estimators_) <= MAX_NODES
    )


def flatten(model: Any) -> FlatForest:
    """The arrays of a fitted forest that `suits`."""
    trees = [estimator.tree_ for estimator in model.estimators_]
    sizes = [tree.node_count for tree in trees]
    starts = np.concatenate([[0], np.cumsum(sizes)])[:-1].astype(np.int64)
    parts = [_tree(tree, start) for tree, start in zip(trees, starts.tolist(), strict=True)]
    children, feature, threshold, missing, values = (np.concatenate(part) for part in zip(*parts, strict=True))
    depth = max(tree.max_depth for tree in trees)
    return FlatForest(starts, children, feature, threshold, missing, values, int(depth), int(model.n_features_in_))


def _tree(tree: Any, start: int) -> tuple[Any, ...]:
    own = np.arange(tree.node_count, dtype=np.int64)
    leaf = tree.children_left == -1
    sides = [np.where(leaf, own, side) + start for side in (tree.children_left, tree.children_right)]
    return (
        np.column_stack(sides).astype(np.int64).ravel(),
        np.where(leaf, 0, tree.feature).astype(np.int64),
        tree.threshold.astype(np.float64),
        1 - tree.missing_go_to_left.astype(np.int64),
        tree.value[:, 0, :].astype(np.float64),
    )


def to_bytes(forest: FlatForest) -> bytes:
    file = io.BytesIO()
    arrays: dict[str, Any] = {name: np.asarray(getattr(forest, name)) for name in FlatForest.__dataclass_fields__}
    np.savez(file, **arrays)
    return file.getvalue()


def from_bytes(data: bytes) -> FlatForest:
    """Raises MalformedError for arrays that lead out of each other, OSError, ValueError, BadZipFile for other files."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > len(data):
            raise MalformedError("the file unpacks to more than its size")
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        given = {name: arrays[name] for name in FlatForest.__dataclass_fields__ if name in arrays}
    if len(given) != len(FlatForest.__dataclass_fields__):
        raise MalformedError("arrays are missing")
    _check(given)
    return FlatForest(**{**given, "depth": int(given["depth"]), "features": int(given["features"])})


def _check(given: Mapping[str, Any]) -> None:
    nodes, roots, children, feature = len(given["feature"]), given["roots"], given["children"], given["feature"]
    shapes = {"children": (2 * nodes,), "threshold": (nodes,), "missing": (nodes,), "depth": (), "features": ()}
    whole = [given[name] for name in ("roots", "children", "feature", "missing", "depth", "features")]
    sound = (
        nodes > 0
        and roots.ndim == feature.ndim == 1
        and len(roots) > 0
        and all(given[name].shape == shape for name, shape in shapes.items())
        and given["values"].ndim == 2
        and len(given["values"]) == nodes
        and all(array.dtype == np.int64 for array in whole)
        and all(given[name].dtype == np.float64 for name in ("threshold", "values"))
    )
    if not sound:
        raise MalformedError("the arrays are not of one forest")
    _inside(roots, 0, nodes)
    _inside(children, 0, nodes)
    _inside(feature, 0, max(1, int(given["features"])))
    _inside(given["missing"], 0, 2)
    _inside(given["depth"], 0, nodes + 1)


def _inside(array: Any, low: int, high: int) -> None:
    if not ((array >= low) & (array < high)).all():
        raise MalformedError("an index leads out of the forest")


def agrees(forest: FlatForest, classes: Any, rows: Sequence[Sequence[Any]], outputs: tuple[Any, Any]) -> bool:
    """Whether the forest answers `rows` as `outputs` (predictions, probabilities or None) say, to the bit."""
    predictions, probabilities = outputs
    sums = forest.sums(np.array(rows, dtype=np.float64))
    if probabilities is None:
        return bool(np.array_equal(sums[:, 0], predictions))
    chosen = np.asarray(classes).take(np.argmax(sums, axis=1))
    return bool(np.array_equal(sums, probabilities) and np.array_equal(chosen, predictions))
