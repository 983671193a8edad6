"""Parameters get into files and nothing else changes there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from lab.domain.runs import Param
from lab.errors import UsageError
from lab.experiments import param_files

TEXT = """\
# how to train
train:   # all of it
  lr: 1e-3   # small
  epochs: 5
  name: 'a b'
  flag: yes
other: {deep: {value: 2}, list: [1, 2]}
"a.b": 3
"""


def put(folder: Path, params: dict[str, Param], file: str = "params.yaml") -> str:
    param_files.put(folder, params, dict.fromkeys(params, file))
    return (folder / file).read_text()


def test_only_the_values_that_differ_are_written(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(TEXT)
    assert put(tmp_path, {"train.lr": 0.001, "train.epochs": 5, "train.name": "a b", "a.b": 3}) == TEXT
    new = put(
        tmp_path,
        {
            "train.lr": 1e-5,
            "train.epochs": 7,
            "train.name": 'x: "y"',
            "train.flag": False,
            "other.deep.value": None,
            "a.b": 4,
        },
    )
    assert "# how to train" in new
    assert "  lr: 1.0e-05   # small" in new
    assert yaml.safe_load(new) == {
        "train": {"lr": 1e-5, "epochs": 7, "name": 'x: "y"', "flag": False},
        "other": {"deep": {"value": None}, "list": [1, 2]},
        "a.b": 4,
    }


def test_json(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text('{"a": {"b": 1}, "c": 2}')
    assert put(tmp_path, {"a.b": 1}, "p.json") == '{"a": {"b": 1}, "c": 2}'
    assert json.loads(put(tmp_path, {"a.b": 3}, "p.json")) == {"a": {"b": 3}, "c": 2}


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no params\.yaml"):
        put(tmp_path, {"a": 1})
    (tmp_path / "params.yaml").write_text("a: [1]\n")
    with pytest.raises(UsageError, match="has no value a"):
        put(tmp_path, {"a": 1})
