"""Scripts that know nothing of Lab: what they print is measured all the same."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from foreign import LOSS, lay_out, same

from lab.domain.launch import LaunchRequest
from lab.domain.runs import Run, RunStatus
from lab.errors import UsageError
from lab.workspace import Workspace

TRAIN = LaunchRequest("train")


def until(what: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def finish(ws: Workspace, project: Path, script: str, request: LaunchRequest = TRAIN) -> Run:
    (project / "train.py").write_text(script)
    return ws.runs.wait(ws.runs.launch(request).id, timeout=60)


def last(run: Run) -> dict[str, float]:
    return {name: summary.last for name, summary in run.metrics.items()}


def test_what_a_script_prints_becomes_metrics(lab: Workspace, project: Path) -> None:
    run = finish(
        lab,
        project,
        """
import sys
print("lr: 0.1", "2024-05-01 12:00:00 INFO listening on 127.0.0.1:8080")
for epoch in range(1, 4):
    print(f"Epoch {epoch}/3 - loss: {1 / epoch:.4f} - acc: {1 - 1 / (epoch + 1):.2f}")
sys.stderr.write("100%|###| 3/3 [00:00<00:00, 9.9it/s]\\n")
print('{"test": {"f1": 0.75}}')
""",
    )
    assert run.status is RunStatus.FINISHED
    assert last(run) == {"loss": 0.3333, "acc": 0.75, "test/f1": 0.75}
    history = lab.runs.history(run.id, "loss")
    assert (list(history.steps), list(history.values)) == ([1, 2, 3], [1.0, 0.5, 0.3333])
    assert all((run.started or 0) - 1 <= at <= (run.ended or 0) + 1 for at in history.times)


@pytest.fixture
def process_lab(open_lab: Callable[[str], Workspace]) -> Workspace:
    return open_lab("process")


def test_parameters_reach_a_script_that_has_options(process_lab: Workspace, project: Path) -> None:
    script = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--n-layers", type=int, default=2)
parser.add_argument("--bold", action="store_true")
parser.add_argument("--random-state", type=int, default=42)
told = parser.parse_args()
print(f"final: {told.lr * told.n_layers * (10 if told.bold else 1)}")
print(f"score: {told.random_state}")
"""
    run = finish(process_lab, project, script, LaunchRequest("train.py", params={"lr": 0.5, "bold": True}))
    assert (run.cause, last(run)) == ("finished", {"final": 10.0, "score": 42.0})
    assert run.params == {"lr": 0.5, "n-layers": 2, "bold": True, "random-state": 42}
    spec = process_lab.runs.spec(run.id)
    assert spec.command == ("python", "train.py", "{params}")
    assert spec.shown == ("python", "train.py", "--lr", "0.5", "--n-layers", "2", "--random-state", "42", "--bold")
    again = process_lab.runs.wait(process_lab.runs.launch(process_lab.runs.rerun(run.id, {"lr": 1})).id, timeout=60)
    assert last(again) == {"final": 20.0, "score": 42.0}
    seeded = process_lab.runs.launch(LaunchRequest("train.py", seed=7))
    assert last(process_lab.runs.wait(seeded.id, timeout=60)) == {"final": 0.2, "score": 7.0}
    with pytest.raises(UsageError) as caught:
        process_lab.runs.launch(LaunchRequest("train.py", params={"n_layers": 3}))
    assert caught.value.hint == "did you mean n-layers?"
    heard: list[str] = []
    deaf = process_lab.runs.launch(LaunchRequest("train", params={"lr": 3}), heard.append)
    process_lab.runs.wait(deaf.id, timeout=60)
    assert [line for line in heard if "reads parameters" in line], "lab.toml has a command without them"


