"""What other tools write in a run is collected as it grows: exact, once, and by whoever looks."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from foreign import LOSS, SAMPLES, lay_out

from lab.domain.collecting import Collecting
from lab.domain.resources import Resources
from lab.domain.runs import CodeSnapshot, RunSpec
from lab.experiments.collector import Collector
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
    assert json.loads((lab.home.collecting / "r.json").read_text())["v"] == 1
