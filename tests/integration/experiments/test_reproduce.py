"""Runs that are run again from their captures, on real engines."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from lab.domain.guards import Guard
from lab.domain.launch import LaunchRequest
from lab.domain.reproduction import EXACT, Agreement, Reproduction, Tolerance, tell
from lab.domain.runs import Badge, Run, RunStatus
from lab.errors import ConflictError, IntegrityError, NotFoundError, UsageError
from lab.stores.manifests import ManifestStore
from lab.stores.objects import ObjectStore
from lab.workspace import Workspace

SCRIPT = """
import random
from lab import track
rows = track.data("table").read_text().splitlines()[1:]
total = sum(float(value) for row in rows for value in row.split(","))
source = random.Random(track.seed()) if track.params["kind"] == "plain" else random.SystemRandom()
for step in range(4):
    track.log(step=step, loss=total * track.params["lr"] / (step + 1) + source.random() / 1000, flat=1)
open("made.txt", "w").write(repr(total))
track.artifact("made.txt")
"""


@pytest.fixture
def ws(open_lab: object, project: Path) -> Workspace:
    assert callable(open_lab)
    (project / "train.py").write_text(SCRIPT)
    found = open_lab("process")
    assert isinstance(found, Workspace)
    return found


def first(ws: Workspace, **params: str | float) -> Run:
    run = ws.runs.wait(ws.runs.launch(LaunchRequest("train", params=params, seed=3)).id, timeout=60)
    assert run.status is RunStatus.FINISHED, ws.runs.logs.tail(run.id)
    return run


def reproduce(
    ws: Workspace, run: Run, tolerance: Tolerance = EXACT, repeat: int = 1, swap: str = "", **params: float
) -> Reproduction:
    room = ws.reproductions
    return room.reproduce(run.id, room.plan(tolerance, repeat, swap, params), lambda line: None)


def test_a_deterministic_run_comes_out_the_same(lab: Workspace, project: Path) -> None:
    (project / "train.py").write_text(SCRIPT)
    run = first(lab)
    assert run.badge is Badge.CAPTURED
    (project / "train.py").write_text("raise SystemExit('the code of now')")
    found = reproduce(lab, run)
    assert found.badge is Badge.BITWISE
    assert {item.name: item.agreement for item in found.attempts[0].metrics} == {
        "loss": Agreement.IDENTICAL,
        "flat": Agreement.IDENTICAL,
    }
    assert found.attempts[0].causes == ()
    assert found.deterministic is True
    new = found.attempts[0].run
    assert (new.reproduces, new.swapped, new.seed, new.params, new.image) == (run.id, "", 3, run.params, run.image)
    assert lab.runs.get(run.id).badge is Badge.BITWISE
    assert lab.runs.get(run.id).badge_note == "reproduced, bitwise: all 2 metrics are identical in every step"


def test_chance_is_found_and_measured(ws: Workspace) -> None:
    run = first(ws, kind="unseeded")
    once = reproduce(ws, run)
    assert (once.badge, once.deterministic, once.causes) == (Badge.FAILED, False, ())
    assert "the run is not deterministic" in tell(once)
    (loss,) = (item for item in once.attempts[0].metrics if item.name == "loss")
    assert (loss.agreement, loss.step) == (Agreement.DIFFERENT, 0)
    found = reproduce(ws, run, repeat=2)
    assert found.spreads["loss"].n == 3
    assert 0 < found.spreads["loss"].sd < 0.001
    assert found.spreads["flat"].sd == 0
    assert ws.reproductions.judge(run.id, Tolerance(0.001)).badge is Badge.TOLERANCE
    assert len(ws.reproductions.judge(run.id).attempts) == 3
    assert ws.runs.get(run.id).badge is Badge.FAILED


def test_seeds_give_the_tolerance(ws: Workspace) -> None:
    run = first(ws, kind="unseeded")
    for seed in (4, 5):
        ws.runs.wait(ws.runs.launch(LaunchRequest("train", params={"kind": "unseeded"}, seed=seed)).id, timeout=60)
    found = reproduce(ws, run, Tolerance(sigmas=1e6))
    assert found.badge is Badge.TOLERANCE
    assert found.attempts[0].metrics[0].limit > 0


def test_one_factor_from_now_is_attributed(ws: Workspace, project: Path) -> None:
    run = first(ws)
    for swap in ("code", "data", "env"):
        with pytest.raises(ConflictError, match="nothing to swap"):
            reproduce(ws, run, swap=swap)
    reproduce(ws, run)
    (project / "data" / "table.csv").write_text("a,b\n1,2\n3,5\n")
    ws.datasets.add("table", project / "data" / "table.csv")
    found = reproduce(ws, run, swap="data")
    assert (found.badge, found.swapped, found.change) == (Badge.FAILED, "data", "table v1 → v2")
    assert tell(found).endswith("data did it")
    assert ws.runs.get(run.id).badge is Badge.BITWISE, "a swap says nothing of how reproducible it is"
    (project / "train.py").write_text(SCRIPT + "# another comment\n")
    assert tell(reproduce(ws, run, swap="code")).endswith("makes no difference: identical")
    lr = reproduce(ws, run, swap="params", lr=0.2)
    assert (lr.attempts[0].run.params["lr"], lr.change) == (0.2, "lr 0.1 → 0.2")
    assert len(ws.reproductions.judge(run.id).attempts) == 1, "runs with something swapped are no reproductions"
    for wrong in ({"swap": "luck"}, {"swap": "params"}, {"lr": 0.3}, {"repeat": 0}):
        with pytest.raises(UsageError):
            reproduce(ws, run, **wrong)  # type: ignore[arg-type]


def test_all_that_is_missing_is_listed_at_once(ws: Workspace, project: Path) -> None:
    run = first(ws)
    spec = ws.runs.spec(run.id)
    files = {entry.path: entry.hash for entry in ManifestStore(ws.home).read(spec.code.tree).files}
    assert ws.reproductions.preflight(run.id).ready
    assert ws.runs.get(run.id).badge is Badge.RERUNNABLE
    objects = ObjectStore(ws.home)
    objects.path(files["train.py"]).unlink()
    damaged = objects.path(files["lab.toml"])
    damaged.chmod(0o644)
    damaged.write_bytes(damaged.read_bytes().swapcase())
    for file in ManifestStore(ws.home).read(spec.datasets["table"].manifest).files:
        objects.path(file.hash).unlink()
    flight = ws.reproductions.preflight(run.id)
    said = {(lack.what, lack.message.partition(":")[0]) for lack in flight.missing}
    assert said == {
        ("code", "not in the store any more"),
        ("code", "damaged in the store"),
        ("data", "table@v1"),
    }
    before = ws.runs.list().total
    with pytest.raises(NotFoundError, match=r"train\.py.*lab\.toml.*table\.csv"):
        reproduce(ws, run)
    assert ws.runs.list().total == before, "nothing was started"


def test_an_environment_that_is_gone_is_made_again(ws: Workspace) -> None:
    run = first(ws)
    shutil.rmtree(ws.home.root / run.image)
    assert ws.reproductions.preflight(run.id).rebuild
    found = reproduce(ws, run)
    assert (found.badge, found.attempts[0].rebuilt) == (Badge.BITWISE, True)
    assert ws.runs.spec(found.attempts[0].run.id).rebuilt


def test_a_tree_that_is_not_what_was_captured_never_runs(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    run = first(ws)
    room = ws.reproductions
    flight = room.preflight(run.id)
    monkeypatch.setattr("lab.experiments.reproduce.trees.digest", lambda folder: "b3:" + "0" * 64)
    with pytest.raises(IntegrityError, match="not what was captured"):
        room.start(flight, room.plan(EXACT), lambda line: None)
    refused, _ = ws.runs.list().items
    assert (refused.status, refused.reproduces) == (RunStatus.FAILED, run.id)
    assert refused.cause.startswith("could not be started")


def test_seeds_and_threads_are_pinned(ws: Workspace, project: Path) -> None:
    (project / "train.py").write_text(
        "import os\nprint(*sorted(f'{name}={value}' for name, value in os.environ.items()\n"
        "              if name.endswith(('_THREADS', 'SEED'))), sep='\\n')\n"
    )
    run = ws.runs.wait(ws.runs.launch(LaunchRequest("train", seed=7, cpus=2)).id, timeout=60)
    assert ws.runs.logs.tail(run.id, 20) == [
        "BLIS_NUM_THREADS=2",
        "LAB_SEED=7",
        "MKL_NUM_THREADS=2",
        "NUMBA_NUM_THREADS=2",
        "NUMEXPR_NUM_THREADS=2",
        "OMP_NUM_THREADS=2",
        "OPENBLAS_NUM_THREADS=2",
        "POLARS_MAX_THREADS=2",
        "PYTHONHASHSEED=7",
        "RAYON_NUM_THREADS=2",
        "VECLIB_MAXIMUM_THREADS=2",
    ]


def test_again_from_the_capture_without_a_verdict(ws: Workspace, project: Path) -> None:
    run = first(ws)
    (project / "train.py").write_text("raise SystemExit(9)")
    new = ws.runs.wait(ws.reproductions.again(run.id, {"lr": 0.5}, lambda line: None).id, timeout=60)
    assert (new.status, new.reproduces, new.swapped, new.params["lr"]) == (RunStatus.FINISHED, run.id, "params", 0.5)


def test_a_version_of_data_can_be_named(ws: Workspace, project: Path) -> None:
    table = project / "data" / "table.csv"
    run = first(ws)
    for rows in ("3,5", "3,6"):
        table.write_text(f"a,b\n1,2\n{rows}\n")
        ws.datasets.add("table", table)
    found = reproduce(ws, run, swap="data=table@v2")
    assert (found.swapped, found.change) == ("data", "table v1 → v2")
    assert ws.runs.spec(found.attempts[0].run.id).datasets["table"].version == "v2"
    with pytest.raises(ConflictError, match="nothing to swap"):
        reproduce(ws, run, swap="data=table@v1")
    with pytest.raises(UsageError, match="saw no dataset 'other'"):
        reproduce(ws, run, swap="data=other@v1")
    with pytest.raises(NotFoundError):
        reproduce(ws, run, swap="data=table@v9")


PREDICTING = """
import os
from lab import track
with open("predictions.csv", "w") as out:
    out.write("id,prediction\\n")
    for at in range(100):
        off = 0.25 if os.path.exists(PLACE) and at < 2 else 0
        out.write(f"{at},{at / 7 + off!r}\\n")
