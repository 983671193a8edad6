"""Projects of MLflow and DVC are understood as they are."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from lab.domain.commands import Scalar, ShellCommand
from lab.errors import SettingsError, UsageError
from lab.settings import EntrySettings, dvc_project, find_project, load_project

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


TEMPLATES = """\
vars:
  - models: [rf, 3, 2.5]
  - more.json:names
stages:
  list:
    foreach: ${models}
    do:
      cmd: python t.py ${item} "x-${item}"
      outs:
        - out/${item}/model
  dicts:
    foreach: ${names}
    do:
      wdir: w/${key}
      cmd: python t.py ${key} ${item.d} ${item[n]} ${lr.a} \\${HOME} ${nothing}
      deps:
        - ../../in/${item.d}.csv
  inline: {foreach: [{a: 1, b: [x, y]}, {a: 2, b: [z, w]}], do: {cmd: "run ${item.a} ${item.b[0]} ${item.b.1}"}}
  matrix:
    matrix:
      m: ${models}
      f: ${fs}
      s: [1, 2.5]
    cmd: python t.py ${item.m} ${item.f.n} ${item.f.k} ${item.s} --key ${key}
  options:
    vars: [{z: 5}, {inner: {q: "007", n: null}}]
    cmd:
      - python o.py ${opts}
      - echo ${z} ${inner.q} ${ inner.n }
"""

#: As DVC 3.67 resolves them with the values below.
RESOLVED = {
    "list@rf": 'python t.py rf "x-rf"',
    "list@3": 'python t.py 3 "x-3"',
    "list@2.5": 'python t.py 2.5 "x-2.5"',
    "dicts@p": "python t.py p 1 x y 0.001 ${HOME} None",
    "dicts@q": "python t.py q 2 z 0.001 ${HOME} None",
    "inline@0": "run 1 x y",
    "inline@1": "run 2 z w",
    **{
        f"matrix@{m}-f{at}-{s}": f"python t.py {m} {n} {k} {s} --key {m}-f{at}-{s}"
        for m in ("rf", "3", "2.5")
        for at, (n, k) in enumerate([("a", 1), ("b", 2)])
        for s in ("1", "2.5")
    },
    "options": "python o.py --lr 0.1 --name 'a b' --flag --l 1 'p q' && echo 5 007 None",
}


def test_templates_are_expanded_as_dvc_does(tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").write_text(TEMPLATES)
    (tmp_path / "more.json").write_text('{"names": {"p": {"d": 1, "n": "x y"}, "q": {"d": 2, "n": "z"}}, "models": 0}')
    (tmp_path / "params.yaml").write_text(
        "lr: {a: 1e-3}\nnothing:\nfs: [{n: a, k: 1}, {n: b, k: 2}]\n"
        "opts: {lr: 0.1, name: 'a b', flag: true, off: false, l: [1, 'p q']}\n"
    )
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "2.csv.dvc").write_text("outs: []\n")
    project = dvc_project.load(tmp_path)
    assert project is not None
    found = {name: entry.command.argv(name, entry.params)[2] for name, entry in project.entries.items()}
    made = {name: f"mkdir -p out/{name[5:]} && " for name in RESOLVED if name.startswith("list@")}
    assert found == {name: made.get(name, "") + text for name, text in RESOLVED.items()}
    assert project.entries["dicts@q"].datasets == ("in/2.csv",)
    assert project.entries["dicts@p"].workdir == "w/p"
    assert project.entries["dicts@p"].files == {"lr.a": "params.yaml"}
    other = project.entries["options"].command.argv(
        "options", {**project.entries["options"].params, "opts.name": "c;d"}
    )
    assert "--name 'c;d' --flag" in other[2]


def test_values_that_are_no_parameters_stand_as_text(tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").write_text("vars: [more.toml]\nstages:\n  a:\n    cmd: x ${day} ${deep} ${n}\n")
    (tmp_path / "more.toml").write_text("day = 2026-01-31\nn = 3\n[deep]\nat = 12:30:00\nflag = false\n")
    entry = load_project(tmp_path).entry("a")
    assert parameters(entry) == {"n": 3}
    assert argv(entry)[2] == "x 2026-01-31 --at 12:30:00 3"


def test_a_matrix_without_end_is_refused(tmp_path: Path) -> None:
    axes = "".join(f"      m{at}: [1, 2, 3, 4, 5, 6, 7, 8]\n" for at in range(30))
    (tmp_path / "dvc.yaml").write_text(f"stages:\n  a:\n    matrix:\n{axes}    cmd: x\n")
    with pytest.raises(SettingsError, match=r"dvc.yaml:3: stages.a.matrix: it makes more than 5,000 stages"):
        load_project(tmp_path)


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
        ("dvc.yaml", "stages: {a: {cmd: 'x ${nothing}'}}", r"dvc.yaml:1: stages.a.cmd: \$\{nothing\} is not among any"),
        ("dvc.yaml", "vars: x", "dvc.yaml:1: vars: vars is no list"),
        ("dvc.yaml", "vars:\n  - a: 1\n  - a: 2\n", "dvc.yaml:1: vars: vars give a a second time"),
        ("dvc.yaml", "vars: [other.yaml]", "dvc.yaml:1: vars: other.yaml of vars is no file"),
        (
            "dvc.yaml",
            "stages:\n  a:\n    foreach: ${x}\n    do: {cmd: y}",
            r"dvc.yaml:3: stages.a.foreach: \$\{x\} is not",
        ),
        ("dvc.yaml", "stages:\n  a:\n    foreach: 3\n    do: {cmd: y}", "dvc.yaml:3: stages.a.foreach: foreach wants"),
        ("dvc.yaml", "stages:\n  a:\n    foreach: [1]", "dvc.yaml:3: stages.a.foreach: foreach needs a stage below do"),
        (
            "dvc.yaml",
            "stages:\n  a:\n    matrix:\n      m: 3\n    cmd: y",
            "dvc.yaml:4: stages.a.matrix.m: matrix wants",
        ),
        ("dvc.yaml", "stages:\n  a:\n    matrix: {m: [1]}\n    cmd: y ${item.n}", r"dvc.yaml:4: .*\{item.n\} is not"),
        ("dvc.yaml", "vars: [{x: [1]}]\nstages:\n  a:\n    cmd: y ${x}", r"dvc.yaml:4: .*\$\{x\} is a list, where one"),
        ("dvc.yaml", "stages:\n  a:\n    cmd: y\n    deps: ['${b c.}']", r"dvc.yaml:4: .*deps: \$\{b c.\} is no name"),
        ("dvc.yaml", "stages:\n  a: &x\n    cmd: y\n  b: *x", "dvc.yaml cannot be read: it has aliases in line 4"),
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
    (tmp_path / "dvc.yaml").write_text("vars:\n")
    assert load_project(tmp_path).entries == {}
