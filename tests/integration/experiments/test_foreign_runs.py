"""Projects of other tools run as they are."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import docker_or_skip, remove_jobs

from lab.domain.launch import LaunchRequest
from lab.domain.runs import RunStatus
from lab.settings import load_project
from lab.workspace import Workspace

Opener = Callable[[Path], Workspace]


@pytest.fixture
def opened(tmp_path: Path, engine_name: str) -> Iterator[Opener]:
    """Opens a lab on a project, on either engine."""
    labs: list[Workspace] = []

    def opener(project: Path) -> Workspace:
        ws = Workspace(tmp_path / "home", project, engine=engine_name)
        if engine_name == "docker":
            docker_or_skip(ws.home).close()
        labs.append(ws)
        return ws

    yield opener
    for ws in labs:
        remove_jobs(ws.engine(), ws.home)
        ws.close()


def test_a_stage_of_dvc_runs_with_its_data_and_other_parameters(tmp_path: Path, opened: Opener) -> None:
    project = tmp_path / "wine"
    (project / "data").mkdir(parents=True)
    (project / ".gitignore").write_text("/models\n")
    (project / "data" / ".gitignore").write_text("/raw.csv\n")
    (project / "data" / "raw.csv").write_text("a\n1\n2\n")
    (project / "data" / "raw.csv.dvc").write_text("outs:\n- path: raw.csv\n  md5: 00000000000000000000000000000000\n")
    (project / "params.yaml").write_text("train:\n  lr: 0.1  # a comment\n  kind: plain\n")
    (project / "dvc.yaml").write_text(
        "stages:\n  train:\n    cmd: python3 train.py --lr ${train.lr}\n    deps: [train.py, data/raw.csv]\n"
        "    params: [train]\n    outs: [models/model.pkl]\n    metrics: [{eval.json: {cache: false}}]\n"
    )
    (project / "train.py").write_text(
        "import json, sys\n"
        "rows = open('data/raw.csv').read().splitlines()\n"
        "open('models/model.pkl', 'w').write('model')\n"
        "json.dump({'score': float(sys.argv[2]), 'rows': len(rows), 'params': open('params.yaml').read()},"
        " open('eval.json', 'w'))\n"
    )
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    with opened(project) as ws:
        assert ws.projects.name == "wine"
        run = ws.runs.wait(ws.runs.launch(LaunchRequest("train", params={"train.lr": 0.25})).id, timeout=60)
        assert run.status is RunStatus.FINISHED
        assert run.params == {"train.lr": 0.25, "train.kind": "plain"}
        assert run.datasets == {"raw": "v1"}
        assert {name: item.last for name, item in run.metrics.items()} == {"score": 0.25, "rows": 3.0}
        told = json.loads((ws.runs.folder(run.id).code / "eval.json").read_text())
        assert told["params"] == "train:\n  lr: 0.25  # a comment\n  kind: plain\n"
        kinds = {item.path: item.kind for item in ws.captures.of(run.id).outputs}
        assert kinds["code/models/model.pkl"] == "model"
        again = ws.runs.wait(ws.runs.launch(ws.runs.rerun(run.id)).id, timeout=60)
        assert ws.captures.of(again.id).input_id == ws.captures.of(run.id).input_id
    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == before


def test_stages_of_a_matrix_run_each_with_its_own_values(tmp_path: Path, opened: Opener) -> None:
    project = tmp_path / "grid"
    project.mkdir()
    (project / "params.yaml").write_text("models: [{name: tree, depth: 3}, {name: forest, depth: 5}]\nlr: 0.5\n")
    (project / "dvc.yaml").write_text(
        "stages:\n  fit:\n    matrix:\n      model: ${models}\n      seed: [1, 2]\n"
        "    cmd: python3 fit.py ${item.model.name} ${item.model.depth} ${item.seed} ${lr}\n"
        "    outs:\n      - out/${key}/model.txt\n    metrics:\n      - out/${key}/score.json\n"
    )
    (project / "fit.py").write_text(
        "import json, pathlib, sys\n"
        "name, depth, seed, lr = sys.argv[1:]\n"
        "(folder,) = pathlib.Path('out').iterdir()\n"
        "(folder / 'model.txt').write_text(name)\n"
        "(folder / 'score.json').write_text(json.dumps({'score': int(depth) * int(seed) * float(lr)}))\n"
    )
    with opened(project) as ws:
        assert sorted(load_project(project).entries) == [
            "fit-model0-1", "fit-model0-2", "fit-model1-1", "fit-model1-2",
        ]  # fmt: skip
        requests = [LaunchRequest("fit-model1-2"), LaunchRequest("fit-model0-1", params={"lr": 2.0})]
        runs = [ws.runs.wait(ws.runs.launch(request).id, timeout=60) for request in requests]
        assert [run.status for run in runs] == [RunStatus.FINISHED] * 2
        assert [run.metrics["score"].last for run in runs] == [5.0, 6.0]
        assert "code/out/model1-2/model.txt" in {item.path for item in ws.captures.of(runs[0].id).outputs}


def test_an_entry_point_of_mlflow_runs(tmp_path: Path, opened: Opener) -> None:
    project = tmp_path / "sums"
    project.mkdir()
    (project / "python_env.yaml").write_text(
        'python: "3.11"\nbuild_dependencies:\n  - pip\ndependencies:\n  - -r requirements.txt\n'
    )
    (project / "requirements.txt").write_text("six==1.17.0\n")
    (project / "MLproject").write_text(
        "name: sums\npython_env: python_env.yaml\nentry_points:\n  main:\n    parameters:\n"
        "      alpha: {type: float, default: 0.5}\n      note: {type: string, default: 'a b'}\n"
        '    command: "python train.py {alpha}"\n'
    )
    (project / "train.py").write_text(
        "import sys\nimport six\nassert sys.argv[2:] == ['--note', 'a b']\nassert six.__version__ == '1.17.0'\n"
        "print('accuracy:', float(sys.argv[1]) / 2)\n"
    )
    with opened(project) as ws:
        run = ws.runs.wait(ws.runs.launch(LaunchRequest("main", params={"alpha": 0.1})).id, timeout=60)
        assert (run.status, run.project, run.entry) == (RunStatus.FINISHED, "sums", "main")
        assert run.metrics["accuracy"].last == 0.05
