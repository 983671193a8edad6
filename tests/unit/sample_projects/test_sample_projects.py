"""The sample projects as runs: their metrics, their model, and what it says about rows that it never saw."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lab
from lab.runtime.serving.model import ServedModel, load

ROOT = Path(lab.__file__).parents[1]
PROJECTS = ROOT / "sample_projects"

#: project → dataset, target column, and for each kind of model the least accuracy or R² on held-out rows.
CASES = {
    "digits": ("digits", "label", {"logistic": 0.94, "mlp": 0.95}),
    "breast-cancer": ("measurements", "diagnosis", {"logistic": 0.93, "forest": 0.91}),
    "diabetes": ("patients", "progression", {"ridge": 0.35, "forest": 0.35}),
}
RUNS = [(project, kind) for project, (_, _, kinds) in CASES.items() for kind in kinds]


def _settings(project: str) -> dict[str, Any]:
    return tomllib.loads((PROJECTS / project / "lab.toml").read_text())


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """The folder of a run of a project, kind and seed; each is run once."""
    return cache(lambda project, kind, seed=0: _train(project, kind, tmp_path_factory.mktemp(project), seed))


def _lines(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]


def _train(project: str, kind: str, run: Path, seed: int) -> Path:
    """Run train.py as an engine would."""
    dataset, _, _ = CASES[project]
    settings = _settings(project)
    params = settings["entries"]["train"]["params"] | {"model": kind}
    (run / "params.json").write_text(json.dumps(params))
    env = {name: value for name, value in os.environ.items() if not name.startswith("LAB_")} | {
        "PYTHONPATH": str(ROOT),
        "LAB_RUN_DIR": str(run),
        "LAB_MODEL_DIR": str(run / "model"),
        "LAB_PARAMS": str(run / "params.json"),
        "LAB_SEED": str(seed),
        f"LAB_DATA_{dataset.upper()}": str(PROJECTS / project / settings["datasets"][dataset]["path"]),
    }
    begin = time.monotonic()
    done = subprocess.run(
        [sys.executable, str(PROJECTS / project / "train.py")],
        env=env,
        cwd=run,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    print(f"{project} {kind}: {time.monotonic() - begin:.1f} s")
    assert (done.returncode, done.stderr) == (0, "")
    (run / "stdout.log").write_text(done.stdout)
    return run


def _holdout(project: str, model: ServedModel) -> tuple[Any, list[str]]:
    """(predictions, truth) for the held-out rows, named as a client names them."""
    _, target, _ = CASES[project]
    with open(PROJECTS / project / "data" / "holdout.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    truth = [row.pop(target) for row in rows]
    records = [{name: float(value) for name, value in row.items()} for row in rows]
    return model.predict(model.rows.by_name(records, 10_000)).predictions, truth


@pytest.mark.parametrize(("project", "kind"), RUNS)
def test_a_run_logs_saves_and_predicts_what_was_held_out(project: str, kind: str, trained: Callable[..., Path]) -> None:
    run = trained(project, kind)
    lines = _lines(run)
    metrics = [line for line in lines if "m" in line]
    told, *printed = (run / "stdout.log").read_text().splitlines()
    assert told.startswith(f"{kind}: ")
    assert len(printed) == len(metrics), "a log that says how it goes"
    assert f"{metrics[-1]['m'][min(metrics[-1]['m'])]:.4f}" in printed[-1]
    assert lines[-1]["k"] == "model"
    assert all(isinstance(value, float) for line in metrics for value in line["m"].values())
    if project == "digits":
        assert [line["s"] for line in metrics] == list(range(1, 31))
        assert set(metrics[0]["m"]) == {"loss", "val_loss", "train_accuracy", "val_accuracy"}
        assert metrics[-1]["m"]["loss"] < metrics[0]["m"]["loss"]
        assert metrics[-1]["m"]["val_accuracy"] >= 0.93
    model = load(run / "model", "")
    predicted, truth = _holdout(project, model)
    bound = CASES[project][2][kind]
    if project == "diabetes":
        assert {"rmse", "r2"} <= set(metrics[0]["m"])
        actual = np.array(truth, dtype=float)
        score = 1 - ((predicted - actual) ** 2).sum() / ((actual - actual.mean()) ** 2).sum()
    else:
        score = float(np.mean(predicted.astype(str) == np.array(truth)))
    print(f"{project} {kind}: {score:.4f} on rows held out")
    assert score >= bound


def test_the_same_seed_gives_the_same_curve_and_another_one_another(
    trained: Callable[..., Path], tmp_path: Path
) -> None:
    runs = (trained("digits", "logistic"), _train("digits", "logistic", tmp_path, 0), trained("digits", "logistic", 1))
    curves = [[line["m"] for line in _lines(run) if "m" in line] for run in runs]
    assert curves[0] == curves[1]
    assert curves[0] != curves[2]


@pytest.mark.parametrize("project", CASES)
def test_each_script_also_runs_plainly(project: str, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(PROJECTS / project, tmp_path / project))
    before = sorted(path for path in folder.rglob("*") if path.is_file())
    env = {name: value for name, value in os.environ.items() if not name.startswith("LAB_")}
    done = subprocess.run(
        [sys.executable, "-B", "train.py"],
        env=env | {"PYTHONPATH": str(ROOT)},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "\nstep " in done.stdout, "what it would log"
    assert done.stdout.endswith("model  not saved: outside a run\n")
    assert sorted(path for path in folder.rglob("*") if path.is_file()) == before


@pytest.mark.parametrize("project", CASES)
def test_an_unknown_kind_of_model_is_refused_by_name(project: str, tmp_path: Path) -> None:
    (tmp_path / "params.json").write_text('{"model": "oracle"}')
    dataset = CASES[project][0]
    env = os.environ | {"PYTHONPATH": str(ROOT), "LAB_PARAMS": str(tmp_path / "params.json")}
    env[f"LAB_DATA_{dataset.upper()}"] = str(PROJECTS / project / "data" / f"{dataset}.csv")
    script = PROJECTS / project / "train.py"
    done = subprocess.run([sys.executable, str(script)], env=env, capture_output=True, timeout=60, check=False)
    assert done.returncode == 1
    assert b"oracle" in done.stderr


@pytest.mark.parametrize("project", CASES)
def test_settings_name_what_is_there_and_held_out_rows_are_not_trained_on(project: str) -> None:
    settings = _settings(project)
    assert settings["project"]["name"] == project
    entry = settings["entries"]["train"]
    assert entry["command"] == "python train.py"
    assert "holdout" not in entry["datasets"]
    assert set(entry["datasets"]) <= set(settings["datasets"])
    assert (PROJECTS / project / settings["image"]["requirements"]).is_file()
    tables = {}
    for name, about in settings["datasets"].items():
        with open(PROJECTS / project / about["path"], newline="") as file:
            header, *rows = csv.reader(file)
        assert all(len(row) == len(header) for row in rows)
        tables[name] = (header, rows)
    trained, held_out = tables[entry["datasets"][0]], tables["holdout"]
    assert trained[0] == held_out[0]
    assert 0.19 <= len(held_out[1]) / (len(held_out[1]) + len(trained[1])) <= 0.21
    assert not {tuple(row) for row in trained[1]} & {tuple(row) for row in held_out[1]}
    readme = (PROJECTS / project / "README.md").read_text()
    assert f"{len(trained[1]):,}" in readme
    assert "Licence" in readme
    assert len((PROJECTS / project / "train.py").read_text().splitlines()) <= 75
