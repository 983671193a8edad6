"""What a real run is captured as: seen from inside, the same for the same inputs, with all that it left."""

from __future__ import annotations

import hashlib
import platform
from pathlib import Path

from lab.domain.capture import Cause, Output, differences
from lab.domain.launch import LaunchRequest
from lab.domain.runs import RunStatus
from lab.workspace import Workspace

SCRIPT = """
import os
from lab import track
os.makedirs("out", exist_ok=True)
open("out/weights.pkl", "wb").write(b"weights")
open("data_copy.txt", "w").write(open("data/table.csv").read())
open("plot.txt", "w").write("plot")
track.artifact("plot.txt")
"""


def test_equal_runs_have_equal_captures_and_others_tell_why(lab: Workspace, project: Path) -> None:
    (project / "train.py").write_text(SCRIPT)
    runs = [lab.runs.launch(LaunchRequest("train", params={"lr": lr})) for lr in (0.1, 0.1, 0.2)]
    for run in runs:
        assert lab.runs.wait(run.id, timeout=60).status is RunStatus.FINISHED
    one, two, other = (lab.captures.of(run.id) for run in runs)
    assert one.input_id == two.input_id
    assert differences(one, two) == ()
    assert one.input_id != other.input_id
    assert [(item.cause, item.name) for item in differences(one, other)] == [(Cause.PARAMS, "lr")]
    assert one.missing == ()
    software, machine = one.software, one.machine
    assert software.python.startswith("3.")
    assert software.image_id
    assert software.base
    assert software.libc or platform.system() != "Linux"
    assert {"LAB_RUN_DIR", "PYTHONPATH"} <= set(software.variables)
    assert machine.cores > 0
    assert machine.system.startswith(platform.system())
    left = {item.path: item for item in one.outputs}
    assert left["artifacts/plot.txt"].kind == "artifact"
    weights = hashlib.sha256(b"weights").hexdigest()
    assert left["code/out/weights.pkl"] == Output("code/out/weights.pkl", "model", 7, weights)
    assert not any(path.startswith("code/data/") for path in left), "datasets are inputs"
    assert {"code/train.py", "code/lab.toml"}.isdisjoint(left)
