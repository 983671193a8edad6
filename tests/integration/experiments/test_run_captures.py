"""What a real run is captured as: seen from inside, the same for the same inputs, with all that it left."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.domain.capture import Cause, Output, differences
from lab.domain.launch import LaunchRequest
from lab.domain.runs import RunStatus
from lab.experiments.code import read_patch
from lab.stores import gc
from lab.stores.objects import ObjectStore
from lab.workspace import Workspace


@pytest.fixture
def process_lab(open_lab: Callable[[str], Workspace]) -> Workspace:
    return open_lab("process")


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
    assert (machine.gpus, machine.driver) == ((), "") or machine.gpus
    assert {"gpus", "driver"} <= set(one.to_json()["machine"])


def test_what_had_changed_stays_in_the_store_as_long_as_a_run_needs_it(
    process_lab: Workspace, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git = ["git", "-C", str(project), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", "init", "-q", str(project)], check=True)
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-qm", "x"], check=True)
    (project / "train.py").write_text("print('changed')\n")
    lab = process_lab
    run = lab.runs.wait(lab.runs.launch(LaunchRequest("train")).id, timeout=60)
    code = lab.captures.of(run.id).code
    assert code.dirty
    monkeypatch.setattr(gc.plan, "__defaults__", (None, -60.0, gc.CACHE_AGE))
    lab.store.collect(lab.store.plan())
    assert b"+print('changed')" in read_patch(lab.home, code)
    assert lab.store.verify().hits == ()
    lab.runs.folder(run.id).patch.unlink()
    assert lab.captures.of(run.id).missing == ()
    plan = lab.purge.plan([run])
    lab.purge.apply(plan, now=True)
    lab.store.collect(lab.store.plan())
    assert ObjectStore(lab.home).size(code.patch) is None


def test_a_run_of_an_earlier_version_has_its_patch_beside_it(process_lab: Workspace, project: Path) -> None:
    lab = process_lab
    run = lab.runs.wait(lab.runs.launch(LaunchRequest("train")).id, timeout=60)
    folder = lab.runs.folder(run.id)
    spec = json.loads(folder.spec.read_text())
    told = {name: spec["code"][name] for name in ("tree", "files", "size", "skipped")}
    spec["code"] = {**told, "commit": "c" * 40, "dirty": True, "patch": "d" * 64, "untracked": []}
    folder.spec.write_text(json.dumps(spec))
    assert lab.captures.of(run.id).missing == ("patch: it is neither in the store nor beside the run",)
    folder.patch.write_text("diff\n")
    assert lab.captures.of(run.id).missing == ()
    assert lab.captures.of(run.id).code.submodules == ()
