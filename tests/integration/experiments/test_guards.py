"""Guards over real runs: stopped for a told reason, told once, and the same again over what is kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.domain.guards import Guard
from lab.domain.launch import LaunchRequest
from lab.domain.query import RunQuery, parse_filter
from lab.domain.runs import Run, RunStatus
from lab.events import RUN_GUARD_FIRED
from lab.experiments import guards as guards_module
from lab.workspace import Workspace

SCRIPT = """
import time
from lab import track
bad = track.params["kind"] == "bad"
for step in range(20):
    if track.params["kind"] == "printed":
        print(f"loss: {1.0 / (step + 1):.3f}", flush=True)
        continue
    track.log(step=step, loss=float("nan") if bad and step >= 12 else 1.0 / (step + 1) * (5 if bad else 1))
while bad and track.params.get("hang"):
    time.sleep(0.02)
"""
GUARDS = """
[[entries.train.guards]]
name = "nan"
when = "isnan(loss)"
do = "stop"

[[entries.train.guards]]
when = "worse(loss, 2.0) for 3"

[[entries.train.guards]]
name = "early"
when = "loss < 0.3"
do = "mark"
"""


@pytest.fixture
def lab(open_lab: Callable[[str], Workspace], project: Path) -> Workspace:
    (project / "train.py").write_text(SCRIPT)
    with open(project / "lab.toml", "a") as file:
        file.write(GUARDS)
    return open_lab("process")


def launch(ws: Workspace, **params: str | bool) -> Run:
    return ws.runs.launch(LaunchRequest("train", params=params))


def events(ws: Workspace, run: Run) -> int:
    return sum(
        path.read_text().count(f'"{RUN_GUARD_FIRED}","subject":"{run.id}"') for path in ws.home.journal.iterdir()
    )


def test_a_run_is_stopped_for_a_reason_and_every_guard_is_told_once(
    lab: Workspace, open_lab: Callable[[str], Workspace]
) -> None:
    good = lab.runs.wait(launch(lab, kind="good").id, timeout=60)
    assert (good.status, good.guards) == (RunStatus.FINISHED, ("early",))

    bad, other = launch(lab, kind="bad", hang=True), open_lab("process")
    deadline = time.monotonic() + 60
    while lab.runs.get(bad.id).status.active:
        assert time.monotonic() < deadline
        assert [*lab.runs.guards.look_all(), *other.runs.guards.look_all()] == []
        lab.settle()
    ended = other.runs.get(bad.id)
    assert (ended.status, ended.cause) == (
        RunStatus.STOPPED, "stopped by guard 'nan': loss was NaN at step 12",
    )  # fmt: skip
    told = {one.guard: one for one in lab.runs.guards.fired(ended)}
    assert set(told) == {"nan", "worse(loss, 2.0) for 3"}
    diverged = told["worse(loss, 2.0) for 3"]
    assert (diverged.step, diverged.do) == (2.0, "notify")
    assert diverged.evidence == f"loss was 1.66667 at step 2, where {good.name} had 0.333333 for 3 values"
    assert events(lab, bad) == 2
    assert {one.guard for one in lab.runs.guards.recent(3600)} == set(told), "a mark is not told on Home"
    assert [one.id for one in lab.runs.list(RunQuery(parse_filter("guards:nan"))).items] == [bad.id]

    # Over what is kept: the same steps, also for guards that the run never had.
    replayed = lab.runs.guards.replay(ended, [*lab.runs.guards.of(ended), Guard("p", "plateau(loss, 4)")])
    assert [one.step if one else None for one in replayed] == [12.0, 2.0, None, 15.0]
    lab.rebuild()
    assert {one.guard for one in lab.runs.guards.fired(ended)} == set(told)


def test_a_stop_that_was_owed_when_lab_was_killed_is_made_up_for(
    lab: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guards_module, "_AGAIN", 0.0)
    bad = launch(lab, kind="bad", hang=True)
    body = {"guard": "nan", "when": "isnan(loss)", "do": "stop", "step": 12.0, "at": 1.0, "evidence": "told before"}
    lab._journal.append(RUN_GUARD_FIRED, bad.id, body)
    lab.refresh()
    ended = lab.runs.wait(bad.id, timeout=60)
    assert ended.cause == "stopped by guard 'nan': loss was NaN at step 12"
    assert [one.evidence for one in lab.runs.guards.fired(ended) if one.guard == "nan"] == ["told before"]

    printed = lab.runs.wait(launch(lab, kind="printed").id, timeout=60)
    assert (printed.status, printed.guards) == (RunStatus.FINISHED, ("early",)), "what it printed counts as well"
