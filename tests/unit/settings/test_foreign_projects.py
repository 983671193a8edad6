"""Projects of MLflow and DVC are understood as they are."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from lab.domain.commands import Scalar, ShellCommand
from lab.errors import SettingsError, UsageError
from lab.settings import EntrySettings, find_project, load_project

MLPROJECT = """\
name: My Wine Project
python_env: env/python_env.yaml
entry_points:
  main:
    parameters:
      data_file: path
      alpha: {type: float, default: 0.5}
      kind: {type: string, default: "a b"}
    command: "python train.py {alpha} {data_file} --kind {kind} {unknown} && echo done"
  validate:
    parameters:
      X: {type: float, default: 3}
    command: "python validate.py"
"""

DVC = """\
vars:
  - name: digits
stages:
  prepare:
    cmd: python prepare.py ${name}
    deps: [prepare.py, data/raw.csv]
    params: [prepare]
    outs: [data/prepared]
  train:
    wdir: src
    cmd:
      - python train.py --lr ${train.lr}
      - python report.py
    deps: [../data/prepared, train.py]
    params:
      - ../params.yaml:
          - train.epochs
      - extra.json:
    outs:
      - ../models/out/model.pkl:
          cache: false
    metrics:
      - ../eval.json:
          cache: false
  many:
    foreach: [a, b]
    do:
      cmd: python many.py ${item}
"""


def argv(entry: EntrySettings, **params: Scalar) -> tuple[str, ...]:
    """What is executed, by a command that has been in a file meanwhile."""
    assert entry.shell is not None
    kept = ShellCommand.from_json(json.loads(json.dumps(asdict(entry.shell))))
    assert kept == entry.shell
    return kept.argv(entry.name, {**entry.params, **params})


def parameters(entry: EntrySettings) -> dict[str, object]:
    return dict(entry.params)


def test_an_mlproject(tmp_path: Path) -> None:
    (tmp_path / "MLproject").write_text(MLPROJECT)
    settings = load_project(tmp_path)
    assert settings.name == "My-Wine-Project"
    assert settings.image.requirements == "env/python_env.yaml"
    main = settings.entry("main")
    assert parameters(main) == {"alpha": 0.5, "kind": "a b"}
    assert argv(main, data_file="x; rm -rf /", extra=3) == (
        "sh",
        "-c",
        "python train.py 0.5 'x; rm -rf /' --kind 'a b' {unknown} && echo done --extra 3",
    )
    with pytest.raises(UsageError, match="needs the parameter data_file"):
        argv(main)
    with pytest.raises(UsageError, match="alpha must be a number, not 'high'"):
        argv(main, data_file="x", alpha="high")
    assert argv(settings.entry("validate"))[2] == "python validate.py --X 3"


@pytest.fixture
def dvc(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "dvc.yaml").write_text(DVC)
    (tmp_path / "params.yaml").write_text(
        "prepare: {split: 0.2, seed: 7}\ntrain: {lr: 1e-3, epochs: 5, name: 'x', list: [1]}\n"
    )
    (tmp_path / "src" / "extra.json").write_text('{"deep": {"flag": true}}')
    (tmp_path / "data" / "raw.csv.dvc").write_text("outs: []\n")
    return tmp_path


def test_a_dvc_project(dvc: Path) -> None:
    settings = load_project(dvc)
    assert list(settings.entries) == ["prepare", "train", "many-a", "many-b"]
    assert {name: item.path for name, item in settings.datasets.items()} == {
        "raw": "data/raw.csv",
        "prepared": "data/prepared",
    }
    prepare = settings.entry("prepare")
    assert prepare.datasets == ("raw",)
    assert parameters(prepare) == {"prepare.split": 0.2, "prepare.seed": 7}
    assert prepare.files == {"prepare.split": "params.yaml", "prepare.seed": "params.yaml"}
    assert argv(prepare)[2] == "mkdir -p data && python prepare.py digits"
    train = settings.entry("train")
    assert train.workdir == "src"
    assert parameters(train) == {"train.epochs": 5, "deep.flag": True, "train.lr": 0.001}
    assert train.files["deep.flag"] == "src/extra.json"
    assert train.collecting.files == ("eval.json",)
    assert train.datasets == ("prepared",)
    assert argv(train, **{"train.lr": 0.1})[2] == (
        "mkdir -p ../models/out && python train.py --lr 0.1 && python report.py"
    )
    with pytest.raises(UsageError, match=r"no parameter 'train\.epoch'") as error:
        argv(train, **{"train.epoch": 3})
    assert error.value.hint == "did you mean train.epochs?"
    assert argv(settings.entry("many-b"))[2] == "python many.py b"


def test_the_nearest_lab_toml_counts_first(dvc: Path) -> None:
    inner = dvc / "src"
    assert find_project(inner) == dvc
    (inner / "MLproject").write_text(MLPROJECT)
    assert find_project(inner) == inner
    (dvc / "lab.toml").write_text('[project]\nname = "own"\n')
    assert find_project(inner) == dvc
    assert load_project(dvc).name == "own"


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("MLproject", "[1, 2]", "holds no mapping"),
        ("MLproject", "entry_points: {main: {}}", "entry point main has no command"),
        ("MLproject", "entry_points: [", "cannot be read"),
        ("MLproject", "a: &a {b: *a}", "cannot be read"),
        ("dvc.yaml", "stages: {a: {}}", "stage a has no cmd"),
        ("dvc.yaml", "stages: {a: {cmd: 'x ${nothing}'}}", r"\$\{nothing\} is neither in params.yaml nor in vars"),
        ("dvc.yaml", "stages: 3", "holds no stages"),
    ],
)
def test_what_makes_no_sense_is_told(tmp_path: Path, name: str, text: str, says: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(SettingsError, match=says) as error:
        load_project(tmp_path)
    assert name in error.value.message


def test_nothing_outside_the_project_is_touched(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "passwd.dvc").write_text("x: 1")
    project = tmp_path / "project"
    project.mkdir()
    (project / "dvc.yaml").write_text(
        "stages:\n  a:\n    wdir: ../..\n    cmd: x\n    deps: [../etc/passwd, /etc/passwd, 's3://b/x']\n"
        "    params: [{../../secret.yaml: [a]}]\n    outs: [../../../x/y]\n"
    )
    entry = load_project(project).entry("a")
    assert (entry.datasets, entry.workdir, dict(entry.params)) == ((), "", {})
    assert argv(entry) == ("sh", "-c", "x")


def test_odd_forms_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").write_text("stages: {a: {cmd: x, deps: 3, outs: {a: 1}, params: 4, metrics: [3]}}\n")
    entry = load_project(tmp_path).entry("a")
    assert (entry.datasets, dict(entry.params), entry.collecting.files) == ((), {}, ("3",))
    (tmp_path / "dvc.yaml").write_text("vars: x\n")
    assert load_project(tmp_path).entries == {}
