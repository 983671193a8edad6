"""Runs on real engines: what goes in, what comes out, and how the end is told."""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.domain.launch import LaunchRequest
from lab.domain.query import RunQuery, parse_filter, parse_order
from lab.domain.runs import Run, RunStatus
from lab.engine.base import JobState
from lab.errors import ConflictError, NotFoundError, UsageError
from lab.workspace import Workspace

TRAIN = LaunchRequest("train")


def until(what: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def write(project: Path, script: str) -> None:
    (project / "train.py").write_text(script)


def finish(ws: Workspace, request: LaunchRequest = TRAIN) -> Run:
    return ws.runs.wait(ws.runs.launch(request).id, timeout=60)


def test_a_run_gets_what_was_asked_and_leaves_what_it_made(lab: Workspace, project: Path) -> None:
    write(
        project,
        """
import os, pathlib
from lab import track
table = track.data("table").read_text()
for step in range(5):
    track.log(step=step, loss=1 / (step + 1), broken=float("nan"), big=float("inf"))
pathlib.Path("made.txt").write_text("beside the code")
track.artifact("made.txt")
print("lr", track.params["lr"], "seed", track.seed(), "rows", len(table.splitlines()))
print("in place", pathlib.Path("data/table.csv").read_text() == table)
""",
    )
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}

    run = finish(lab, LaunchRequest("train", params={"lr": 0.5}, seed=7, name="first", tags=("a",)))

    assert (run.status, run.cause, run.exit_code) == (RunStatus.FINISHED, "finished", 0)
    assert (run.name, run.project, run.entry, run.seed, run.tags) == ("first", "small", "train", 7, ("a",))
    assert run.params == {"lr": 0.5, "kind": "plain"}
    assert run.datasets == {"table": "v1"}
    assert lab.runs.logs.tail(run.id, 10) == ["lr 0.5 seed 7 rows 3", "in place True"]
    assert (run.metrics["loss"].last, run.metrics["loss"].max, run.metrics["loss"].count) == (0.2, 1.0, 5)
    assert math.isnan(run.metrics["broken"].last)
    assert run.metrics["big"].last == math.inf
    assert list(lab.runs.history(run.id, "loss").values) == [1 / (step + 1) for step in range(5)]
    assert list(lab.runs.history(run.id, "loss").steps) == [0, 1, 2, 3, 4]
    folder = lab.runs.folder(run.id)
    assert folder.metrics.exists()
    assert (folder.artifacts / "made.txt").read_text() == "beside the code"
    spec = lab.runs.spec(run.id)
    assert spec.code.files == 2, "lab.toml and train.py; the dataset is an input, not code"
    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == before
    assert lab.engine().status(run.id).state is JobState.GONE, "an ended and journalled job is forgotten"


def test_exit_codes_are_told_truly(lab: Workspace, project: Path) -> None:
    write(project, "raise SystemExit(3)")
    run = finish(lab)
    assert (run.status, run.cause, run.exit_code) == (RunStatus.FAILED, "failed exit 3", 3)

    write(project, "import os; os.kill(os.getpid(), 11)")
    run = finish(lab)
    assert (run.status, run.cause) == (RunStatus.FAILED, "failed by signal 11")


def test_a_command_that_cannot_start_says_so(lab: Workspace, project: Path) -> None:
    toml = project / "lab.toml"
    toml.write_text(toml.read_text().replace("python3 train.py", "no-such-program --x"))
    run = finish(lab)
    assert (run.status, run.exit_code) == (RunStatus.FAILED, 127)
    assert "no-such-program" in "\n".join(lab.runs.logs.tail(run.id, 5))


