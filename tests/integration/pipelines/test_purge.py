"""Runs go for good: what is promised, what is free then, what must stay, and the way back."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lab.cli.main import run as run_cli
from lab.domain.retention import RUNS, Policy
from lab.errors import ConflictError, NotFoundError, UsageError
from lab.events import (
    DEPLOYMENT_CREATED,
    DEPLOYMENT_STATUS,
    MODEL_REGISTERED,
    RUN_CREATED,
    RUN_ENDED,
    RUN_PURGED,
    RUN_STARTED,
    RUN_TAGGED,
)
from lab.journal import Journal, segments, verify
from lab.paths import LabHome
from lab.stores import gc, marks, runtrash, trash
from lab.stores.objects import ObjectStore
from lab.stores.snapshot import snapshot
from lab.workspace import Workspace

DAY = 86_400.0


def du(*paths: Path) -> int:
    """Bytes by the system's own counting, each file once."""
    there = [str(path) for path in paths if path.exists()]
    out = subprocess.run(["du", "-sc", "-B1", *there], capture_output=True, text=True, check=True).stdout
    return int(out.splitlines()[-1].split()[0])


@dataclass
class House:
    """A lab home with runs that ended long ago."""

    root: Path
    codes: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.home = LabHome(self.root / "home").create()
        self.journal = Journal(self.home, ())
        self.project = self.root / "shop"
        self.project.mkdir()

    def code(self, text: str, size: int = 20_000) -> str:
        """A snapshot of a project; all of it looks two days old."""
        folder = self.root / f"code-{len(self.codes)}"
        folder.mkdir()
        (folder / "train.py").write_text(text)
        (folder / "shared.py").write_text("same = True\n" * 1000)
        (folder / "weights.bin").write_bytes(text.encode() * (size // len(text)))
        taken = snapshot(folder, self.home)
        for path in [*self.home.objects.rglob("*"), *self.home.manifests.rglob("*")]:
            if path.is_file():
                os.utime(path, (time.time() - 2 * DAY,) * 2)
        self.codes[text] = taken.id
        return taken.id

    def run(self, name: str, code: str = "", status: str = "finished", accuracy: float = 0.5, **more: Any) -> str:
        begun = time.time() - more.pop("age", 100) * DAY
        created = {"name": name, "project": "shop", "entry": "train", "engine": "process", "code": code,
                   "params": {"lr": 0.1}, "datasets": {}, "at": begun, **more}  # fmt: skip
        self.journal.append(RUN_CREATED, name, created)
        self.journal.append(RUN_STARTED, name)
        metric = {"last": accuracy, "min": accuracy, "max": accuracy, "mean": accuracy, "count": 1, "step": 0}
        if status != "running":
            self.journal.append(RUN_ENDED, name, {"ending": status, "authority": 3, "metrics": {"accuracy": metric}})
        folder = self.home.run(name)
        (folder.artifacts / "checkpoints").mkdir(parents=True)
        (folder.artifacts / "checkpoints" / "last.ckpt").write_bytes(b"c" * 300_000)
        (folder.artifacts / "report.txt").write_text("fine\n")
        folder.stdout.write_text("step\n" * 1000)
        return name

    def model(self, name: str, run: str) -> None:
        self.journal.append(MODEL_REGISTERED, name, {"model": name, "number": 1, "manifest": "b3:0", "run": run,
                                                     "framework": "x", "project": "shop", "bytes": 1})  # fmt: skip

    def deployment(self, name: str, model: str, status: str) -> None:
        self.journal.append(DEPLOYMENT_CREATED, name, {"name": name, "model": model, "version": 1})
        self.journal.append(DEPLOYMENT_STATUS, name, {"status": status})

    def open(self) -> Workspace:
        return Workspace(self.home.root, self.project, engine="process")

    def cli(self, *argv: str) -> int:
        return run_cli(["--home", str(self.home.root), "--project-dir", str(self.project), *argv], lambda *_: 0)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.journal.close()


def test_what_is_promised_is_free(house: House) -> None:
    alone, shared = house.code("print('alone')"), house.code("print('shared')")
    for name, code in (("a", alone), ("b", alone), ("c", shared), ("d", shared)):
        house.run(name, code)
    os.link(house.home.run("a").stdout, house.home.run("b").root / "twin")  # both go: it counts once
    os.link(house.home.run("c").stdout, house.home.run("d").root / "twin")  # d stays: it frees nothing
    places = (house.home.runs, house.home.objects, house.home.manifests)
    with house.open() as ws:
        plan = ws.purge.plan([ws.runs.get(name) for name in ("a", "b", "c")])
        assert [item.run.name for item in plan.goes] == sorted(("a", "b", "c"), key=lambda name: -_size(plan, name))
        assert plan.bytes == sum(item.bytes for item in plan.goes) + plan.code
        assert plan.code > 20_000, "the code of a and b is nobody else's"
        before = du(*places)
        done = ws.purge.apply(plan)
        assert before - du(*places) == plan.bytes == done.bytes
        assert [run.name for run in ws.runs.list().items] == ["d"]
        assert ws.store.plan().object_bytes == 0, "nothing is left behind for gc"
        (batch,) = ws.store.batches()
        assert (batch.id, batch.runs) == (done.batch, 3)
        everything = du(house.home.root)
        trash.empty(house.home, older_than=0)
        assert everything - du(house.home.root) >= plan.bytes
        with pytest.raises(NotFoundError, match="was purged") as caught:
            ws.runs.get("a")
        assert "for good" in caught.value.hint


def _size(plan: Any, name: str) -> int:
    return next(item.bytes for item in plan.goes if item.run.name == name)


def test_undo_brings_back_all_of_it(house: House) -> None:
    code = house.code("print('x')")
    house.run("a", code)
    files = sorted(str(path) for path in house.home.run("a").root.rglob("*"))
    with house.open() as ws:
        before = ws.runs.get("a")
        done = ws.purge.apply(ws.purge.plan([before]))
        assert code not in marks.manifests(house.home), "its code went with it"
        with pytest.raises(NotFoundError) as caught:
            ws.runs.get("a")
        assert caught.value.hint == f"lab gc --undo {done.batch} brings it back"
        ws.store.restore(done.batch)
        assert ws.runs.get("a") == before
        assert sorted(str(path) for path in house.home.run("a").root.rglob("*")) == files
        assert all(ObjectStore(house.home).has(digest) for digest in marks.named(house.home, code))
        assert ws.store.batches() == ()
        told = [event for event in _lines(house.home) if event["type"] == RUN_PURGED]
        assert [event["body"]["value"] for event in told] == [True, False]
        assert all("prev" in event for event in told), "purging is governance"
        assert not [damage for segment in segments(house.home) for damage in verify(house.home, segment.name)]
    with house.open() as ws:
        assert ws.rebuild() > 0
        assert ws.runs.get("a").name == "a", "the journal alone tells the same"


def _lines(home: LabHome) -> list[dict[str, Any]]:
    return [json.loads(line) for path in sorted(home.journal.iterdir()) for line in path.read_text().splitlines()]


def test_what_others_need_stays_unless_forced(house: House) -> None:
    for name in ("model", "server", "old", "free"):
        house.run(name)
    house.run("going", status="running")
    house.model("m", "model")
    house.model("s", "server")
    house.deployment("s-live", "s", "ready")
    house.model("o", "old")
    house.deployment("o-old", "o", "stopped")
    house.run("again", reproduces="first")
    house.run("first")
    with house.open() as ws:
        runs = [ws.runs.get(name) for name in ("model", "server", "old", "free", "going", "first")]
        plan = ws.purge.plan(runs)
        assert {item.run.name: item.needs for item in plan.stays} == {
            "model": ("model m:v1 came from it",),
            "server": ("deployment s-live serves s:v1", "model s:v1 came from it"),
            "old": ("model o:v1 came from it",),
            "going": ("it is running",),
            "first": ("run again reproduces it",),
        }
        assert [item.run.name for item in plan.goes] == ["free"]
        forced = ws.purge.plan(runs, force=True)
        assert [item.run.name for item in forced.stays] == ["going"]
        assert len(forced.goes) == 5
        pair = [ws.runs.get("first"), ws.runs.get("again")]
        assert len(ws.purge.plan(pair).goes) == 2, "together they need each other no more"
        house.model("late", "free")
        assert ws.purge.apply(plan).runs == (), "a model came from it since the plan was made"
        ws.purge.apply(forced)
        assert ws.lineage.of_model(ws.models.get("m:v1")).runs[0].name == "model", "its tombstone is still known"


@pytest.mark.parametrize("at", ["before", "after"])
def test_a_kill_in_between_is_finished_later(house: House, at: str) -> None:
    house.run("a")
    batch = trash.begin(house.home, time.time(), "purge")
    house.journal.append(RUN_PURGED, "a", {"value": True, "batch": batch.name})
    if at == "after":
        runtrash.put(house.home, batch, "a")
    with house.open() as ws:
        assert ws.purge.finish() == (["a"] if at == "before" else [])
        assert not house.home.run("a").root.exists()
        assert (batch / "runs" / "a" / "stdout.log").exists()
        ws.store.restore(batch.name)
        assert ws.runs.get("a").name == "a"
        assert house.home.run("a").stdout.exists()
        assert ws.purge.finish() == []


def test_undo_that_fails_leaves_it_purged(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.run("a")
    with house.open() as ws:
        done = ws.purge.apply(ws.purge.plan([ws.runs.get("a")]))

        def busy(*_: object) -> None:
            raise ConflictError("busy")

        with monkeypatch.context() as patch:
            patch.setattr(trash, "restore", busy)
            with pytest.raises(ConflictError):
                ws.store.restore(done.batch)
        with pytest.raises(NotFoundError):
            ws.runs.get("a")
        ws.store.restore(done.batch)
        assert ws.runs.get("a").name == "a"


def test_young_code_is_told_and_left_to_gc(house: House) -> None:
    code = house.code("print('young')")
    for path in [*house.home.objects.rglob("*"), *house.home.manifests.rglob("*")]:
        os.utime(path)
    house.run("a", code)
    with house.open() as ws:
        plan = ws.purge.plan([ws.runs.get("a")])
        assert plan.code == 0
        assert plan.young > 20_000
        ws.purge.apply(plan)
        later = gc.plan(house.home, gc.Live(frozenset()), time.time() + 2 * DAY)
        assert later.object_bytes == plan.young


def test_a_policy_prunes_checkpoints_and_tells_why_the_rest_stays(house: House) -> None:
    for number in range(5):
        house.run(f"r{number}", accuracy=0.5 + number / 10, age=100 - number)
    house.journal.append(RUN_TAGGED, "r0", {"tags": ["paper"]})
    house.run("needed", accuracy=0.1, age=200)
    house.model("m", "needed")
    (house.home.run("r1").model).mkdir()
    (house.home.run("r1").model / "weights.pt").write_text("the model")
    with house.open() as ws:
        with pytest.raises(UsageError, match="nothing says"):
            ws.retention.plan("shop", Policy())
        pruning = ws.retention.plan("shop", Policy(best={"accuracy": 1}, last=2))
        assert {item.run.name: item.needs[0] for item in pruning.plan.stays} == {
            "r4": "1st latest of train", "r3": "2nd latest of train", "r0": "is tagged paper",
            "needed": "model m:v1 came from it",
        }  # fmt: skip
        assert sorted(item.run.name for item in pruning.plan.goes) == ["r1", "r2"]
        assert {item.names for item in pruning.plan.goes} == {("artifacts/checkpoints/last.ckpt",)}
        before = du(house.home.runs)
        done = ws.retention.apply(pruning)
        assert before - du(house.home.runs) == pruning.plan.bytes == done.bytes
        assert len(ws.runs.list().items) == 6, "the runs stay"
        assert [edit.after for edit in ws.runs.edits("r1")] == [f"1 went to the trash, {done.batch}"]
        assert (house.home.run("r1").model / "weights.pt").exists()
        assert (house.home.run("r1").artifacts / "report.txt").exists()
        assert not ws.retention.plan("shop", Policy(last=2, best={"accuracy": 1})).plan.goes
        ws.store.restore(done.batch)
        assert (house.home.run("r2").artifacts / "checkpoints" / "last.ckpt").stat().st_size == 300_000
        whole = ws.retention.plan("shop", Policy(last=2, drop=RUNS))
        assert sorted(item.run.name for item in whole.plan.goes) == ["r1", "r2"]
        ws.retention.apply(whole, now=True)
        assert sorted(run.name for run in ws.runs.list().items) == ["needed", "r0", "r3", "r4"]
        assert ws.store.batches() == ()


def test_the_command_line(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    house.run("a", house.code("print('x')"))
    house.run("b")
    house.model("m", "b")
    assert house.cli("runs", "purge") == 2
    assert house.cli("runs", "purge", "a", "b") == 0
    out = capsys.readouterr().out
    assert "frees" in out
    assert "model m:v1 came from it" in out
    assert house.cli("runs", "purge", "a", "b", "--apply") == 4, "named ones go all or not at all"
    assert "cannot be purged: b: model m:v1" in capsys.readouterr().err
    assert house.cli("runs", "purge", "--where", "entry:train", "--apply", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [item["name"] for item in told["plan"]["goes"]] == ["a"]
    assert told["done"]["runs"] == ["a"]
    assert told["done"]["bytes"] == told["plan"]["bytes"] > 300_000
    assert house.cli("runs", "show", "a") == 3
    assert f"lab gc --undo {told['done']['batch']}" in capsys.readouterr().err
    assert house.cli("gc", "--undo", told["done"]["batch"], "--json") == 0
    assert json.loads(capsys.readouterr().out)["runs"] == ["a"]
    assert house.cli("runs", "show", "a") == 0
    capsys.readouterr()
    assert house.cli("runs", "prune", "--project", "shop") == 2
    assert house.cli("runs", "prune", "--project", "shop", "--last", "1", "--best", "accuracy=x") == 2
    capsys.readouterr()
    assert house.cli("runs", "prune", "--project", "shop", "--last", "1", "--apply", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [(item["name"], item["files"]) for item in told["plan"]["goes"]] == [
        ("a", ["artifacts/checkpoints/last.ckpt"])
    ]
    (house.project / "lab.toml").write_text('[project]\nname = "shop"\n[retention]\nlast = 1\ndrop = "runs"\n')
    assert house.cli("runs", "prune", "--json") == 0
    assert [item["name"] for item in json.loads(capsys.readouterr().out)["plan"]["goes"]] == ["a"]
    (house.project / "lab.toml").write_text('[project]\nname = "shop"\n[retention]\nyounger = "soon"\n')
    assert house.cli("runs", "prune") == 2
    assert "lab.toml:4: [retention] younger must be an age" in capsys.readouterr().err
