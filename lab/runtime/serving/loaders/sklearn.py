"""scikit-learn models in skops files: by scikit-learn itself, by tree, as a flat forest, or as ONNX."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from functools import cache, partial
from importlib import import_module
from typing import Any

import numpy as np

from lab.runtime import flat_forest, tabular
from lab.runtime.serving.compute import Output, Predict, Way
from lab.runtime.serving.errors import LoadError
from lab.runtime.serving.files import read_checked
from lab.runtime.serving.loaders import Files
from lab.runtime.serving.loaders.onnx import open_session
from lab.runtime.serving.signature import Row, Signature, Twin
from lab.runtime.tabular import Typed


def ways(files: Files) -> Iterator[Way]:
    """Twins first: where one is right and fast, scikit-learn need not even be imported."""
    signature = files.signature
    if signature.onnx is not None and signature.onnx.of == files.digest:
        yield Way("onnx", partial(_by_onnx, files, signature.onnx), own=False)
    if signature.forest is not None and signature.forest.of == files.digest:
        yield Way("forest", partial(_by_forest, files, signature.forest), own=False, exact=True)
    opened = cache(partial(open_estimator, files.data))
    yield Way("sklearn", lambda: _by_estimator(opened(), signature))
    forest = import_module("lab.runtime.serving.forest")
    if signature.kind == tabular.ARRAY and forest.suits(opened()):
        yield Way("trees", lambda: _by_trees(forest.direct(opened()), signature), own=False, exact=True)


def open_estimator(data: bytes) -> Any:
    """The estimator in a skops file. Raises LoadError if it is refused, or none."""
    skops_files = import_module("lab.runtime.skops_files")
    try:
        estimator = skops_files.load(data)
    except skops_files.RefusedModelError as error:
        raise LoadError(str(error)) from error
    except Exception as error:  # a file from outside may break its reader in any way
        raise LoadError(f"the model file cannot be opened ({type(error).__name__})") from error
    if not hasattr(estimator, "predict"):
        raise LoadError("the model file holds no estimator")
    _single_threaded(estimator)
    gc.collect()  # the file's parsed form is several times as large as the model
    return estimator


def _single_threaded(estimator: Any) -> None:
    """Requests are the parallelism here; a pool per call costs more than it brings."""
    if not hasattr(estimator, "get_params"):
        return
    for name in estimator.get_params(deep=True):
        if name == "n_jobs" or name.endswith("__n_jobs"):
            estimator.set_params(**{name: None})


def _by_onnx(files: Files, twin: Twin) -> Predict:
    """The twin answers anything; rows that scikit-learn would refuse in single precision are refused for it."""
    ask = open_session(read_checked(files.folder, twin.file, twin.sha256), files.signature)
    strict = [index for index, column in enumerate(files.signature.columns) if not column.nullable]

    def predict(rows: list[Row]) -> Output:
        table = np.array(rows, dtype=np.float32)
        if not np.isfinite(table).all() and (np.isinf(table).any() or np.isnan(table[:, strict]).any()):
            raise ValueError("the model does not take values that are missing or too large")
        return ask(table)

    return predict


def _by_forest(files: Files, twin: Twin) -> Predict:
    forest = flat_forest.from_bytes(read_checked(files.folder, twin.file, twin.sha256))
    signature = files.signature
    width, columns = forest.values.shape[1], len(signature.columns)
    classes = np.array(signature.classes) if signature.classes else None
    if columns != forest.features or width != (1 if classes is None else len(classes)):
        raise LoadError("the forest is not the one that the signature describes")

    def predict(rows: list[Row]) -> Output:
        sums = forest.sums(np.array(rows, dtype=np.float64))
        if classes is None:
            return Output(sums[:, 0])
        return Output(classes.take(np.argmax(sums, axis=1)), sums)

    return predict


def _by_estimator(estimator: Any, signature: Signature) -> Predict:
    has_probabilities = hasattr(estimator, "predict_proba")
    by_probability = has_probabilities and _is_forest(estimator)

    def predict(rows: list[Row]) -> Output:
        table = tabular.build(signature.kind, _columns(signature, rows), rows)
        if by_probability:
            chances = estimator.predict_proba(table)
            return Output(estimator.classes_.take(np.argmax(chances, axis=1)), np.ascontiguousarray(chances))
        predictions = np.asarray(estimator.predict(table))
        chances = estimator.predict_proba(table) if has_probabilities else None
        if chances is None or isinstance(chances, list):
            return Output(predictions)
        return Output(predictions, np.ascontiguousarray(chances))

    return predict


def _is_forest(estimator: Any) -> bool:
    """A forest's predict is by definition the class of its highest predict_proba: one walk answers both."""
    last = estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator
    forests = import_module("sklearn.ensemble._forest")
    return isinstance(last, forests.ForestClassifier) and getattr(last, "n_outputs_", 0) == 1


def _by_trees(direct: Any, signature: Signature) -> Predict:
    return lambda rows: direct(tabular.build(signature.kind, _columns(signature, rows), rows))


def _columns(signature: Signature, rows: list[Row]) -> list[Typed]:
    known = [Typed(column.name, column.dtype, column.nullable) for column in signature.columns]
    return known or [Typed(f"x{index}", "float64") for index in range(len(rows[0]))]