def test_stopping(lab: Workspace, project: Path) -> None:
    write(project, "import time; print('up', flush=True); time.sleep(600)")
    run = lab.runs.launch(TRAIN)
    until(lambda: "up" in lab.runs.logs.tail(run.id, 5))
    assert lab.runs.get(run.id).status is RunStatus.RUNNING
    stopped = lab.runs.stop(run.id)
    assert (stopped.status, stopped.cause) == (RunStatus.STOPPED, "stopped by user")
    with pytest.raises(ConflictError, match="has ended already"):
        lab.runs.stop(run.id)


def test_metrics_and_log_are_live(lab: Workspace, project: Path) -> None:
    write(
        project,
        """
import pathlib, time, os
from lab import track
track.log(step=1, loss=0.5)
print("first", flush=True)
while not pathlib.Path(os.environ["LAB_RUN_DIR"], "go").exists():
    time.sleep(0.01)
track.log(step=2, loss=0.25)
print("second")
""",
    )
    run = lab.runs.launch(TRAIN)
    until(lambda: lab.runs.get(run.id).metrics.get("loss"))
    assert lab.runs.get(run.id).metrics["loss"].last == 0.5
    assert list(lab.runs.history(run.id, "loss").values) == [0.5]
    going = lab.runs.get(run.id)
    until(lambda: lab.runs.logs.tail(run.id, 5) == ["first"])
    (lab.runs.folder(run.id).root / "go").touch()
    assert list(lab.runs.logs.follow(run.id, stop=lambda: False)) == ["first", "second"]
    ended = lab.runs.get(run.id)
    assert (ended.status, ended.metrics["loss"].last) == (RunStatus.FINISHED, 0.25)
    over = lab.runs.overlay([going, ended], "loss")
    assert [list(one.values) for one in over] == [[0.5, 0.25]] * 2, "one is read as it is written, one from its table"


def test_datasets_are_read_only_and_pinned(lab: Workspace, project: Path) -> None:
    write(project, "print(open('data/table.csv').read().strip().splitlines()[-1])")
    assert lab.runs.logs.tail(finish(lab).id, 1) == ["3,4"]
    (project / "data" / "table.csv").write_text("a,b\n9,9\n")
    second, fresh = lab.datasets.add("table", "data/table.csv")
    assert fresh
    assert second.label == "v2"
    assert lab.runs.logs.tail(finish(lab).id, 1) == ["9,9"]
    old = finish(lab, LaunchRequest("train", data={"table": "v1"}))
    assert (old.datasets, lab.runs.logs.tail(old.id, 1)) == ({"table": "v1"}, ["3,4"])


