"""What other tools write in a run is collected as it grows: exact, once, and by whoever looks."""

from __future__ import annotations

import json
import math
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from foreign import LOSS, SAMPLES, lay_out

from lab.domain.collecting import Collecting
from lab.domain.resources import Resources
from lab.domain.runs import CodeSnapshot, RunSpec
from lab.experiments.collector import Collector
from lab.experiments.readers import mlflow_db, trackio
from lab.experiments.readers.base import ForeignRun, Source
from lab.experiments.readers.huggingface import HuggingFace
from lab.paths import LabHome, RunFolder
from lab.stores import runfolder
from lab.stores.runfolder import EventTail
from lab.stores.snapshot import snapshot


class Lab:
    """One run of a lab, whose folder is filled by hand."""

    def __init__(self, root: Path) -> None:
        self.home = LabHome(root / "home").create()
        self.folder: RunFolder = self.home.run("r")
        runfolder.create(self.folder)
        (root / "project").mkdir()
        self.project = root / "project"
        self.begin()

    def begin(self, collecting: Collecting | None = None) -> None:
        """Snapshot the project and write the spec."""
        tree = snapshot(self.project, self.home).id
        spec = RunSpec(
            "r", "r", "p", "train", ("python",), {}, 0, {}, CodeSnapshot(tree, 0, 0), "process", "", "", Resources(),
            False, time.time(), collecting=collecting or Collecting(),
        )  # fmt: skip
        runfolder.write_spec(self.folder, spec)
        shutil.rmtree(self.folder.code, ignore_errors=True)
        shutil.copytree(self.project, self.folder.code)
        self.folder.records.mkdir(exist_ok=True)

    def collector(self) -> Collector:
        """Of a process that has not looked yet."""
        return Collector(self.home, "r")

    def look(self, *, last: bool = False) -> dict[str, Any]:
        return self.collector().look(last=last)

    def points(self) -> dict[str, list[tuple[float, float]]]:
        """Steps and values by metric."""
        found: dict[str, list[tuple[float, float]]] = {}
        tail = EventTail(self.folder.collected)
        while lines := tail.poll():
            for line in lines:
                for name, value in line["m"].items():
                    found.setdefault(name, []).append((line["s"], float(value)))
        return found


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


#: Tool → (where it lies among the samples, name of the metric, a parameter).
TOOLS: dict[str, tuple[str, str, str]] = {
    "mlflow files": ("mlruns", "train/loss", "lr"),
    "mlflow database": ("mlflow", "train/loss", "lr"),
    "wandb": ("wandb", "train/loss", "lr"),
    "tensorboard": ("tensorboard/first", "train/loss", "lr"),
    "dvclive": ("dvclive", "train/loss", "lr"),
    "trackio": ("trackio", "train/loss", "lr"),
    "lightning": ("lightning_logs", "train/loss", "lr"),
    "hugging face": ("outputs", "loss", "train_batch_size"),
    "ultralytics": ("runs", "train/box_loss", "lr0"),
    "sacred": ("sacred", "train.loss", "lr"),
    "csv": ("plain", "loss", ""),
}


@pytest.mark.parametrize("place", ["records", "code"])
@pytest.mark.parametrize("tool", TOOLS)
def test_each_tool_is_read_exactly(lab: Lab, tool: str, place: str, tmp_path: Path) -> None:
    where, metric, param = TOOLS[tool]
    source = lay_out(tmp_path / "samples", where.split("/")[0]) / where
    shutil.copytree(source, lab.folder.root / place / where)
    for _ in range(3):
        params = lab.look(last=True)
    found = lab.points()
    single = tool == "tensorboard"  # its values are of single precision
    assert [value for _, value in found[metric]] == [
        pytest.approx(value, rel=1e-6 if single else 1e-15, nan_ok=True) for value in LOSS
    ]
    assert param in params or not param


