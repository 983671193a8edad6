"""The model itself: verified, opened, tried, and measured before it serves. Imports scikit-learn: loaded late."""

from __future__ import annotations

import gc
import hashlib
import hmac
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from sklearn.ensemble._forest import ForestClassifier
from sklearn.pipeline import Pipeline

from lab.runtime import skops_files, tabular
from lab.runtime.serving.errors import LoadError
from lab.runtime.serving.signature import Row, Signature

#: A model that answers one row faster than this is called in place; others share one thread.
INLINE_SECONDS = 0.0001
#: The longest that calling in place may hold up everyone else.
INLINE_CALL_SECONDS = 0.001
_MEASURED_ROWS = 64


@dataclass(frozen=True)
class Output:
    """One entry of each array per row; `probabilities` in the order of the signature's classes."""

    predictions: Any
    probabilities: Any | None = None

    def part(self, start: int, stop: int) -> Output:
        chances = None if self.probabilities is None else self.probabilities[start:stop]
        return Output(self.predictions[start:stop], chances)


@dataclass(frozen=True)
class Cost:
    """Seconds that a call takes, and each row of it besides."""

    call: float
    row: float

    def inline(self, rows: int) -> bool:
        """Whether to call in place rather than on the batch thread."""
        return self.call + self.row < INLINE_SECONDS and self.call + self.row * rows < INLINE_CALL_SECONDS


class ServedModel:
    """A scikit-learn model behind its signature. `predict` may be called from any thread."""

    def __init__(self, estimator: Any, signature: Signature) -> None:
        self.signature = signature
        self.cost = Cost(1.0, 0.0)
        self._estimator = estimator
        self._has_probabilities = hasattr(estimator, "predict_proba")
        last = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
        # A forest's predict is by definition the class of its highest predict_proba: one walk answers both.
        self._by_probability = isinstance(last, ForestClassifier) and getattr(last, "n_outputs_", 0) == 1

    def predict(self, rows: list[Row]) -> Output:
        """Predictions for `rows`, checked by the signature before. Raises whatever the model raises."""
        table = tabular.build(self.signature.kind, self._names(rows), rows)
        if self._by_probability:
            chances = self._estimator.predict_proba(table)
            return Output(self._estimator.classes_.take(np.argmax(chances, axis=1)), np.ascontiguousarray(chances))
        predictions = np.asarray(self._estimator.predict(table))
        chances = self._estimator.predict_proba(table) if self._has_probabilities else None
        if chances is None or isinstance(chances, list):
            return Output(predictions)
        return Output(predictions, np.ascontiguousarray(chances))

    def _names(self, rows: list[Row]) -> tuple[str, ...]:
        return self.signature.names or tuple(f"x{index}" for index in range(len(rows[0])))

    def measure(self, rows: list[Row]) -> None:
        """Set `cost` from the best of a few calls with one row and with many."""
        one, many = [rows[0]], [rows[index % len(rows)] for index in range(_MEASURED_ROWS)]
        single, batch = self._best(one), self._best(many)
        per_row = max(0.0, (batch - single) / (_MEASURED_ROWS - 1))
        self.cost = Cost(max(0.0, single - per_row), per_row)

    def _best(self, rows: list[Row], tries: int = 5) -> float:
        best = float("inf")
        for _ in range(tries):
            begin = time.perf_counter()
            self.predict(rows)
            best = min(best, time.perf_counter() - begin)
        return best


def load(folder: Path, sha256: str) -> ServedModel:
    """Open the model in `folder` if its file has the digest `sha256` ("": as its signature says), and try it.

    Raises LoadError if the digest differs, the file is refused, or a golden row is not predicted as it was in training.
    """
    warnings.simplefilter("ignore")  # per call they cost more than a small model does
    signature = _signature(folder)
    data = _read(folder, signature.file)
    wanted = sha256 or signature.sha256
    if not wanted:
        raise LoadError("nothing says what the model file's sha256 should be")
    if not hmac.compare_digest(hashlib.sha256(data).hexdigest().encode(), wanted.encode("utf-8", "replace")):
        raise LoadError("the model file's sha256 is not the expected one")
    try:
        estimator = skops_files.load(data)
    except skops_files.RefusedModelError as error:
        raise LoadError(str(error)) from error
    except Exception as error:  # a file from outside may break its reader in any way
        raise LoadError(f"the model file cannot be opened ({type(error).__name__})") from error
    if not hasattr(estimator, "predict"):
        raise LoadError("the model file holds no estimator")
    _single_threaded(estimator)
    model = ServedModel(estimator, signature)
    golden = _golden(folder)
    _try(model, golden)
    gc.collect()
    gc.freeze()  # the model never dies: later collections need not look at it
    return model


def _signature(folder: Path) -> Signature:
    try:
        signature = Signature.from_json(orjson.loads((folder / "signature.json").read_bytes()))
    except FileNotFoundError as error:
        raise LoadError("the model folder has no signature.json") from error
    except (OSError, ValueError) as error:
        raise LoadError(f"signature.json cannot be read: {error}") from error
    if signature.framework != "sklearn":
        raise LoadError(f"no server for models of the framework {signature.framework[:40]!r}")
    return signature


def _read(folder: Path, name: str) -> bytes:
    if not name or Path(name).name != name:
        raise LoadError("signature.json names no file of the model folder")
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise LoadError(f"the model file cannot be read ({error.strerror})") from error


def _golden(folder: Path) -> list[dict[str, Any]]:
    try:
        lines = (folder / "golden.jsonl").read_bytes().splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise LoadError(f"golden.jsonl cannot be read ({error.strerror})") from error
    try:
        return [orjson.loads(line) for line in lines if line]
    except ValueError as error:
        raise LoadError("golden.jsonl is damaged") from error


def _single_threaded(estimator: Any) -> None:
    """Requests are the parallelism here; a pool per call costs more than it brings."""
    if not hasattr(estimator, "get_params"):
        return
    for name in estimator.get_params(deep=True):
        if name == "n_jobs" or name.endswith("__n_jobs"):
            estimator.set_params(**{name: None})


def _try(model: ServedModel, golden: list[dict[str, Any]]) -> None:
    """Predict the golden rows and compare; then measure with them."""
    if not golden:
        return
    try:
        rows = [list(line["data"]) for line in golden]
        output = model.predict(rows)
        wanted = Output([line["prediction"] for line in golden], [line.get("probabilities") for line in golden])
        alike = tabular.same(output.predictions, wanted.predictions)
        if alike and output.probabilities is not None:
            alike = tabular.same(output.probabilities, wanted.probabilities)
        if alike:
            model.measure(rows)
    except Exception as error:  # the model's own code, on rows from a file
        raise LoadError(f"the model cannot predict its golden rows ({type(error).__name__})") from error
    if not alike:
        raise LoadError("the model does not predict its golden rows as it did in training")
