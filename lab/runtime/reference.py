"""What a model was like when it was saved: rows to predict alike, and the profile for drift. Needs numpy."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lab.runtime import profile
from lab.runtime.atomic import write_json

GOLDEN_ROWS = 20
GOLDEN_FILE = "golden.jsonl"

Row = list[Any]
#: (predictions of shape (n,) or (n, k), probabilities of shape (n, classes) or None)
Outputs = tuple[Any, Any]


def golden_rows(rows: list[Row]) -> list[Row]:
    """Up to GOLDEN_ROWS rows, evenly spaced, so that sorted examples show more than their beginning."""
    count = min(GOLDEN_ROWS, len(rows))
    return [rows[index * len(rows) // count] for index in range(count)]


def write(
    folder: Path,
    inputs: Sequence[Mapping[str, Any]],
    rows: list[Row],
    golden: list[Row],
    answers: Outputs,
    whole: Outputs,
) -> None:
    """Write `golden.jsonl`, of the golden rows and their `answers`, and `profile.json`, of all rows and `whole`."""
    lines = golden_lines(golden, answers)
    (folder / GOLDEN_FILE).write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    write_json(folder / profile.FILE, profile.build(inputs, rows, whole))


def describe_outputs(outputs: Outputs) -> list[dict[str, Any]]:
    """The signature's outputs."""
    predictions, probabilities = outputs
    about: dict[str, Any] = {"name": "predictions", "dtype": _dtype(predictions.dtype)}
    if predictions.ndim > 1:
        about["width"] = predictions.shape[1]
    if probabilities is None:
        return [about]
    return [about, {"name": "probabilities", "dtype": "float64", "width": probabilities.shape[1]}]


def plain(value: Any) -> Any:
    """As JSON's own types."""
    return np.asarray(value).tolist()


def _dtype(dtype: Any) -> str:
    return {"b": "bool", "i": "int64", "u": "int64", "f": "float64"}.get(dtype.kind, "string")


def golden_lines(rows: list[Row], outputs: Outputs) -> list[dict[str, Any]]:
    """The lines of `golden.jsonl`: `{"data", "prediction", "probabilities"?}` of each row."""
    predictions, probabilities = outputs
    lines = []
    for index, row in enumerate(rows):
        line = {"data": [_nullable(value) for value in row], "prediction": plain(predictions[index])}
        if probabilities is not None:
            line["probabilities"] = plain(probabilities[index])
        lines.append(line)
    return lines


def _nullable(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value
