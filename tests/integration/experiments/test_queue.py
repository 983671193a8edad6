"""The queue and sweeps with a real engine: what waits and why, what starts, and that nothing starts twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from lab.domain.axes import parse_space
from lab.domain.launch import LaunchRequest
from lab.domain.queue import Machine
from lab.domain.runs import RunStatus
from lab.domain.sweeps import FailurePolicy, Pruner, Sweep, SweepState, make_plan
from lab.engine.base import JobState
from lab.errors import ConflictError, NotFoundError, UsageError
from lab.events import (
    DEPLOYMENT_CREATED,
    DEPLOYMENT_RELEASED,
    DEPLOYMENT_STATUS,
    ROLLOUT_STARTED,
    ROLLOUT_STEP,
    RUN_CLAIMED,
)
from lab.journal import Journal
from lab.workspace import Workspace

GB = 1024**3
TRAIN = LaunchRequest("train", cpus=1, memory=64 * 1024**2)
#: Waits for a file beside the project, then ends; says in a file that it began.
WAITS = """
import os, pathlib, time
root = pathlib.Path("{folder}")
with open(root / "began", "a") as file:
    file.write(os.environ["LAB_RUN_ID"] + "\\n")
while not (root / "go").exists():
    time.sleep(0.02)
"""


def until(what: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


@pytest.fixture
def lab(open_lab: Callable[[str], Workspace], monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A lab on a machine with one core, whatever this one has."""
    machine = Machine(cores=1, memory=GB, gpus=0, disk=100 * GB, disk_floor=GB)
    monkeypatch.setattr("lab.experiments.machine.look", lambda _home: machine)
    return open_lab("process")


@contextmanager
def driven(ws: Workspace) -> Iterator[None]:
    """The queue is driven inside the block."""
    stop = threading.Event()
    driver = ws.driver()
    future = ws.submit(lambda: driver.run(stop))
    try:
        yield
    finally:
        stop.set()
        future.result(timeout=60)


def waits(project: Path) -> None:
    (project / "train.py").write_text(WAITS.replace("{folder}", str(project)))


def began(project: Path) -> list[str]:
    path = project / "began"
    return path.read_text().splitlines() if path.exists() else []


def test_it_waits_says_why_and_runs_what_was_there_when_it_was_asked_for(lab: Workspace, project: Path) -> None:
    waits(project)
    first = lab.queue.launch(TRAIN)
    assert first.status is RunStatus.RUNNING, "there was room"

    (project / "train.py").write_text("from lab import track\ntrack.log(version=1)\n")
    (project / "data" / "table.csv").write_text("a,b\n9,9\n")
    second = lab.queue.launch(replace(TRAIN, name="second"))
    (project / "train.py").write_text("from lab import track\ntrack.log(version=2)\n")
    third = lab.queue.launch(replace(TRAIN, name="third"))

    assert [second.status, third.status] == [RunStatus.QUEUED] * 2
    assert second.started is None
    waiting = lab.queue.list()
    assert [item.run.name for item in waiting] == ["second", "third"]
    assert waiting[0].reason == f"waits for 1 of 1 cores: {first.name} uses 1"
    assert waiting[1].reason == f"waits for 1 of 1 cores: {first.name} uses 1, second is before it and needs 1"
    assert lab.runs.counts() == {"queued": 2, "running": 1}

    (project / "go").touch()
    with driven(lab):
        ended = [lab.runs.wait(run.id, timeout=60) for run in (first, second, third)]
    assert [run.cause for run in ended] == ["finished"] * 3
    assert [ended[1].metrics["version"].last, ended[2].metrics["version"].last] == [1.0, 2.0]
    assert ended[1].started is not None
    assert ended[0].ended is not None
    assert ended[1].started >= ended[0].ended - 0.01
    assert ended[2].datasets == {"table": "v1"}


