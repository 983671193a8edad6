"""Saving a fitted scikit-learn estimator as a folder that Lab can serve. Imported only when a model is saved.

The folder holds `model.skops`, `signature.json`, `golden.jsonl`, `profile.json` and `requirements.txt`; where they
answer alike also `forest.npz`, and `model.onnx` if the converter is installed. Their formats are with `save`.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from warnings import catch_warnings, simplefilter

import numpy as np
import skops.io
from sklearn.base import is_classifier, is_regressor

from lab.runtime import flat_forest, onnx_twin, reference, skops_files, tabular
from lab.runtime.atomic import write_json
from lab.runtime.tabular import Example, Typed

NO_PII: Mapping[str, str] = {}
_PINNED = ("scikit-learn", "skops", "numpy", "scipy", "joblib", "threadpoolctl")
#: What estimators raise at input of a shape or type that they do not take.
_MISFITS = (ValueError, TypeError, IndexError, KeyError, AttributeError)


def save(
    model: Any, folder: Path, *, example: Any, framework: str | None, labels: Any, pii: Mapping[str, str] = NO_PII
) -> list[str]:
    """Write `model` into the empty `folder`. Returns warnings: what will keep it from being served, or checked.

    `signature.json`: `{v, framework, task, kind, inputs: [{name, dtype, min?, max?, categories?, nullable?, pii?}],
    outputs: [{name, dtype, width?}], classes, labels, python, file, sha256, onnx?, forest?: {file, sha256, of}}`,
    `kind` being how the model takes its input (`lab.runtime.tabular`). `golden.jsonl`: `{"data": row, "prediction": …,
    "probabilities": […]?}` a line. `profile.json`: `lab.runtime.profile`. `pii` names personal columns, each to be
    kept as `hash` or `drop` where requests are captured; nothing of their values is in signature or profile.
    Raises TypeError for an object that is no estimator, ValueError for another framework than `sklearn`.
    """
    if framework not in (None, "sklearn"):
        raise ValueError(f"cannot save objects of the framework {framework!r}: give track.model its files")
    if not hasattr(model, "predict"):
        raise TypeError(f"a {type(model).__name__} has no predict: give track.model an estimator, a file or a folder")
    warnings: list[str] = []
    data = skops.io.dumps(model)
    refused = skops_files.refused_types(data)
    if refused:
        warnings.append(f"serving will refuse this model: it holds {', '.join(refused)[:300]}")
    (folder / "model.skops").write_bytes(data)
    signature: dict[str, Any] = {
        "v": 1,
        "framework": "sklearn",
        "task": _task(model),
        "kind": tabular.ARRAY,
        "inputs": _unseen_inputs(model),
        "outputs": [],
        "classes": reference.plain(getattr(model, "classes_", [])),
        "labels": _labels(labels),
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "file": "model.skops",
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    if example is None:
        warnings.append("without example= the server cannot check column types, nor that it predicts alike")
    else:
        try:
            signature |= _describe(model, example, folder, pii)
            for name in signature.keys() & {"onnx", "forest"}:
                signature[name]["of"] = signature["sha256"]
        except _MISFITS as error:  # a trained model is worth keeping all the same
            warnings.append(f"saved, but its example= could not be used: {error}")
    extra: tuple[str, ...] = (signature["kind"],) if signature["kind"] in (tabular.PANDAS, tabular.POLARS) else ()
    extra += onnx_twin.RUNTIME if "onnx" in signature else ()
    (folder / "requirements.txt").write_text(_requirements(extra), encoding="utf-8")
    write_json(folder / "signature.json", signature)
    return warnings


def _describe(model: Any, example: Any, folder: Path, pii: Mapping[str, str]) -> dict[str, Any]:
    """Write golden rows and the profile; return what the example tells for the signature. Raises one of _MISFITS."""
    rows = tabular.example_of(example, _names(model), _features(model))
    golden = reference.golden_rows(rows.rows)
    inputs = tabular.describe(rows, pii)
    with catch_warnings():
        simplefilter("ignore")  # arrays are tried on models fitted on frames, on purpose
        columns = tabular.typed(inputs)
        kind = _kind(model, rows, columns, golden, example)
        outputs = _predict(model, tabular.build(kind, columns, golden))
        whole = _predict(model, tabular.build(kind, columns, rows.rows))
        twins = _twins(model, folder, rows.rows, whole) if kind == tabular.ARRAY else {}
    reference.write(folder, inputs, rows.rows, golden, outputs, whole)
    about = {"kind": kind, "inputs": inputs, "outputs": reference.describe_outputs(outputs)}
    return about | twins


def _twins(model: Any, folder: Path, rows: list[list[Any]], whole: tuple[Any, Any]) -> dict[str, dict[str, str]]:
    """Write other forms of the model that answer the example as it does; for the signature, by name."""
    twins: dict[str, dict[str, str]] = {}
    if flat_forest.suits(model):
        forest = flat_forest.flatten(model)
        if flat_forest.agrees(forest, getattr(model, "classes_", None), rows, whole):
            data = flat_forest.to_bytes(forest)
            (folder / flat_forest.FILE).write_bytes(data)
            twins["forest"] = {"file": flat_forest.FILE, "sha256": hashlib.sha256(data).hexdigest()}
    converted = onnx_twin.write(model, folder, rows, whole)
    if converted:
        twins["onnx"] = converted
    return twins


def _task(model: Any) -> str:
    if not hasattr(model, "__sklearn_tags__"):
        return "other"
    return "classification" if is_classifier(model) else "regression" if is_regressor(model) else "other"


def _names(model: Any) -> tuple[str, ...]:
    return tuple(str(name) for name in getattr(model, "feature_names_in_", ()))


def _features(model: Any) -> int:
    return int(getattr(model, "n_features_in_", 0))


def _unseen_inputs(model: Any) -> list[dict[str, Any]]:
    names = _names(model) or tuple(f"x{index}" for index in range(_features(model)))
    return [{"name": name, "dtype": "float64"} for name in names]


def _kind(model: Any, example: Example, columns: list[Typed], golden: list[list[Any]], original: Any) -> str:
    """The plainest input that the model takes and answers as it does to the example itself."""
    numeric = all(isinstance(value, (int, float)) or value is None for row in example.rows for value in row)
    plain = tabular.ARRAY if numeric else tabular.OBJECTS
    frames = (
        [example.frame] if example.frame else [kind for kind in (tabular.PANDAS, tabular.POLARS) if kind in sys.modules]
    )
    wanted = model.predict(original) if example.frame else None
    problem: Exception | None = None
    for kind in [plain, *frames]:
        try:
            answer = model.predict(tabular.build(kind, columns, example.rows if wanted is not None else golden))
        except _MISFITS as error:
            problem = problem or error
            continue
        if wanted is None or tabular.same(answer, wanted):
            return kind
    raise ValueError(f"the model does not predict the example: {problem or 'its answers vary with the input type'}")


def _predict(model: Any, table: Any) -> tuple[Any, Any]:
    """(predictions, probabilities or None)."""
    predictions = np.asarray(model.predict(table))
    probabilities = model.predict_proba(table) if hasattr(model, "predict_proba") else None
    return predictions, None if isinstance(probabilities, list) else probabilities


def _labels(labels: Any) -> list[str]:
    return [] if labels is None else [str(label) for label in labels]


def _requirements(extra: Sequence[str]) -> str:
    """Exact versions of what opens and runs the model."""
    lines = []
    for name in (*_PINNED, *extra):
        try:
            lines.append(f"{name}=={version(name)}\n")
        except PackageNotFoundError:
            continue
    return "".join(lines)
