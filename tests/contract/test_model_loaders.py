"""What every framework's models must do in the server. A new framework is a function here that trains and saves one."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from lab.runtime import file_model, sklearn_model
from lab.runtime.serving.config import COUNT, Policies
from lab.runtime.serving.errors import LoadError
from lab.runtime.serving.loaders import LOADERS
from lab.runtime.serving.model import load

FLOWERS, KINDS = load_iris(return_X_y=True)
NAMES = ("sepal length", "sepal width", "petal length", "petal width")
LABELS = np.array(["setosa", "versicolor", "virginica"])
EXAMPLE = [dict(zip(NAMES, row, strict=True)) for row in FLOWERS.tolist()]

PREDICT_PY = """
import json
from pathlib import Path

import helper

NAMES = {names}

def load(folder):
    return json.loads((Path(folder) / "weights.json").read_text())

def predict(model, rows):
    scores = [helper.scores(model, [row[name] for name in NAMES]) for row in rows]
    return {{
        "predictions": [model["classes"][score.index(max(score))] for score in scores],
        "probabilities": [helper.softmax(score) for score in scores],
    }}
"""
HELPER_PY = """
from math import exp

def scores(model, row):
    return [sum(w * x for w, x in zip(ws, row)) + b for ws, b in zip(model["coef"], model["intercept"])]

def softmax(scores):
    powers = [exp(score - max(scores)) for score in scores]
    return [power / sum(powers) for power in powers]