def test_reorder_pause_and_cancel(lab: Workspace, project: Path) -> None:
    waits(project)
    first = lab.queue.launch(TRAIN)
    for name in ("a", "b", "c", "d"):
        lab.queue.launch(replace(TRAIN, name=name))

    def order() -> list[str]:
        return [item.run.name for item in lab.queue.list()]

    lab.queue.move("d", 1)
    lab.queue.move("a", 3)
    assert order() == ["d", "b", "a", "c"]
    lab.queue.move("d", 99)
    assert order() == ["b", "a", "c", "d"]
    lab.queue.hold(["b"])
    lab.queue.cancel(["a"])
    assert lab.runs.stop("c").cause == "cancelled while it waited"
    assert {item.run.name: item.reason for item in lab.queue.list()}["b"] == "paused by you"
    with pytest.raises(ConflictError, match="does not wait: it has ended: cancelled"):
        lab.queue.cancel(["a"])
    with pytest.raises(ConflictError, match="is running already"):
        lab.queue.move(first.id, 1)
    with pytest.raises(UsageError):
        lab.queue.move("d", 0)

    lab.queue.pause()
    (project / "go").touch()
    lab.runs.wait(first.id, timeout=60)
    assert lab.queue.claim() == []
    assert lab.queue.launch(replace(TRAIN, name="late")).status is RunStatus.QUEUED
    assert lab.queue.reason("late") == "" != lab.queue.reason(lab.runs.get("late").id) == "the queue is paused"
    lab.queue.pause(False)
    with driven(lab):
        assert lab.runs.wait("d", timeout=60).status is RunStatus.FINISHED
        assert lab.runs.wait("late", timeout=60).status is RunStatus.FINISHED
        assert lab.runs.get("b").status is RunStatus.QUEUED
        lab.queue.hold(["b"], held=False)
        assert lab.runs.wait("b", timeout=60).status is RunStatus.FINISHED
    assert sorted(began(project)) == sorted({*began(project)}), "nothing ran twice"
    assert lab.runs.get("a").id not in began(project)


