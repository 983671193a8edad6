"""What changed between real runs, and more seeds of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lab.domain.launch import LaunchRequest
from lab.workspace import Workspace

SCRIPT = "import os\nfrom lab import track\ntrack.log(accuracy=0.5 + int(os.environ['LAB_SEED']) / 100)\n"


@pytest.fixture
def ws(open_lab: Callable[[str], Workspace], project: Path) -> Workspace:
    (project / "train.py").write_text(SCRIPT)
    return open_lab("process")


def launch(ws: Workspace, **request: object) -> str:
    run = ws.runs.launch(LaunchRequest(entry="train", **request))  # type: ignore[arg-type]
    assert ws.runs.wait(run.id, timeout=60).status.value == "finished"
    return run.id


def test_the_first_run_has_nothing_before_it(ws: Workspace) -> None:
    changed = ws.runs.changes(launch(ws))
    assert changed.parent is None
    assert ws.runs.code_diff(changed) == ()


def test_everything_that_changed_is_told(ws: Workspace, project: Path) -> None:
    first = launch(ws, seed=1)
    again = ws.runs.changes(launch(ws, seed=1))
    assert (again.parent and again.parent.id, again.nothing) == (first, True)
    seeded = ws.runs.changes(launch(ws, seed=2), first)
    assert (seeded.nothing, seeded.only_seed) == (False, True)
    assert [one.better for one in seeded.metrics] == [None], "no run is better than another for its seed"

    (project / "train.py").write_text(SCRIPT.replace("0.5", "0.6"))
    (project / "new\x1b[2J.txt").write_text("hello\x1b]0;x\x07\n")
    (project / "blob.bin").write_bytes(b"\0\1\2")
    (project / "data" / "table.csv").write_text("a,b\n1,2\n3,4\n5,6\n")
    ws.datasets.add("table", project / "data" / "table.csv")
    last = launch(ws, seed=2, params={"lr": 0.2, "depth": 3})
    changed = ws.runs.changes(last, first)
    assert {one.name: (one.kind, one.old, one.new) for one in changed.params} == {
        "lr": ("changed", 0.1, 0.2), "depth": ("added", None, 3), "seed": ("changed", 1, 2),
    }  # fmt: skip
    (data,) = changed.data
    assert (data.name, data.old, data.new, data.old_rows, data.new_rows) == ("table", "v1", "v2", 2, 3)
    assert [one.path for one in changed.code.changed] == ["train.py"]
    assert {one.path for one in changed.code.added} == {"new\x1b[2J.txt", "blob.bin"}
    (metric,) = changed.metrics
    assert (metric.old, metric.new, metric.better) == (0.51, 0.62, True)
    lines = [(line.kind, line.text) for line in ws.runs.code_diff(changed)]
    assert ("-", "track.log(accuracy=0.5 + int(os.environ['LAB_SEED']) / 100)") in lines
    assert ("+", "track.log(accuracy=0.6 + int(os.environ['LAB_SEED']) / 100)") in lines
    assert ("note", "no text: 0 bytes before, 3 now") in lines


def test_lost_code_is_told_and_no_error(ws: Workspace, project: Path) -> None:
    first = launch(ws)
    (project / "train.py").write_text(SCRIPT + "# other\n")
    last = launch(ws)
    tree = ws.runs.get(first).code
    (ws.home.manifests / tree[3:5] / f"{tree[5:]}.jsonl").unlink()
    changed = ws.runs.changes(last)
    assert changed.code.note.startswith("no manifest")
    assert [line.kind for line in ws.runs.code_diff(changed)] == ["note"]


def test_more_seeds_are_new_ones_also_beyond_what_is_compared(ws: Workspace) -> None:
    ids = [launch(ws, seed=seed, params={"lr": lr}) for lr in (0.1, 0.2) for seed in (0, 1)]
    comparison = ws.runs.compare([ids[0], ids[2]])
    requests = ws.runs.more_seeds(comparison, {0: 1, 1: 2})
    assert [(one.params["lr"], one.seed) for one in requests] == [(0.1, 2), (0.2, 2), (0.2, 3)]
    launched = [launch(ws, seed=one.seed, params=one.params) for one in requests]
    groups = ws.runs.compare([*ids, *launched]).groups
    assert [len(one.runs) for one in groups] == [3, 4]