"""


def _trained() -> LogisticRegression:
    return LogisticRegression(max_iter=500).fit(FLOWERS, LABELS[KINDS])


def save_sklearn(folder: Path) -> list[str]:
    return sklearn_model.save(_trained(), folder, example=EXAMPLE, framework=None, labels=None)


def save_onnx(folder: Path) -> list[str]:
    sklearn_model.save(_trained(), folder / "whole", example=EXAMPLE, framework=None, labels=None)
    shutil.move(folder / "whole" / "model.onnx", folder / "flowers.onnx")
    shutil.rmtree(folder / "whole")
    return file_model.describe(folder, example=EXAMPLE, framework=None, labels=None, pii={})


def save_python(folder: Path) -> list[str]:
    model = _trained()
    weights = {name: getattr(model, f"{name}_").tolist() for name in ("coef", "intercept", "classes")}
    (folder / "weights.json").write_text(json.dumps(weights))
    (folder / "predict.py").write_text(PREDICT_PY.format(names=NAMES))
    (folder / "helper.py").write_text(HELPER_PY)
    (folder / "requirements.txt").write_text(f"numpy=={np.__version__}\n")
    return file_model.describe(folder, example=EXAMPLE, framework=None, labels=None, pii={})


SAVERS: dict[str, Callable[[Path], list[str]]] = {"sklearn": save_sklearn, "onnx": save_onnx, "python": save_python}


@dataclass(frozen=True)
class Saved:
    framework: str
    folder: Path
    warnings: list[str]

    @property
    def file(self) -> Path:
        return self.folder / str(self.signature()["file"])

    def signature(self) -> dict[str, Any]:
        about: dict[str, Any] = json.loads((self.folder / "signature.json").read_text())
        return about

    def change(self, **fields: Any) -> None:
        (self.folder / "signature.json").write_text(json.dumps(self.signature() | fields))


@pytest.fixture(params=list(SAVERS))
def saved(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Saved]:
    folder = tmp_path / "model"
    folder.mkdir()
    if request.param == "onnx":
        (folder / "whole").mkdir()
    before, modules = list(sys.path), set(sys.modules)
    yield Saved(request.param, folder, SAVERS[request.param](folder))
    sys.path[:] = before
    for name in {"predict", "helper"} & (set(sys.modules) - modules):
        del sys.modules[name]


def test_every_framework_is_in_the_suite() -> None:
    assert set(SAVERS) == set(LOADERS)


def test_it_is_saved_with_all_that_serving_needs(saved: Saved) -> None:
    assert saved.warnings == []
    about = saved.signature()
    assert about["framework"] == saved.framework
    assert tuple(column["name"] for column in about["inputs"]) == NAMES
    assert about["outputs"] == [
        {"name": "predictions", "dtype": "string"},
        {"name": "probabilities", "dtype": "float64", "width": 3},
    ]
    assert about["sha256"] == hashlib.sha256(saved.file.read_bytes()).hexdigest()
    assert len((saved.folder / "golden.jsonl").read_text().splitlines()) == 20
    profile = json.loads((saved.folder / "profile.json").read_text())
    assert profile["outputs"]["categories"].keys() == set(LABELS)
    lines = (saved.folder / "requirements.txt").read_text().splitlines()
    assert all("==" in line for line in lines)
    assert any(line.startswith("numpy==") for line in lines)


def test_it_answers_as_the_model_does(saved: Saved) -> None:
    served = load(saved.folder, "")
    assert served.golden == 20
    assert served.choice.timings
    for rows in (FLOWERS[:1], FLOWERS):
        output = served.predict(rows.tolist())
        assert output.predictions.tolist() == _trained().predict(rows).tolist()
        assert np.allclose(output.probabilities, _trained().predict_proba(rows), atol=1e-5)
        part = output.part(0, 1)
        assert part.predictions.shape == (1,)
        assert part.probabilities.shape == (1, 3)


def test_it_may_be_asked_from_many_threads(saved: Saved) -> None:
    served = load(saved.folder, "")
    wanted = _trained().predict(FLOWERS).tolist()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda row: served.predict([row]).predictions.tolist(), FLOWERS.tolist()))
    assert [answer for (answer,) in answers] == wanted


def test_a_file_of_another_hash_is_not_opened(saved: Saved) -> None:
    with pytest.raises(LoadError, match="sha256"):
        load(saved.folder, "0" * 64)
    saved.file.write_bytes(saved.file.read_bytes() + b"\n")
    with pytest.raises(LoadError, match="sha256"):
        load(saved.folder, "")
    saved.change(sha256="")
    with pytest.raises(LoadError, match="sha256"):
        load(saved.folder, "")


def test_a_damaged_file_says_so(saved: Saved) -> None:
    saved.file.write_bytes(b"\x00 not a model")
    digest = hashlib.sha256(saved.file.read_bytes()).hexdigest()
    with pytest.raises(LoadError, match="cannot be"):
        load(saved.folder, digest)


def test_a_model_that_answers_otherwise_is_not_served(saved: Saved) -> None:
    golden = saved.folder / "golden.jsonl"
    golden.write_text(golden.read_text().replace("setosa", "virginica"))
    with pytest.raises(LoadError, match="golden rows"):
        load(saved.folder, "")


def test_it_is_served_without_golden_rows_and_profile(saved: Saved) -> None:
    (saved.folder / "golden.jsonl").unlink()
    (saved.folder / "profile.json").unlink()
    served = load(saved.folder, "")
    assert served.golden == 0
    assert served.predict(FLOWERS[:3].tolist()).predictions.tolist() == _trained().predict(FLOWERS[:3]).tolist()


def test_missing_values_do_not_become_numbers_in_silence(saved: Saved) -> None:
    served = load(saved.folder, "", Policies(missing=COUNT))
    with pytest.raises((ValueError, TypeError)):
        _refuse_nan(served.predict([[None, 1.0, 1.0, 1.0]]).probabilities)


def _refuse_nan(probabilities: Any) -> None:
    """A model of its own may answer NaN, which is no number either."""
    if np.isnan(probabilities).any():
        raise ValueError("no number")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def load(folder): pass", "no function predict"),
        ("raise RuntimeError('boom')", "cannot be imported"),
        ("def load(folder): 1 / 0\ndef predict(model, rows): pass", "cannot load"),
        ("def load(folder): pass\ndef predict(model, rows): return [1]", "golden rows"),
        ("def load(folder): pass\ndef predict(model, rows): return {}", "golden rows"),
    ],
)
def test_a_predict_py_that_does_not_keep_its_promise_says_which(tmp_path: Path, source: str, said: str) -> None:
    save_python(tmp_path)
    (tmp_path / "predict.py").write_text(source)
    with pytest.raises(LoadError, match=said):
        load(tmp_path, hashlib.sha256(source.encode()).hexdigest())