track.artifact("predictions.csv")
track.log(loss=0.5)
"""


def test_predictions_are_compared(ws: Workspace, project: Path, tmp_path: Path) -> None:
    """With equal metrics, by what only the predictions tell."""
    place = tmp_path / "now"
    (project / "train.py").write_text(PREDICTING.replace("PLACE", repr(str(place))))
    run = first(ws)
    (verdict,) = reproduce(ws, run).attempts[0].predictions
    assert (verdict.file, verdict.agreement, verdict.common, verdict.equal, verdict.off) == (
        "predictions.csv", Agreement.IDENTICAL, 100, 100, 0.0,
    )  # fmt: skip
    assert ws.runs.get(run.id).badge_note.endswith("and all 100 predictions are identical")
    place.touch()
    found = reproduce(ws, run)
    assert found.badge is Badge.FAILED
    assert "98 of 100 predictions are equal, the farthest 0.25 off" in tell(found)
    assert reproduce(ws, run, Tolerance(absolute=0.3)).badge is Badge.TOLERANCE


def test_threads_are_those_of_the_run_where_the_machine_has_other_cores(ws: Workspace, project: Path) -> None:
    (project / "train.py").write_text(
        "import os\nfrom lab import track\ntrack.log(threads=float(os.environ.get('OMP_NUM_THREADS', 0)))\n"
        "print(os.environ.get('MKL_NUM_THREADS'))\n"
    )
    run = first(ws)
    assert reproduce(ws, run).badge is Badge.BITWISE, "nothing is bounded where nothing has to be"
    capture = ws.runs.folder(run.id).capture
    told = json.loads(capture.read_text())
    told["machine"]["cores"] += 3
    told["software"]["threads"] = {"MKL_NUM_THREADS": "1"}
    capture.write_text(json.dumps(told))
    again = reproduce(ws, run).attempts[0]
    assert again.run.metrics["threads"].last == told["machine"]["cores"]
    assert ws.runs.logs.tail(again.run.id, 1) == ["1"]
    assert {item.name for item in again.causes} == {"cores"}


def test_guards_of_the_launch_go_with_the_run(ws: Workspace) -> None:
    guard = Guard("too much", "loss > 1e9", "stop")
    run = ws.runs.wait(ws.runs.launch(LaunchRequest("train", guards=(guard,), seed=3)).id, timeout=60)
    again = [
        ws.runs.launch(ws.runs.rerun(run.id)),
        ws.reproductions.again(run.id, {}, lambda line: None),
        reproduce(ws, run).attempts[0].run,
    ]
    for one in again:
        ws.runs.wait(one.id, timeout=60)
        spec = ws.runs.spec(one.id)
        assert (spec.guards, spec.given_guards) == ((guard,), (guard,))
    twice = ws.runs.launch(ws.runs.rerun(again[0].id))
    ws.runs.wait(twice.id, timeout=60)
    assert ws.runs.spec(twice.id).guards == (guard,), "once, however often it is run again"
