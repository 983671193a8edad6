"""A scikit-learn model's twin in ONNX, kept only where it answers as the model does. Imported when a model is saved.

The converter (skl2onnx) and the runtime (onnxruntime) are optional: without both there is no twin, and nothing else
changes. The twin computes in single precision.
"""

from __future__ import annotations

import hashlib
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from lab.runtime import tabular

FILE = "model.onnx"
#: What a server needs to ask it.
RUNTIME = ("onnxruntime",)

_NEEDED = ("skl2onnx", "onnxruntime")
_RTOL, _ATOL = 1e-4, 1e-5
_QUIET = 3  # errors only


def write(model: Any, folder: Path, rows: list[list[Any]], outputs: tuple[Any, Any]) -> dict[str, str] | None:
    """Convert `model` to `model.onnx` in `folder` if the twin predicts all `rows` (n × columns, numbers) as it does.

    `outputs` are the model's own predictions of shape (n,) or (n, k) and probabilities of shape (n, classes) or None.
    Returns the twin's file and sha256 for the signature; None when there is none, or none that agrees.
    """
    if any(find_spec(name) is None for name in _NEEDED):
        return None
    try:
        data = _convert(model, len(rows[0]))
        agrees = _agrees(data, rows, outputs)
    except Exception as error:  # a converter raises what it likes for what it cannot convert  # noqa: BLE001
        sys.stdout.write(f"model  no ONNX twin: {type(error).__name__}\n")
        return None
    if not agrees:
        sys.stdout.write("model  no ONNX twin: it does not predict the example alike\n")
        return None
    (folder / FILE).write_bytes(data)
    return {"file": FILE, "sha256": hashlib.sha256(data).hexdigest()}


def _convert(model: Any, columns: int) -> bytes:
    types = import_module("skl2onnx.common.data_types")
    options = {id(model): {"zipmap": False}} if hasattr(model, "predict_proba") else None
    initial = [("input", types.FloatTensorType([None, columns]))]
    graph = import_module("skl2onnx").convert_sklearn(model, initial_types=initial, options=options)
    data: bytes = graph.SerializeToString()
    return data


def _agrees(data: bytes, rows: list[list[Any]], outputs: tuple[Any, Any]) -> bool:
    runtime = import_module("onnxruntime")
    settings = runtime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    settings.log_severity_level = _QUIET
    session = runtime.InferenceSession(data, settings, providers=["CPUExecutionProvider"])
    answers = session.run(None, {"input": np.array(rows, dtype=np.float32)})
    predictions, probabilities = outputs
    own = np.asarray(answers[0]).reshape(np.shape(predictions))
    if not tabular.same(own, predictions, _RTOL, _ATOL):
        return False
    if probabilities is None:
        return len(answers) == 1
    return len(answers) == 2 and tabular.same(answers[1], probabilities, _RTOL, _ATOL)
