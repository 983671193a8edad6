"""Captures are put together from a run's folder; what is missing or nonsense there is told, never an error."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from lab.domain.capture import Output
from lab.domain.resources import Resources
from lab.domain.runs import CodeSnapshot, RunSpec
from lab.experiments.captures import gather
from lab.paths import RunFolder
from lab.runtime import surroundings
from lab.stores import runfolder

SPEC = RunSpec(
    "r", "r", "p", "train", ("python", "train.py"), {"lr": 0.1}, 3, {}, CodeSnapshot("t", 1, 1, skipped=("big.bin",)),
    "docker", "lab-env:1", "e", Resources(), False, time.time(), image_id="sha256:1", base="b", base_id="sha256:2",
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    made = RunFolder(tmp_path / "r")
    runfolder.create(made)
    runfolder.write_spec(made, SPEC)
    return made


def test_what_a_run_sees_comes_back(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setenv("LAB_SECRET_THING", "hidden")
    folder.capture.write_text(json.dumps(surroundings.describe({"numpy": "2.0"})))
    folder.outputs.write_text(
        json.dumps({"v": 1, "files": [{"path": "model/m", "kind": "model", "size": 3, "sha256": "ab"}], "more": 0})
    )
    found = gather(runfolder.read_spec(folder), folder, ended=True)
    assert found.software.python.startswith("3.")
    assert found.software.packages == {"numpy": "2.0"}
    assert found.software.threads["OMP_NUM_THREADS"] == "2"
    assert "LAB_SECRET_THING" in found.software.variables
    assert "hidden" not in json.dumps(found.to_json())
    assert found.machine.cores > 0
    assert found.machine.memory > 0
    assert found.machine.cpu
    assert found.outputs == (Output("model/m", "model", 3, "ab"),)
    assert found.partial
    assert found.missing == ("code: partial, 1 file over the caps left out",)
    assert found.input_id == gather(runfolder.read_spec(folder), folder, ended=False).input_id


def test_a_run_that_left_nothing_says_what_is_missing(folder: RunFolder) -> None:
    found = gather(SPEC, folder, ended=True)
    assert [text.split(":")[0] for text in found.missing] == [
        "its environment was not seen from inside",
        "its outputs were not listed",
        "code",
    ]
    running = gather(SPEC, folder, ended=False)
    assert len(running.missing) == 2, "a run that goes on has no outputs yet"


def test_the_exit_record_tells_packages_where_nothing_else_does(folder: RunFolder) -> None:
    folder.exit.write_text(json.dumps({"v": 1, "exit_code": 0, "python": "3.12.1", "packages": {"numpy": "2.0"}}))
    found = gather(SPEC, folder, ended=True)
    assert (found.software.python, found.software.packages) == ("3.12.1", {"numpy": "2.0"})


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{",
        '{"software": [], "machine": 3, "files": {}}',
        '{"software": {"packages": [1], "blas": {"a": 1}, "threads": 3, "python": 3}, "machine": {"cores": -1}}',
        '{"files": [3, {"kind": "model", "path": 4, "size": -1, "sha256": []}, {"kind": "odd"}]}',
    ],
)
def test_nonsense_does_no_harm(folder: RunFolder, text: str) -> None:
    folder.capture.write_text(text)
    folder.outputs.write_text(text)
    found = gather(SPEC, folder, ended=True)
    assert found.software.packages == {}
    assert found.machine.cores == 0
    assert all(isinstance(item.path, str) for item in found.outputs)
