"""Asking a model that is files as its server will, once, to know what it takes and gives. Needs numpy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lab.runtime import reference, tabular
from lab.runtime.serving.loaders import Files, loader_of
from lab.runtime.serving.signature import Signature


def run(folder: Path, about: Mapping[str, Any], example: Any, pii: Mapping[str, str]) -> dict[str, Any]:
    """Write golden rows and the profile; return inputs and outputs for the signature.

    Raises what the model raises, ValueError for an example that is none, LoadError for a model that cannot be opened.
    """
    given = tabular.example_of(example, (), 0)
    inputs = tabular.describe(given, pii)
    signature = Signature.from_json({**about, "inputs": inputs})
    files = Files(folder, signature, (folder / signature.file).read_bytes())
    predict = next(way for way in loader_of(signature.framework).ways(files) if way.own).open()
    rows = [[None if value != value else value for value in row] for row in given.rows]
    golden = reference.golden_rows(rows)
    answer, whole = predict(golden), predict(rows)
    outputs = (np.asarray(answer.predictions), answer.probabilities)
    reference.write(folder, inputs, rows, golden, outputs, (whole.predictions, whole.probabilities))
    return {"inputs": inputs, "outputs": reference.describe_outputs(outputs)}
