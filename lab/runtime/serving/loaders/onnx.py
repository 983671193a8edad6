"""ONNX models, by onnxruntime on one thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from lab.runtime.serving.compute import Output, Predict, Way
from lab.runtime.serving.errors import LoadError
from lab.runtime.serving.loaders import Files
from lab.runtime.serving.signature import Signature

_DTYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(bool)": np.bool_,
    "tensor(string)": object,
}
_QUIET = 3  # errors only


def ways(files: Files) -> Iterator[Way]:
    yield Way("onnx", partial(_open, files))


def _open(files: Files) -> Predict:
    try:
        return open_session(files.data, files.signature)
    except ImportError as error:
        raise LoadError("onnxruntime is not installed: add it to the model's requirements.txt") from error
    except LoadError:
        raise
    except Exception as error:  # a file from outside may break its reader in any way
        raise LoadError(f"the model file cannot be opened ({type(error).__name__})") from error


def open_session(data: bytes, signature: Signature) -> Callable[[Any], Output]:
    """A function of rows (or of an array of the same) that asks the graph in `data`.

    The graph takes one matrix, or one input of shape (n, 1) for each column.
    Its first output is the prediction; a second one, of one number for each class, the probabilities. Raises
    ImportError without onnxruntime, LoadError for inputs of other kinds, and what onnxruntime raises.
    """
    runtime = import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = _QUIET
    session = runtime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    feed = _feed(session.get_inputs(), signature)
    flat = not any("width" in output for output in signature.outputs if output.get("name") == "predictions")

    def predict(rows: Any) -> Output:
        answers = session.run(names, feed(rows))
        predictions = np.asarray(answers[0])
        if flat and predictions.ndim == 2 and predictions.shape[1] == 1:
            predictions = predictions[:, 0]
        if predictions.dtype.kind == "f":
            predictions = predictions.astype(np.float64)
        return Output(predictions, _probabilities(answers[1], signature) if len(answers) > 1 else None)

    return predict


def _feed(inputs: Any, signature: Signature) -> Any:
    """A function from rows to what `session.run` takes."""
    for given in inputs:
        if given.type not in _DTYPES:
            raise LoadError(f"the model takes inputs of a kind that cannot be served ({given.type[:60]})")
    if len(inputs) == 1 and (len(signature.columns) != 1 or inputs[0].name not in signature.names):
        name, dtype = inputs[0].name, _DTYPES[inputs[0].type]
        return lambda rows: {name: np.asarray(rows, dtype=dtype)}
    if {given.name for given in inputs} != set(signature.names):
        raise LoadError("the model's inputs are not the columns of its signature")
    places = [(given.name, signature.names.index(given.name), _DTYPES[given.type]) for given in inputs]
    return lambda rows: {
        name: np.array([row[place] for row in rows], dtype=dtype).reshape(-1, 1) for name, place, dtype in places
    }


def _probabilities(answer: Any, signature: Signature) -> Any | None:
    """As an array (rows, classes); converters also write them as a list of {class: probability}."""
    if isinstance(answer, list) and answer and isinstance(answer[0], dict):
        classes = [key for key in signature.classes if key in answer[0]] or sorted(answer[0])
        return np.array([[row[key] for key in classes] for row in answer], dtype=np.float64)
    array = np.asarray(answer)
    return array.astype(np.float64) if array.ndim == 2 and array.dtype.kind == "f" else None