def test_a_script_outside_any_project_runs(lab: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "loose"
    folder.mkdir()
    (folder / "hello.py").write_text("print('hello')\n")
    lab.projects.enter(folder)
    toml_less = lab.runs.launch(LaunchRequest("hello.py"))
    run = lab.runs.wait(toml_less.id, timeout=60)
    assert (run.project, run.entry, run.cause) == ("loose", "hello", "finished"), lab.runs.logs.tail(run.id, 9)
    assert lab.runs.logs.tail(run.id, 1) == ["hello"]


def test_wrong_requests_make_no_run(lab: Workspace) -> None:
    for request, error in (
        (LaunchRequest("tarin"), NotFoundError),
        (LaunchRequest("train", data={"other": "v1"}), UsageError),
        (LaunchRequest("train", data={"table": "v9"}), NotFoundError),
        (LaunchRequest("train", name="a/../b"), UsageError),
        (LaunchRequest("train", engine="no-engine"), UsageError),
    ):
        with pytest.raises(error):
            lab.runs.launch(request)
    assert lab.runs.list().total == 0


def _launch_and_die(home: Path, project: Path, engine: str) -> None:
    ws = Workspace(home, project, engine=engine)
    ws.runs.launch(TRAIN)
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_run_outlives_a_killed_lab_and_nothing_is_missing(lab: Workspace, project: Path, engine_name: str) -> None:
    write(
        project,
        """
import pathlib, time, os
from lab import track
print("line 0", flush=True)
while not pathlib.Path(os.environ["LAB_RUN_DIR"], "go").exists():
    time.sleep(0.01)
for number in range(1, 200):
    print("line", number)
    track.log(step=number, n=number)
""",
    )
    killed = multiprocessing.get_context("spawn").Process(
        target=_launch_and_die, args=(lab.home.root, project, engine_name)
    )
    killed.start()
    killed.join(60)
    assert killed.exitcode == -signal.SIGKILL
    lab.refresh()
    (run,) = lab.runs.list().items
    assert run.status is RunStatus.RUNNING
    (lab.runs.folder(run.id).root / "go").touch()
    ended = lab.runs.wait(run.id, timeout=60)
    assert ended.status is RunStatus.FINISHED
    assert ended.metrics["n"].count == 199
    assert lab.runs.logs.tail(run.id, 1000) == [f"line {number}" for number in range(200)]


@pytest.mark.engine
def test_out_of_memory_is_called_so(open_lab: Callable[[str], Workspace], project: Path) -> None:
    lab = open_lab("docker")
    write(project, "hoard = []\nwhile True: hoard.append(bytearray(1 << 20))")
    run = finish(lab)
    assert (run.status, run.cause) == (RunStatus.FAILED, "out of memory (limit 128 MB)")


@pytest.mark.engine
def test_a_container_killed_from_outside_is_interrupted(open_lab: Callable[[str], Workspace], project: Path) -> None:
    lab = open_lab("docker")
    write(project, "import time; print('up', flush=True); time.sleep(600)")
    run = lab.runs.launch(TRAIN)
    until(lambda: "up" in lab.runs.logs.tail(run.id, 5))
    subprocess.run(["docker", "kill", _container(run.id)], check=True, capture_output=True)
    ended = lab.runs.wait(run.id, timeout=30)
    assert (ended.status, ended.cause) == (RunStatus.INTERRUPTED, "interrupted: killed from outside")


@pytest.mark.engine
def test_a_container_removed_behind_our_back_is_lost_not_running(
    open_lab: Callable[[str], Workspace], project: Path
) -> None:
    lab = open_lab("docker")
    write(project, "import time; print('up', flush=True); time.sleep(600)")
    run = lab.runs.launch(TRAIN)
    until(lambda: "up" in lab.runs.logs.tail(run.id, 5))
    subprocess.run(["docker", "rm", "-f", _container(run.id)], check=True, capture_output=True)
    ended = lab.runs.wait(run.id, timeout=30)
    assert ended.status is RunStatus.LOST
    assert "container is gone" in ended.cause


def test_waiting_in_short_turns_finds_out_all_the_same(open_lab: Callable[[str], Workspace], project: Path) -> None:
    """Nobody writes an exit record when the guard and the job are killed: only the engine knows."""
    lab = open_lab("process")
    write(project, "import time; print('up', flush=True); time.sleep(600)")
    run = lab.runs.launch(TRAIN)
    until(lambda: "up" in lab.runs.logs.tail(run.id, 5))
    os.kill(json.loads((lab.home.jobs / run.id / "guard.json").read_text())["pid"], signal.SIGKILL)
    until(lambda: not lab.runs.wait(run.id, timeout=0.1).status.active)
    assert lab.runs.get(run.id).cause == "interrupted: killed from outside"


def _container(run_id: str) -> str:
    listed = subprocess.run(
        ["docker", "ps", "-q", "--filter", f"label=lab.run={run_id}"], check=True, capture_output=True, text=True
    )
    return listed.stdout.strip()


def _settle_many(home: Path, project: Path, engine: str, rounds: int) -> None:
    with Workspace(home, project, engine=engine) as ws:
        for _ in range(rounds):
            ws.refresh()
            ws.settle()
            time.sleep(0.02)


def test_many_watchers_journal_one_ending(open_lab: Callable[[str], Workspace], project: Path) -> None:
    lab = open_lab("process")
    write(project, "import time; time.sleep(0.5)")
    run = lab.runs.launch(TRAIN)
    context = multiprocessing.get_context("spawn")
    watchers = [context.Process(target=_settle_many, args=(lab.home.root, project, "process", 60)) for _ in range(4)]
    for watcher in watchers:
        watcher.start()
    for watcher in watchers:
        watcher.join(60)
        assert watcher.exitcode == 0
    endings = [
        record
        for segment in lab.home.journal.iterdir()
        for record in map(json.loads, segment.read_text().splitlines())
        if record["type"] == "run.ended" and record["subject"] == run.id
    ]
    assert len(endings) == 1
    lab.refresh()
    assert lab.runs.get(run.id).status is RunStatus.FINISHED


def test_filter_sort_compare(open_lab: Callable[[str], Workspace], project: Path) -> None:
    lab = open_lab("process")
    write(project, "from lab import track\ntrack.log(score=track.params['lr'] * 2)")
    runs = [finish(lab, LaunchRequest("train", params={"lr": lr})) for lr in (0.3, 0.1, 0.2)]
    page = lab.runs.list(RunQuery(parse_filter("status:finished lr<0.25"), parse_order("-score")))
    assert ([run.id for run in page.items], page.total) == ([runs[2].id, runs[1].id], 2)
    comparison = lab.runs.compare([run.id for run in runs])
    assert comparison.baseline == runs[0].id
    rows = {row.key: row for row in (*comparison.params, *comparison.metrics)}
    assert rows["lr"].values == (0.3, 0.1, 0.2)
    assert rows["lr"].differs
    assert not rows["kind"].differs
    assert rows["score"].values == (0.6, 0.2, 0.4)
    assert comparison.code_same
    again = lab.runs.rerun(runs[1].id, {"lr": 0.9})
    assert (again.entry, dict(again.params), dict(again.data)) == (
        "train",
        {"lr": 0.9, "kind": "plain"},
        {"table": "v1"},
    )


def test_the_environment_names_the_interpreter(open_lab: Callable[[str], Workspace], project: Path) -> None:
    lab = open_lab("process")
    write(project, "import sys; print(sys.prefix != sys.base_prefix)")
    run = finish(lab)
    assert lab.runs.logs.tail(run.id, 1) == ["True"], "a run has a virtual environment of its own"
    assert sys.prefix not in lab.runs.spec(run.id).command


def test_what_a_run_used_is_told_while_it_runs_and_after(lab: Workspace, project: Path) -> None:
    write(
        project,
        """
import pathlib, time
from lab import track
held = bytearray(50_000_000)
for step in range(5):
    track.log(step=step, loss=1.0)
    time.sleep(0.1)
while not pathlib.Path("go").exists():
    time.sleep(0.02)
""",
    )
    run = lab.runs.launch(LaunchRequest("train", params={"epochs": 1000}))
    until(lambda: (lab.runs.get(run.id).peak_memory or 0) > 50_000_000)
    until(lambda: lab.runs.get(run.id).eta is not None)
    going = lab.runs.get(run.id)
    history = lab.runs.vitals.history(going)
    assert history.limit == 128 * 1024**2
    assert history.samples[-1].memory > 50_000_000
    (lab.runs.folder(run.id).code / "go").touch()
    ended = lab.runs.wait(run.id, timeout=60)
    assert ended.status is RunStatus.FINISHED
    assert ended.eta is None
    assert 50_000_000 < (ended.peak_memory or 0) < 128 * 1024**2
    assert (ended.cpu_time or 0) > 0
    assert len(lab.runs.vitals.history(ended).samples) >= len(history.samples)
    big = lab.runs.list(RunQuery(parse_filter("peak_memory>50MB and cost<1h")))
    assert [one.id for one in big.items] == [run.id]
    assert lab.runs.list(RunQuery(parse_filter("peak_memory>2GB"))).total == 0
