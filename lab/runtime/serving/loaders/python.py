"""Any model with a `predict.py`: `load(folder) -> model` and `predict(model, rows) -> answers`.

`rows` are objects `{column: value}` where the signature names columns, else lists of values. The answers are one
prediction per row (a list or an array), or `{"predictions": …, "probabilities": …}`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType
from typing import Any

import numpy as np

from lab.runtime.serving.compute import Output, Predict, Way
from lab.runtime.serving.errors import LoadError
from lab.runtime.serving.loaders import Files
from lab.runtime.serving.signature import Row

FILE = "predict.py"


def ways(files: Files) -> Iterator[Way]:
    yield Way("python", partial(_open, files))


def _open(files: Files) -> Predict:
    module = _module(files)
    for name in ("load", "predict"):
        if not callable(getattr(module, name, None)):
            raise LoadError(f"{FILE} has no function {name}")
    try:
        model = module.load(files.folder)
    except Exception as error:  # the model's own code
        raise LoadError(f"{FILE} cannot load its model ({type(error).__name__})") from error
    names = files.signature.names

    def predict(rows: list[Row]) -> Output:
        given = [dict(zip(names, row, strict=True)) for row in rows] if names else rows
        return _output(module.predict(model, given), len(rows))

    return predict


def _module(files: Files) -> ModuleType:
    """The module as its checked bytes say; what stands beside it may be imported by it."""
    sys.path.insert(0, str(files.folder))
    spec = spec_from_file_location("predict", files.folder / FILE)
    assert spec is not None
    module = module_from_spec(spec)
    sys.modules["predict"] = module
    try:
        exec(compile(files.data, FILE, "exec"), module.__dict__)
    except Exception as error:  # the model's own code
        raise LoadError(f"{FILE} cannot be imported ({type(error).__name__}: {error})") from error
    return module


def _output(answer: Any, rows: int) -> Output:
    chances = None
    if isinstance(answer, dict):
        answer, chances = answer["predictions"], answer.get("probabilities")
    predictions = np.asarray(answer)
    probabilities = None if chances is None else np.asarray(chances, dtype=np.float64)
    for array in (predictions, probabilities):
        if array is not None and (array.ndim == 0 or len(array) != rows):
            raise TypeError("predict returned another number of answers than rows")
    return Output(predictions, probabilities)