def grow(path: Path, data: bytes, cuts: int, look: Callable[[], object]) -> None:
    """Write `data` in pieces and look after each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        for cut in range(cuts + 1):
            file.write(data[len(data) * cut // (cuts + 1) : len(data) * (cut + 1) // (cuts + 1)])
            file.flush()
            look()


GROWING = {
    "tensorboard": "tensorboard/first/events.out.tfevents*",
    "wandb": "wandb/*/*.wandb",
    "mlflow files": "mlruns/*/f2f1a593933b47dd961babb2e86c8207/metrics/train/loss",
    "dvclive": "dvclive/plots/metrics/train/loss.tsv",
    "lightning": "lightning_logs/version_0/metrics.csv",
    "ultralytics": "runs/detect/train/results.csv",
    "csv": "plain/history.csv",
}


@pytest.mark.parametrize("tool", GROWING)
def test_a_file_that_grows_is_never_read_twice(lab: Lab, tool: str, tmp_path: Path) -> None:
    where = TOOLS[tool][0]
    samples = lay_out(tmp_path / "samples", where.split("/")[0])
    (file,) = samples.glob(GROWING[tool])
    shutil.copytree(samples / where, lab.folder.records / where)
    copy = lab.folder.records / file.relative_to(samples)
    data = copy.read_bytes()
    copy.unlink()
    grow(copy, data, 23, lab.look)
    lab.look(last=True)
    grown = lab.points()
    (tmp_path / "whole").mkdir()
    whole = Lab(tmp_path / "whole")
    shutil.copytree(lab.folder.records / where, whole.folder.records / where)
    whole.look(last=True)
    assert repr(sorted(grown.items())) == repr(sorted(whole.points().items()))


def test_what_was_there_before_is_not_of_this_run(lab: Lab) -> None:
    lay_out(lab.project, "mlruns", "plain", "mlflow")
    lab.begin()
    assert lab.look(last=True) == {}
    assert lab.points() == {}
    (lab.folder.code / "plain" / "history.csv").write_text("step,loss\n0,0.5\n1,0.25\n")
    lab.look(last=True)
    assert lab.points() == {"loss": [(0.0, 0.5), (1.0, 0.25)]}


def test_tables_of_data_and_plain_files_are_no_metrics(lab: Lab) -> None:
    (lab.folder.code / "predictions.csv").write_text("step,loss\n0,0.5\n1,0.25\n")
    (lab.folder.code / "model.pkl").write_bytes(b"cos\nsystem\n(S'touch /tmp/owned'\ntR.")
    lab.look(last=True)
    assert lab.points() == {}


def test_two_runs_of_a_tool_keep_their_metrics_apart(lab: Lab) -> None:
    for split in ("train", "validation"):
        place = lab.folder.code / "logs" / split
        shutil.copytree(SAMPLES / "tensorboard" / "first", place)
        shutil.rmtree(place / "hparams")
    for name in ("a", "b"):
        (lab.folder.code / name).mkdir()
        (lab.folder.code / name / "history.csv").write_text(f"step,loss\n0,{len(name)}.5\n")
    lab.look(last=True)
    found = lab.points()
    assert {"train/train/loss", "validation/train/loss", "loss", "b/history/loss"} <= set(found)


def test_a_table_that_is_begun_anew_goes_on(lab: Lab) -> None:
    """As Lightning does when a new column comes."""
    table = lab.folder.code / "metrics.csv"
    table.write_text("step,loss\n0,0.5\n1,0.25\n")
    lab.look()
    table.write_text("step,loss,acc\n0,0.5,\n1,0.25,\n2,0.125,0.9\n")
    lab.look()
    assert lab.points() == {"loss": [(0.0, 0.5), (1.0, 0.25), (2.0, 0.125)], "acc": [(2.0, 0.9)]}


def test_a_kill_between_writing_and_noting_repeats_nothing(lab: Lab) -> None:
    table = lab.folder.code / "metrics.csv"
    table.write_text("step,loss\n0,0.5\n")
    lab.look()
    with open(lab.folder.collected, "a") as file:
        file.write('{"t":1.0,"s":1.0,"m":{"loss":9.0}}\n{"t"')
    table.write_text("step,loss\n0,0.5\n1,0.25\n")
    lab.look()
    assert lab.points() == {"loss": [(0.0, 0.5), (1.0, 0.25)]}


def test_nobody_writes_through_a_link(lab: Lab, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    lab.folder.collected.symlink_to(victim)
    (lab.folder.code / "metrics.csv").write_text("step,loss\n0,0.5\n")
    with pytest.raises(OSError, match="symbolic"):
        lab.look(last=True)
    assert victim.read_text() == "mine"


def test_the_settings_are_obeyed(lab: Lab) -> None:
    (lab.project / "keep").touch()
    lab.begin(Collecting(ignore=("acc",)))
    (lab.folder.code / "metrics.csv").write_text("step,loss,acc\n0,0.5,0.9\n")
    lab.look(last=True)
    assert lab.points() == {"loss": [(0.0, 0.5)]}
    spec = runfolder.read_spec(lab.folder)
    runfolder.write_spec(lab.folder, replace(spec, collecting=Collecting(tools=False)))
    (lab.folder.code / "metrics.csv").write_text("step,loss,acc\n0,0.5,0.9\n1,0.25,0.9\n")
    lab.look(last=True)
    assert lab.points() == {"loss": [(0.0, 0.5)]}


def test_damage_and_nonsense_are_passed_over(lab: Lab) -> None:
    (lab.folder.code / "a").mkdir()
    (lab.folder.code / "a" / "events.out.tfevents.1").write_bytes(b"\0" * 100)
    (lab.folder.code / "trainer_state.json").write_text("[" * 100_000)
    (lab.folder.code / "mlflow.db").write_bytes(b"SQLite format 3\0" + b"x" * 100)
    (lab.folder.code / "results.csv").write_text("step,loss\n0,0.5\n")
    lab.look(last=True)
    assert lab.points() == {"loss": [(0.0, 0.5)]}
    assert json.loads((lab.home.collecting / "r.json").read_text())["v"] == 2


class Mlflow:
    """The store of MLflow that is written as training goes on."""

    def __init__(self, path: Path, journal: str) -> None:
        self._con = sqlite3.connect(path)
        self._con.execute(f"PRAGMA journal_mode = {journal}")
        self._con.executescript(
            """
            CREATE TABLE experiments (experiment_id INTEGER, name TEXT);
            CREATE TABLE runs (run_uuid TEXT, name TEXT, status TEXT, start_time INTEGER, end_time INTEGER,
                lifecycle_stage TEXT, artifact_uri TEXT, experiment_id INTEGER);
            CREATE TABLE params (key TEXT, value TEXT, run_uuid TEXT);
            CREATE TABLE tags (key TEXT, value TEXT, run_uuid TEXT);
            CREATE TABLE metrics (key TEXT, value REAL, timestamp INTEGER, run_uuid TEXT, step INTEGER, is_nan INTEGER,
                PRIMARY KEY (key, timestamp, step, run_uuid, value, is_nan));
            INSERT INTO experiments VALUES (1, 'x');
            """
        )

    def run(self, uid: str) -> None:
        self._con.execute("INSERT INTO runs VALUES (?, ?, 'RUNNING', 1, NULL, 'active', '', 1)", [uid, uid])
        self._con.commit()

    def log(self, uid: str, key: str, step: int, value: float) -> None:
        nan = math.isnan(value)
        self._con.execute(
            "INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?)", [key, 0.0 if nan else value, step, uid, step, nan]
        )
        self._con.commit()

    def sql(self, text: str) -> None:
        self._con.execute(text)
        self._con.commit()

    def close(self) -> None:
        self._con.close()


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_a_database_of_mlflow_is_read_from_where_it_was(
    lab: Lab, journal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = 0
    count = mlflow_db._by_key

    def counted(portion: Iterable[tuple[Any, ...]]) -> Any:
        nonlocal rows
        found = count(portion)
        rows += sum(len(columns[0]) for columns in found.values())
        return found

    monkeypatch.setattr(mlflow_db, "_by_key", counted)
    store = Mlflow(lab.folder.code / "mlflow.db", journal)
    lab.look()
    store.run("a")
    expected: dict[str, list[tuple[float, float]]] = {}
    for step in range(30):
        value = math.nan if step == 7 else step / 7
        store.log("a", "loss", step, value)
        expected.setdefault("loss", []).append((float(step), value))
        if step == 12:
            store.run("b")
        if step > 12:
            store.log("b", "loss", step, -value)
            expected.setdefault("b/loss", []).append((float(step), -value))
        lab.look()
    lab.look(last=True)
    assert repr(lab.points()) == repr(expected)
    assert rows == 30 + 17  # each once
    store.close()


def test_a_database_whose_rows_are_numbered_anew_gives_nothing_twice(lab: Lab) -> None:
    store = Mlflow(lab.folder.code / "mlflow.db", "delete")
    store.run("gone")
    store.run("a")
    for step in range(10):
        store.log("gone", "other", step, 1.0)
        store.log("a", "loss", step, step / 7)
    lab.look()
    store.sql("DELETE FROM metrics WHERE run_uuid = 'gone'")
    store.sql("VACUUM")
    lab.look()
    store.log("a", "loss", 10, 10 / 7)
    lab.look(last=True)
    assert lab.points()["loss"] == [(step, step / 7) for step in range(11)]
    assert len(lab.points()["other"]) == 10
    store.close()


def test_a_database_in_place_of_another_is_read_anew(lab: Lab) -> None:
    path = lab.folder.code / "mlflow.db"
    for uid, values in (("a", [0.5, 0.25, 0.125]), ("b", [9.0]), ("b", [9.0, 8.0, 7.0, 6.0])):
        path.unlink(missing_ok=True)
        store = Mlflow(path, "delete")
        store.run(uid)
        for step, value in enumerate(values):
            store.log(uid, "loss", step, value)
        store.close()
        lab.look()
    found = lab.points()
    assert found["loss"] == [(0, 0.5), (1, 0.25), (2, 0.125)]
    assert found["b/loss"] == [(0, 9.0), (1, 8.0), (2, 7.0), (3, 6.0)]


def test_a_project_of_trackio_is_read_from_where_it_was(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    take = trackio._take
    monkeypatch.setattr(trackio, "_take", lambda rows, *rest: take(asked_for(rows, asked), *rest))
    con = sqlite3.connect(lab.folder.code / "demo.db")
    con.executescript(
        """
        PRAGMA journal_mode = WAL;
        CREATE TABLE metrics (id INTEGER PRIMARY KEY, run_id TEXT, run_name TEXT, step INTEGER, timestamp TEXT,
            metrics TEXT);
        CREATE TABLE configs (id INTEGER PRIMARY KEY, run_id TEXT, config TEXT);
        CREATE TABLE system_metrics (id INTEGER PRIMARY KEY, run_id TEXT, timestamp TEXT, metrics TEXT);
        """
    )
    for step in range(20):
        con.execute(
            "INSERT INTO metrics (run_id, run_name, step, timestamp, metrics) VALUES ('1', 'a', ?, '2026-01-01', ?)",
            [step, json.dumps({"loss": step / 7})],
        )
        con.commit()
        lab.look()
    lab.look(last=True)
    assert lab.points() == {"loss": [(step, step / 7) for step in range(20)]}
    assert len(asked) == 20
    con.close()


def asked_for(rows: Iterable[Any], asked: list[Any]) -> Iterator[Any]:
    for row in rows:
        asked.append(row)
        yield row


def history(*values: tuple[int, float]) -> str:
    entries = [{"step": step, "loss": value} for step, value in values]
    return json.dumps({"global_step": values[-1][0] if values else 0, "log_history": entries})


def test_a_state_that_shrinks_and_grows_again_loses_and_doubles_nothing(lab: Lab) -> None:
    """As when training goes on from a checkpoint: some steps come a second time, with values of their own."""
    path = lab.folder.code / "out" / "trainer_state.json"
    path.parent.mkdir()
    first = [(step, step / 7) for step in range(1, 11)]
    again = [(step, step / 3) for step in range(6, 9)]
    third = [(step, step / 2) for step in range(8, 12)]
    for entries in (first[:4], first, first[:5], first[:5] + again[:1], first[:5] + again, first[:7] + third):
        path.write_text(history(*entries))
        lab.look()
        lab.look(last=True)
    assert lab.points()["loss"] == [*first, *again, *third]


def test_a_state_of_another_training_in_the_same_place_is_all_new(lab: Lab) -> None:
    path = lab.folder.code / "trainer_state.json"
    for seed in (1, 2):
        for count in (2, 5):
            path.write_text(history(*[(step, step / 7 + seed) for step in range(1, count)]))
            lab.look()
    assert lab.points()["loss"] == [(step, step / 7 + seed) for seed in (1, 2) for step in range(1, 5)]


def test_what_has_not_changed_is_not_read_and_what_takes_long_is_read_rarely(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = lab.folder.code / "trainer_state.json"
    path.write_text(history((1, 0.5)))
    reads = 0
    clock = 0.0
    read = HuggingFace.read

    def slow(self: HuggingFace, source: Source) -> Iterator[ForeignRun]:
        nonlocal reads, clock
        reads += 1
        clock += 1.0
        return read(self, source)

    monkeypatch.setattr(HuggingFace, "read", slow)
    monkeypatch.setattr("lab.experiments.collector.time", SimpleNamespace(monotonic=lambda: clock))
    collector = lab.collector()
    for step in range(1, 101):
        clock += 1.0
        if step > 50:
            path.write_text(history(*[(at, 0.5) for at in range(1, step)]))
        collector.look()
    assert 1 <= reads <= 7  # once while nothing changed; then a tenth of the time
    clock += 1.0
    collector.look(last=True)
    assert len(lab.points()["loss"]) == 99