def test_a_script_that_tracks_says_what_its_metrics_are(process_lab: Workspace, project: Path) -> None:
    script = """
from lab import track
for step in range(3):
    print(f"loss: {step}.5 accuracy: 0.{step}")
    track.log(step=step, loss=step)
"""
    run = finish(process_lab, project, script)
    assert last(run) == {"loss": 2.0}
    assert run.metrics["loss"].count == 3
    toml = (project / "lab.toml").read_text()
    (project / "lab.toml").write_text(toml + "\n[metrics]\npatterns = ['accuracy: (?P<accuracy>[0-9.]+)']\n")
    assert last(finish(process_lab, project, script)) == {"loss": 2.0, "accuracy": 0.2}
    history = process_lab.runs.history(process_lab.runs.list().items[0].id, "accuracy")
    assert list(history.values) == [0.0, 0.1, 0.2]
    (project / "lab.toml").write_text(toml + "\n[entries.train.metrics]\nstdout = false\n")
    assert last(finish(process_lab, project, "print('loss: 0.5')")) == {}


def test_metrics_of_a_running_run_are_seen_and_a_kill_loses_none(process_lab: Workspace, project: Path) -> None:
    (project / "train.py").write_text(
        "import time\nprint('epoch 1 loss: 0.5', flush=True)\ntime.sleep(0.0)\n"
        "open('told', 'w').close()\nwhile not __import__('os').path.exists('go'): time.sleep(0.01)\n"
        "print('epoch 2 loss: 0.25', flush=True)\nopen('done', 'w').close()\ntime.sleep(60)\n"
    )
    run = process_lab.runs.launch(TRAIN)
    until(lambda: last(process_lab.runs.get(run.id)) == {"loss": 0.5})
    folder = process_lab.runs.folder(run.id)
    job = json.loads((process_lab.home.jobs / run.id / "child.json").read_text())
    os.kill(int(job["pid"]), signal.SIGSTOP)  # the entry point sees nothing more
    (folder.code / "go").touch()
    until((folder.code / "done").exists)
    os.kill(int(job["pid"]), signal.SIGKILL)
    ended = process_lab.runs.wait(run.id, timeout=60)
    assert ended.status is not RunStatus.FINISHED
    assert last(ended) == {"loss": 0.25}
    assert list(process_lab.runs.history(run.id, "loss").values) == [0.5, 0.25]


def test_what_other_tools_write_is_collected_while_it_is_written(
    process_lab: Workspace, project: Path, tmp_path: Path
) -> None:
    """The script stands for the tools: it writes their files where Lab tells them to, and where they do unasked."""
    (first,) = lay_out(tmp_path / "samples", "mlruns").glob("mlruns/*/f2f1a593933b47dd961babb2e86c8207")
    (project / "train.py").write_text(
        f"""
import os, shutil, sys, time
assert os.environ["WANDB_MODE"] == "offline" and os.path.isdir(os.environ["WANDB_DIR"])
shutil.copytree({str(first)!r}, os.environ["MLFLOW_TRACKING_URI"] + "/0/first")
table = open("metrics.csv", "w")
table.write("step,val\\n0,0.5\\n")
table.flush()
print("loss: 0.9 extra_loss: 0.7", flush=True)
while not os.path.exists("go"):
    time.sleep(0.01)
table.write("1,0.25\\n")
"""
    )
    run = process_lab.runs.launch(TRAIN)

    def seen() -> bool:
        process_lab.settle()
        return {"val", "acc", "extra_loss"} <= set(process_lab.runs.get(run.id).metrics)

    until(seen)
    assert process_lab.runs.get(run.id).params["depth"] == 3
    (process_lab.runs.folder(run.id).code / "go").touch()
    until(lambda: process_lab.runs.folder(run.id).exit.exists())
    ended = process_lab.runs.wait(run.id, timeout=60)
    assert ended.status is RunStatus.FINISHED
    found = last(ended)
    assert found.pop("train/loss") == 0.1
    assert found == {"val": 0.25, "acc": 0.75, "loss": 0.9, "extra_loss": 0.7}
    assert ended.params == {"lr": 0.1, "kind": "plain", "depth": 3, "model": "forest", "flag": True}
    assert ended.created == run.created
    history = process_lab.runs.history(run.id, "train/loss")
    assert same(list(history.values), LOSS)
    assert history.times[0] == 1_700_000_000.0
    assert not process_lab.home.collecting.exists() or not list(process_lab.home.collecting.iterdir())