def test_runs_at_a_time_and_what_deployments_have(
    open_lab: Callable[[str], Workspace], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(cores=8, memory=4 * GB, gpus=0, disk=100 * GB, disk_floor=GB)
    monkeypatch.setattr("lab.experiments.machine.look", lambda _home: machine)
    lab = open_lab("process")
    waits(project)
    lab.queue.limit(1)
    first = lab.queue.launch(replace(TRAIN, memory=GB))
    second = lab.queue.launch(replace(TRAIN, name="second", memory=GB))
    assert [first.status, second.status] == [RunStatus.RUNNING, RunStatus.QUEUED]
    assert lab.queue.reason(second.id) == "1 of 1 runs go at a time (lab queue jobs)"
    with Workspace(lab.home.root, project, engine="process") as other:
        assert other.queue.jobs == 1, "it is kept"
    with pytest.raises(UsageError):
        lab.queue.limit(-1)
    lab.queue.limit(0)
    assert lab.queue.reason(second.id) == ""

    journal = Journal(lab.home, ())
    journal.append(DEPLOYMENT_CREATED, "d1", {"name": "churn", "model": "m", "version": 1, "engine": "process"})
    journal.append(DEPLOYMENT_RELEASED, "d1", {"model": "m", "version": 1, "replicas": 3})
    journal.append(DEPLOYMENT_STATUS, "d1", {"status": "ready"})
    journal.append(ROLLOUT_STARTED, "o1", {"deployment": "d1", "number": 1})
    journal.append(ROLLOUT_STEP, "o1", {"step": "budget", "ok": True, "evidence": {"memory": GB}})
    lab.queue.refresh()
    assert "deployment churn uses 3 GB" in lab.queue.reason(second.id)
    assert lab.queue.claim() == []
    journal.append(DEPLOYMENT_STATUS, "d1", {"status": "stopped"})
    lab.queue.refresh()
    (project / "go").touch()
    with driven(lab):
        assert lab.runs.wait(second.id, timeout=60).status is RunStatus.FINISHED


def test_a_claim_whose_process_was_killed_is_taken_back(lab: Workspace, project: Path) -> None:
    waits(project)
    (project / "go").touch()
    lab.queue.pause()
    run = lab.queue.launch(TRAIN)
    gone = subprocess.Popen([sys.executable, "-c", "pass"])
    gone.wait()
    lab._journal.append(RUN_CLAIMED, run.id, {"by": f"{gone.pid}:1@{_boot()}"})
    lab.refresh()
    assert lab.runs.get(run.id).status is RunStatus.CREATED
    assert lab.settle() == []
    assert lab.runs.get(run.id).status is RunStatus.CREATED, "it is not lost: it never began"

    assert lab.queue.take_back() == [run.id]
    assert lab.runs.get(run.id).status is RunStatus.QUEUED
    lab.queue.pause(False)
    with driven(lab):
        assert lab.runs.wait(run.id, timeout=60).status is RunStatus.FINISHED
    assert began(project) == [run.id]


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def test_an_engine_refusal_fails_that_run_alone(lab: Workspace, project: Path) -> None:
    lab.queue.pause()
    bad, good = lab.queue.launch(TRAIN), lab.queue.launch(TRAIN)
    (lab.home.run(bad.id).root / "spec.json").write_text("{")
    lab.queue.pause(False)
    with driven(lab):
        ended = lab.runs.wait(good.id, timeout=60)
        until(lambda: lab.runs.get(bad.id).status is RunStatus.FAILED)
    assert ended.status is RunStatus.FINISHED
    assert "could not be started" in lab.runs.get(bad.id).cause


DRIVE = """
import sys
from pathlib import Path
from lab.cli.main import run
from lab.domain.queue import Machine
import lab.experiments.machine as machine
machine.look = lambda _home: Machine(2, 1 << 30, 0, 1 << 40, 1 << 30)
sys.exit(run(["--home", sys.argv[1], "queue", "drive"], lambda *_: 0))
"""


def test_drivers_that_are_killed_start_everything_exactly_once(lab: Workspace, project: Path) -> None:
    """Two drivers at a time, one of them killed again and again, wherever it is."""
    waits(project)
    (project / "go").touch()
    plan = make_plan(parse_space(["n=1..8"])[1])
    sweep = lab.sweeps.create(TRAIN, plan)
    assert (sweep.total, sweep.queued) == (8, 8)

    def drive() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", DRIVE, str(lab.home.root)], stderr=subprocess.DEVNULL)

    drivers = [drive(), drive()]
    killed = 0
    while lab.queue.startable and killed < 3:
        seen = len(began(project))
        until(lambda seen=seen: len(began(project)) > seen or not lab.queue.startable)  # type: ignore[misc]
        victim = drivers.pop(0)
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        killed += 1
        drivers.append(drive())
        lab.refresh()
    assert killed
    for driver in drivers:
        until(lambda driver=driver: driver.poll() is not None)  # type: ignore[misc]
    with driven(lab):  # takes back what the last killed one had claimed
        until(lambda: lab.sweeps.get(sweep.name).state is SweepState.FINISHED)
    runs = lab.sweeps.runs(lab.sweeps.get(sweep.name))
    assert len(runs) == 8
    assert {run.cause for run in runs} == {"finished"}
    assert sorted(began(project)) == sorted(run.id for run in runs), "each ran once"


def test_only_one_process_drives(lab: Workspace, project: Path) -> None:
    assert not lab.queue.driven
    assert not lab.leave_to_driver(), "nothing waits"
    with driven(lab):
        until(lambda: lab.queue.driven)
        assert os.fspath(lab.home.driver_lock)
    assert not lab.queue.driven


# -- sweeps -----------------------------------------------------------------------------------------

SCORE = """
import json, os
from lab import track
params = track.params
with open({began!r}, "a") as file:
    file.write(f"{params}\\n")
track.log(step=0, val_accuracy=1 - abs(params["lr"] - 0.3))
if params["kind"] == "bad":
    raise SystemExit(3)
"""


def over(ws: Workspace, sweep: Sweep) -> Sweep:
    with driven(ws):
        until(lambda: not ws.sweeps.get(sweep.name).state.active)
    return ws.sweeps.get(sweep.name)


def asked(*words: str, **plan: object) -> tuple[LaunchRequest, object]:
    fixed, space = parse_space(words)
    return replace(TRAIN, params=fixed), make_plan(space, **plan)  # type: ignore[arg-type]


@pytest.fixture
def score(project: Path) -> Path:
    (project / "train.py").write_text(SCORE.replace("{began!r}", repr(str(project / "began"))))
    return project


def test_a_sweep_is_a_row_that_opens_into_its_runs(lab: Workspace, score: Path) -> None:
    request, plan = asked("lr=0.1,0.3", seeds=(0, 5), metric="val_accuracy")
    sweep = lab.sweeps.create(replace(request, tags=("t",)), plan, "first")  # type: ignore[arg-type]
    assert (sweep.state, sweep.done, sweep.total) == (SweepState.WAITING, 0, 4)
    with pytest.raises(ConflictError, match="there is a sweep 'first' already"):
        lab.sweeps.create(request, plan, "first")  # type: ignore[arg-type]

    sweep = over(lab, sweep)
    assert (sweep.state, sweep.done, sweep.finished, sweep.failed) == (SweepState.FINISHED, 4, 4, 0)
    runs = lab.sweeps.runs(sweep)
    assert [(run.params["lr"], run.seed) for run in runs] == [(0.1, 0), (0.1, 5), (0.3, 0), (0.3, 5)]
    assert {run.tags for run in runs} == {("t",)}
    assert sweep.best == 1.0
    assert lab.sweeps.best_first(sweep)[0].params["lr"] == 0.3
    assert lab.sweeps.get(sweep.id[:5]) == sweep
    assert [one.name for one in lab.sweeps.list()] == ["first"]
    with pytest.raises(NotFoundError):
        lab.sweeps.get("nothing")
    with pytest.raises(ConflictError, match="is over"):
        lab.sweeps.stop("first")


def test_policies_on_failure(lab: Workspace, score: Path) -> None:
    request, plan = asked("lr=0.1", "kind=bad,plain")
    going_on = over(lab, lab.sweeps.create(request, plan))  # type: ignore[arg-type]
    assert (going_on.finished, going_on.failed, going_on.state) == (1, 1, SweepState.FINISHED)

    request, plan = asked("lr=0.1", "kind=bad,plain", "n=1,2", on_failure=FailurePolicy("stop"))
    stopped = over(lab, lab.sweeps.create(request, plan))  # type: ignore[arg-type]
    assert stopped.state is SweepState.STOPPED
    assert "failed exit 3" in stopped.cause
    assert stopped.finished == 0
    assert {run.cause for run in lab.sweeps.runs(stopped)} == {"failed exit 3", "cancelled while it waited"}

    request, plan = asked("kind=bad", "lr=0.1", "n=1,2", on_failure=FailurePolicy("retry", 1))
    retried = over(lab, lab.sweeps.create(request, plan))  # type: ignore[arg-type]
    assert retried.state is SweepState.FAILED
    assert (retried.runs, retried.done, retried.total) == (4, 2, 2)


def test_a_sweep_stands_and_stops(lab: Workspace, project: Path) -> None:
    waits(project)
    request, plan = asked("n=1..3", jobs=1)
    sweep = lab.sweeps.create(request, plan)  # type: ignore[arg-type]
    lab.sweeps.hold(sweep.name)
    assert lab.sweeps.get(sweep.name).state is SweepState.PAUSED
    assert lab.queue.claim() == []
    assert {item.reason for item in lab.queue.list()} == {f"sweep {sweep.name} is paused"}
    lab.sweeps.hold(sweep.name, held=False)
    with driven(lab):
        until(lambda: began(project))
        until(lambda: lab.sweeps.get(sweep.name).running == 1)
        stopped = lab.sweeps.stop(sweep.name)
    assert stopped.state is SweepState.STOPPED
    assert sorted(run.cause for run in lab.sweeps.runs(stopped)) == [
        "cancelled while it waited", "cancelled while it waited", "stopped by user",
    ]  # fmt: skip


def test_hopeless_runs_are_stopped_early(lab: Workspace, project: Path) -> None:
    (project / "train.py").write_text(
        """
import time
from lab import track
for step in range(3):
    track.log(step=step, val_loss=track.params["n"] * 1.0)
while track.params["n"] > 3:
    time.sleep(0.05)
"""
    )
    request, plan = asked("n=1..4", metric="val_loss", pruner=Pruner.MEDIAN)
    sweep = over(lab, lab.sweeps.create(request, plan))  # type: ignore[arg-type]
    assert sweep.state is SweepState.FINISHED
    last = lab.sweeps.runs(sweep)[-1]
    assert last.status is RunStatus.STOPPED
    assert last.cause == "stopped early: best val_loss 4 by step 2, median of 3 finished runs 2"


def test_an_adaptive_sweep_asks_and_tells(lab: Workspace, score: Path) -> None:
    pytest.importorskip("optuna")
    request, plan = asked("lr=0.01..1.0:log", "depth=1..2", method="adaptive", trials=3, jobs=1, metric="val_accuracy")
    sweep = lab.sweeps.create(request, plan)  # type: ignore[arg-type]
    assert (sweep.runs, sweep.total, sweep.state) == (1, 3, SweepState.WAITING)
    lab.sweeps.tend(sweep)
    assert lab.sweeps.get(sweep.name).runs == 1, "asked again, it asks for nothing more"
    sweep = over(lab, sweep)
    runs = lab.sweeps.runs(sweep)
    assert (sweep.state, len(runs), sweep.done) == (SweepState.FINISHED, 3, 3)
    assert len({repr(run.params) for run in runs}) == 3
    assert lab.home.sweep(sweep.id).study.exists()

    request, plan = asked("depth=1..2", "lr=0.2", "kind=a", method="adaptive", trials=50, metric="val_accuracy")
    small = over(lab, lab.sweeps.create(request, plan))  # type: ignore[arg-type]
    assert (small.total, small.done, small.runs) == (2, 2, 2), "each point of a small space once"


def test_an_adaptive_sweep_without_optuna_says_what_to_install(lab: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.experiments.adaptive.find_spec", lambda _: None)
    request, plan = asked("lr=0.01..1.0", method="adaptive", metric="val_accuracy")
    with pytest.raises(UsageError, match="need Optuna") as caught:
        lab.sweeps.create(request, plan)  # type: ignore[arg-type]
    assert "pip install 'lab[sweep]'" in caught.value.hint
    assert lab.sweeps.list() == []


def test_runs_that_only_share_a_name_are_a_sweep_too(lab: Workspace, score: Path) -> None:
    run = lab.runs.wait(lab.runs.launch(replace(TRAIN, sweep="by-hand")).id, timeout=60)
    (sweep,) = lab.sweeps.list()
    assert (sweep.name, sweep.id, sweep.done, sweep.total, sweep.plan) == ("by-hand", "", 1, 1, None)
    assert (sweep.metric, sweep.best, sweep.best_run) == ("val_accuracy", run.metrics["val_accuracy"].last, run.name)
    assert lab.engine().status(run.id).state is JobState.GONE


def test_what_earlier_runs_used_counts_rather_than_their_limit(lab: Workspace, project: Path) -> None:
    """One GB in all: two runs with a limit of 700 MB each do not fit, two that need as little as the first did do."""
    (project / "train.py").write_text("print('small')\n")
    asked_for = replace(TRAIN, cpus=0.4, memory=700 * 1024**2)
    lab.queue.launch(replace(asked_for, name="first"))
    assert lab.runs.wait("first", timeout=60).peak_memory
    waits(project)
    assert lab.queue.launch(asked_for).status is RunStatus.RUNNING
    assert lab.queue.launch(asked_for).status is RunStatus.RUNNING
    (project / "go").touch()
