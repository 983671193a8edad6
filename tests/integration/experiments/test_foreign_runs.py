"""Projects of other tools run as they are."""

from __future__ import annotations

import json
from pathlib import Path

from lab.domain.launch import LaunchRequest
from lab.domain.runs import RunStatus
from lab.workspace import Workspace


def test_a_stage_of_dvc_runs_with_its_data_and_other_parameters(tmp_path: Path) -> None:
    project = tmp_path / "wine"
    (project / "data").mkdir(parents=True)
    (project / ".gitignore").write_text("/models\n")
    (project / "data" / ".gitignore").write_text("/raw.csv\n")
    (project / "data" / "raw.csv").write_text("a\n1\n2\n")
    (project / "data" / "raw.csv.dvc").write_text("outs:\n- path: raw.csv\n  md5: 00000000000000000000000000000000\n")
    (project / "params.yaml").write_text("train:\n  lr: 0.1  # a comment\n  kind: plain\n")
    (project / "dvc.yaml").write_text(
        "stages:\n  train:\n    cmd: python train.py --lr ${train.lr}\n    deps: [train.py, data/raw.csv]\n"
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
    with Workspace(tmp_path / "home", project, engine="process") as ws:
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


def test_an_entry_point_of_mlflow_runs(tmp_path: Path) -> None:
    (tmp_path / "MLproject").write_text(
        "name: sums\nentry_points:\n  main:\n    parameters:\n      alpha: {type: float, default: 0.5}\n"
        '    command: "python train.py {alpha}"\n'
    )
    (tmp_path / "train.py").write_text("import sys\nprint('accuracy:', float(sys.argv[1]) / 2)\n")
    with Workspace(tmp_path / "home", tmp_path, engine="process") as ws:
        run = ws.runs.wait(ws.runs.launch(LaunchRequest("main", params={"alpha": 0.1})).id, timeout=60)
        assert (run.status, run.project, run.entry) == (RunStatus.FINISHED, "sums", "main")
        assert run.metrics["accuracy"].last == 0.05
